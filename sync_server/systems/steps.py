"""What to do next with one outgoing write: data in, data out, no I/O.

Rules
1. Outcome before replay: a write that may have been sent is looked up before anything else.
2. Found → done. Refused by the system → refused, for a person to review.
3. Absent → sent again with the same key, if the system enforces keys; or if its lookups are current and this lookup
   began after everything sent could still take effect; or if a person vouched for it and that time has passed.
   Otherwise it is parked.
4. Cannot tell → looked up again after a growing pause, `Limits.lookups_max` times, then parked for a person.
5. What certainly did not leave is tried again after a growing pause, for as long as it takes: nothing is in doubt.
6. A server that has just begun cannot know that its database is the newest one: somebody may have put an older file
   back without a word. So what is from before its beginning is looked up as well, and what is found is done. Where no
   answer can be had, or none that counts, it is sent: nothing says that it ever was.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from shared.backoff import backoff
from shared.ids import uuid7_at
from sync_server.store import OutgoingEntry
from sync_server.systems.port import (
    Absent,
    CannotTell,
    Executed,
    Execution,
    Found,
    Guarantees,
    Lookup,
    Refused,
    Uncertain,
    Unreached,
)

#: How far a laptop's clock, by which a command has its id, may be ahead of the server's.
AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the server is.

    Args:
        lookups_max: lookups without an answer, before a person is asked.
        sends_max: times that one write is sent, before a person is asked.
        pause_s: before the second try; it doubles with every further one.
        pause_max_s: the longest pause.
    """

    lookups_max: int = 6
    sends_max: int = 5
    pause_s: float = 2.0
    pause_max_s: float = 300.0

    def pause(self, tries: int) -> timedelta:
        """The pause after `tries` fruitless tries, at least one."""
        return timedelta(seconds=backoff(self.pause_s, self.pause_max_s, tries - 1))


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the system what it knows."""


@dataclass(frozen=True, slots=True)
class Send:
    """Mark it as being sent, durably; then send it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing more now; go on at `at`. `tries` is how many fruitless ones there were in a row."""

    at: datetime
    tries: int
    detail: str


@dataclass(frozen=True, slots=True)
class Done:
    """It happened, once."""

    reference: str


@dataclass(frozen=True, slots=True)
class Turned:
    """The system refused it; a person looks at that."""

    detail: str


@dataclass(frozen=True, slots=True)
class Park:
    """It cannot be settled without a person."""

    detail: str


Resting = Later | Done | Turned | Park
Step = LookUp | Send | Resting


def first(row: OutgoingEntry, began: datetime) -> Step:
    """What a server that began to work at `began` does with a row that was just leased."""
    return LookUp() if row.in_doubt or _is_older(row, began) else Send()


def _is_older(row: OutgoingEntry, began: datetime) -> bool:
    """Whether it was decided, or confirmed, before the server began; then it may have been written already."""
    try:
        return row.queued_at < began or uuid7_at(row.outgoing.command) < began + AHEAD
    except ValueError:  # no clock shows when it was confirmed
        return True


def after_lookup(
    row: OutgoingEntry, answer: Lookup, guarantees: Guarantees, limits: Limits, asked_at: datetime, began: datetime
) -> Step:
    """What a lookup at `asked_at` means for `row`, to a server that began to work at `began`."""
    match answer:
        case Found(reference):
            return Done(reference)
        case CannotTell(detail):
            step = _again(row, limits, asked_at, detail, limits.lookups_max)
            return step if row.in_doubt or isinstance(step, Later) else Send()
        case Absent():
            return _absent(row, guarantees, limits, asked_at, began)
        case _:
            assert_never(answer)


def _absent(row: OutgoingEntry, guarantees: Guarantees, limits: Limits, asked_at: datetime, began: datetime) -> Step:
    if row.attempts >= limits.sends_max and not row.vouched:
        return Park(f"sent {row.attempts} times, and the system says that it does not know it")
    if guarantees.enforces_keys:
        return Send()
    if not (guarantees.lookups_are_current or row.vouched):
        if not row.in_doubt:
            return Send()
        return Park("the system says that it does not know it, but its word is not enough to send it again")
    landed_at = max(row.last_sent_at or row.queued_at, began) + timedelta(seconds=guarantees.in_flight_max_s)
    if asked_at < landed_at:
        return Later(landed_at, row.tries, "what was sent may still be on its way")
    return Send()


def after_send(row: OutgoingEntry, result: Execution, limits: Limits, now: datetime) -> Resting:
    """What the result of sending means for `row` (as it was marked, so `in_doubt`)."""
    match result:
        case Executed(reference):
            return Done(reference)
        case Refused(detail):
            return Turned(detail)
        case Uncertain(detail):
            return Later(now + limits.pause(1), 0, detail)
        case Unreached(detail):
            return _again(row, limits, now, detail, None)
        case _:
            assert_never(result)


def _again(row: OutgoingEntry, limits: Limits, now: datetime, detail: str, tries_max: int | None) -> Later | Park:
    tries = row.tries + 1
    if tries_max is not None and tries >= tries_max:
        return Park(f"looked up {tries} times without an answer; the last time: {detail}")
    return Later(now + limits.pause(tries), tries, detail)
