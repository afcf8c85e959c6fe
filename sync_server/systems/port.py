"""What the server asks of a system of record, and what an adapter must be honest about.

Rules
1. An adapter says only what it knows. What it does not know is `Uncertain` or `CannotTell`, never a guess.
2. It raises nothing for what the other side does: every reply, silence and garbage included, is one of these values.
3. What it declares in `Guarantees` is what decides whether a write may be sent again; when in doubt, declare less.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.commands.base import Outgoing


@dataclass(frozen=True, slots=True)
class Executed:
    """The system did it, and calls it `reference`."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The system understood, will not do it, and did nothing."""

    detail: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It may have happened or not: no answer, or none that can be believed."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unreached:
    """Certainly nothing was sent: no connection came about."""

    detail: str


@dataclass(frozen=True, slots=True)
class Found:
    """The system knows the command, and calls what it did `reference`."""

    reference: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The system says that it does not know the command; how much that means, `Guarantees` says."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """No answer, or none that can be believed."""

    detail: str


Execution = Executed | Refused | Uncertain | Unreached
Lookup = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What is known of a system.

    Args:
        enforces_keys: a second write with the same idempotency key has no second effect, ever.
        lookups_are_current: once `in_flight_max_s` have passed since a write was sent, a lookup that says absent is
            right and stays right.
        in_flight_max_s: how long after it was sent a write may still take effect or show up, in seconds.
    """

    enforces_keys: bool
    lookups_are_current: bool
    in_flight_max_s: float


class SystemOfRecord(Protocol):
    """One system of record."""

    @property
    def guarantees(self) -> Guarantees:
        """What the adapter declares about the system."""

    async def execute(self, write: Outgoing) -> Execution:
        """Do it, with the command's id as idempotency key."""

    async def lookup(self, command: str) -> Lookup:
        """What the system knows of the command with this id."""
