"""A job's status goes only where the step exists; only who settles a conflict chooses freely."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.checkers.settings import settings_of

#: What was promised to people, written down once more: the table that is judged is not asked.
STEPS = frozenset(
    {
        ("open", "in_progress"),
        ("open", "on_hold"),
        ("open", "done"),
        ("open", "cancelled"),
        ("in_progress", "on_hold"),
        ("in_progress", "done"),
        ("in_progress", "cancelled"),
        ("on_hold", "in_progress"),
        ("on_hold", "done"),
        ("on_hold", "cancelled"),
        ("done", "in_progress"),
        ("done", "closed"),
    }
)


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Status by status, in the order of a job's versions."""
    for (ref, field), there in settings_of(evidence).items():
        if field != "status" or ref not in evidence.start.records:
            continue
        stood = evidence.start.records[ref]["fields"]["status"]
        for each in there:
            if each.value != stood and (stood, each.value) not in STEPS and not each.decided:
                yield Finding(each.command, f"took {ref} from {stood} to {each.value}, and there is no such step")
            stood = each.value


CHECKER = Checker("only-listed-steps", judge)
