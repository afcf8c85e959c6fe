"""Whether a laptop is ready for the road: facts in, one row per thing out, each with the exact next step.

Rules
1. A row is OK, a warning, or a failure. What would stop a person from doing today's jobs without coverage is a
   failure; what only makes it worse, or is not known, is a warning.
2. Every row that is not OK says what to do next. Nothing here is decided twice: what a policy or a model may do is
   told, not judged.
3. Today's jobs are the open ones that are due by tomorrow, in progress, or without a date; all open ones if there are
   none of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from device.core.clock_doubt import doubt, set_back

FRESH, STALE = timedelta(hours=4), timedelta(hours=24)
#: What is in force must hold for so long.
SHIFT = timedelta(hours=14)
DISK_FAIL_MIB, DISK_WARN_MIB = 300, 1500


class Verdict(StrEnum):
    """How a row stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what was looked at, how it stands, in words, and the next step (empty if there is nothing to do).

    `fetched` says that fetching may mend it.
    """

    name: str
    verdict: Verdict
    said: str
    next_step: str = ""
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class ManualFact:
    """A manual: its short name, whether its bytes are here and how much of it was read; `problem` is a sentence."""

    name: str
    here: bool
    read: bool
    problem: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class ModelFact:
    """The model that is used: `here` on the disk, `proven` by an answer on this laptop within the hour.

    `refused` says that a person wants none. `coming` are rolled-out models that are not here yet.
    """

    name: str
    here: bool
    proven: bool
    refused: bool = False
    coming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the rows rest on, at the instant `now`.

    Args:
        now: by this laptop's clock.
        data_as_of: the server's time of the last successful round; None for never.
        jobs: the numbers of today's jobs.
        absent: what these jobs need of records and is not here, in words.
        files: files of these jobs that are not here, in words.
        manuals: those that are meant for this laptop.
        unnamed: models of these jobs' equipment that no manual here names.
        model: the one that is used.
        policy: version of the bundle in force.
        policy_ends: when it narrows itself.
        policy_trouble: a sentence; empty if there is none.
        approved_until: until when the organisation's approval holds; None if it does not.
        disk_free_mib: where the database lies.
        saved: commands that were not sent.
        unsure: commands that were sent and whose answer was not seen.
        review: commands that wait for somebody at the office.
        needs_you: commands that came back.
        shut_out: why the server tells nothing; empty if it does.
        clock_off_s: how far the server's clock is ahead, as it last said.
    """

    now: datetime
    data_as_of: datetime | None
    jobs: tuple[str, ...]
    absent: tuple[str, ...]
    files: tuple[str, ...]
    manuals: tuple[ManualFact, ...]
    unnamed: tuple[str, ...]
    model: ModelFact
    policy: str
    policy_ends: datetime
    policy_trouble: str
    approved_until: datetime | None
    disk_free_mib: int
    saved: int
    unsure: int
    review: int
    needs_you: int
    shut_out: str
    clock_off_s: float


def is_for_today(due_on: date | None, status: str, today: date) -> bool:
    """Whether an open job counts as one of today's."""
    return status == "in_progress" or due_on is None or due_on <= today + timedelta(days=1)


def ready(facts: Facts) -> list[Check]:
    """The rows, in the order in which a person would look."""
    return [look(facts) for look in _LOOKS]


def worst(checks: Sequence[Check]) -> Verdict:
    """How it stands as a whole."""
    found = {each.verdict for each in checks}
    return next(each for each in (Verdict.FAIL, Verdict.WARN, Verdict.OK) if each in found or each is Verdict.OK)


def headline(checks: Sequence[Check]) -> str:
    """The whole, in a sentence."""
    fails = [each.name for each in checks if each.verdict is Verdict.FAIL]
    warns = [each.name for each in checks if each.verdict is Verdict.WARN]
    if fails:
        return f"NOT READY: {', '.join(fails)}."
    return (
        f"Ready for the road, with {len(warns)} to look at: {', '.join(warns)}." if warns else "Ready for the road."
    )


# -- the rows


def _records(facts: Facts) -> Check:
    name = "records"
    if facts.data_as_of is None:
        return Check(name, Verdict.FAIL, "No records came yet.", _SYNC, fetched=True)
    age = max(facts.now - facts.data_as_of, timedelta())
    said = f"{len(facts.jobs)} jobs for today, as of {_spell(age)} ago."
    if age > STALE:
        return Check(name, Verdict.FAIL, f"{said} That is too old.", _SYNC, fetched=True)
    if facts.absent:
        return Check(name, Verdict.FAIL, f"{said} Not here: {_some(facts.absent)}.", _SYNC, fetched=True)
    if age > FRESH:
        return Check(name, Verdict.WARN, f"{said} That is old.", _SYNC, fetched=True)
    return Check(name, Verdict.OK, said)


