"""Once faults heal, every command is settled, or parked with a reason that somebody can act on."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Nothing waits without a reason, and nothing that was said long before its time expires."""
    for words in evidence.unsettled:
        yield Finding(words.partition(":")[0], f"still waits:{words.partition(':')[2]}")
    for command in evidence.said:
        here = evidence.here(command)
        if here is None:
            yield Finding(command, "never reached the server")
        elif here.answer is None and here.hold in {None, "waiting"}:
            yield Finding(command, "waits, and nothing stands in its way")
        elif here.answer is None and not here.problem:
            yield Finding(command, f"is {here.hold} without a reason")
        elif here.answer and here.answer["outcome"] == "expired" and not _was_due(here):
            yield Finding(command, "expired long before its time")


def _was_due(here: Received) -> bool:
    """Whether its time was over when it was settled, or would have been by a clock that is a day off."""
    assert here.answer is not None, "it is settled"
    at, until = here.answer["settled_at"], here.command["expires_at"]
    return datetime.fromisoformat(at) > datetime.fromisoformat(until) - timedelta(days=1)


CHECKER = Checker("everything-ends", judge)