def _manuals(facts: Facts) -> Check:
    name, manuals = "manuals", facts.manuals
    lacking = [each.name for each in manuals if not each.here and not each.problem]
    unread = [each.name for each in manuals if each.here and not each.read and not each.problem]
    broken = [each.name for each in manuals if each.problem]
    if lacking:
        return Check(name, Verdict.FAIL, f"Not here yet: {_some(lacking)}.", _SYNC, fetched=True)
    if unread:
        return Check(name, Verdict.FAIL, f"Not read yet: {_some(unread)}.", "tailboard library index", fetched=True)
    if broken:
        return Check(
            name, Verdict.WARN, f"Cannot be read: {_some(broken)}.", "tell the office: tailboard library list"
        )
    if not manuals:
        return Check(name, Verdict.WARN, "The office gave out no manuals for this laptop.", "ask the office")
    if facts.unnamed:
        said = f"{len(manuals)} here and searchable; none names {_some(facts.unnamed)}."
        return Check(name, Verdict.WARN, said, "ask the office for that manual")
    late = [each.name for each in manuals if each.late]
    if late:
        return Check(name, Verdict.WARN, f"{len(manuals)} here; out of date: {_some(late)}.", "ask the office")
    return Check(name, Verdict.OK, f"{len(manuals)} here and searchable.")


def _files(facts: Facts) -> Check:
    if facts.files:
        said = f"Not here: {_some(facts.files)}."
        return Check("files", Verdict.WARN, said, "tailboard fetch JOB NAME")
    return Check("files", Verdict.OK, "All files of today's jobs are here.")


def _model(facts: Facts) -> Check:
    model = facts.model
    if model.refused:
        return Check("model", Verdict.WARN, "None, as was chosen; forms and search work.", "unset TAILBOARD_MODEL")
    if not model.here:
        return Check("model", Verdict.FAIL, f"{model.name} is not here.", "tailboard model list", fetched=True)
    if model.coming:
        return Check("model", Verdict.WARN, f"On its way: {_some(model.coming)}.", _SYNC, fetched=True)
    if not model.proven:
        said = f"{model.name} is here, and has not answered within the last hour."
        return Check("model", Verdict.WARN, said, "tailboard ready --fetch", fetched=True)
    return Check("model", Verdict.OK, f"{model.name} is here and answered.")


def _policy(facts: Facts) -> Check:
    left = facts.policy_ends - facts.now
    said = f"{facts.policy}, until {facts.policy_ends:%Y-%m-%d %H:%M} UTC."
    if left <= timedelta():
        return Check("policy", Verdict.FAIL, f"{said} It has ended: only this laptop answers.", _SYNC, fetched=True)
    if facts.policy_trouble:
        return Check("policy", Verdict.WARN, facts.policy_trouble, "update the program")
    if left < SHIFT:
        return Check("policy", Verdict.WARN, f"{said} It ends during the shift.", _SYNC, fetched=True)
    return Check("policy", Verdict.OK, said)


def _approval(facts: Facts) -> Check:
    until = facts.approved_until
    if until is None or until <= facts.now:
        return Check(
            "approval", Verdict.WARN, "Not approved for sensitive work, or too long ago.", _SYNC, fetched=True
        )
    if until - facts.now < SHIFT:
        return Check("approval", Verdict.WARN, f"Holds until {until:%Y-%m-%d %H:%M} UTC.", _SYNC, fetched=True)
    return Check("approval", Verdict.OK, f"The office approved this laptop; holds until {until:%Y-%m-%d}.")


def _disk(facts: Facts) -> Check:
    free = facts.disk_free_mib
    said = f"{free:,} MiB free."
    if free < DISK_FAIL_MIB:
        return Check("disk", Verdict.FAIL, f"{said} Work may not be saved.", f"free at least {DISK_WARN_MIB:,} MiB")
    if free < DISK_WARN_MIB:
        return Check("disk", Verdict.WARN, said, f"free at least {DISK_WARN_MIB:,} MiB for photos and updates")
    return Check("disk", Verdict.OK, said)


def _keys(_: Facts) -> Check:
    return Check("keys", Verdict.OK, "Unlocked; the PIN opens them without a network.")


def _outbox(facts: Facts) -> Check:
    if facts.shut_out:
        return Check("outbox", Verdict.FAIL, f"The server tells nothing: {facts.shut_out}", "call the office")
    kept = facts.saved + facts.unsure
    if facts.needs_you:
        return Check("outbox", Verdict.WARN, f"{facts.needs_you} came back and need you.", "tailboard outbox list")
    if kept:
        said = f"{kept} only here or not answered yet ({facts.saved} not sent, {facts.unsure} without an answer)."
        return Check("outbox", Verdict.WARN, said, _SYNC, fetched=True)
    if facts.review:
        return Check("outbox", Verdict.OK, f"Nothing waits here; {facts.review} in review at the office.")
    return Check("outbox", Verdict.OK, "Empty: the server has answered everything.")


def _clock(facts: Facts) -> Check:
    offset = timedelta(seconds=facts.clock_off_s)
    if set_back(facts.now, offset, facts.data_as_of):
        return Check("clock", Verdict.FAIL, "It was set back behind the last contact.", "set the clock, then sync")
    if why := doubt(facts.now, offset, facts.data_as_of):
        said = f"It is {why}; what you sign is corrected by that."
        return Check("clock", Verdict.WARN, said, "set the clock of this laptop")
    return Check("clock", Verdict.OK, "Agrees with the server's, as far as is known.")


_SYNC = "tailboard ready --fetch"
_LOOKS: tuple[Callable[[Facts], Check], ...] = (
    _records,
    _manuals,
    _files,
    _model,
    _policy,
    _approval,
    _disk,
    _keys,
    _outbox,
    _clock,
)


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _spell(spell: timedelta) -> str:
    seconds = int(spell.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
