"""What the server last said of this laptop: whether the organisation approves of it, and how long ago that was.

Rules
1. That it is approved says only the server's own signed head, or the enrolment itself, and the newest of them counts.
2. That it is not counts from whoever answers, because nothing is widened by it: revoked, forked, not approved yet, or
   a key that ran out or that the server does not know any more. The next head that can be believed ends it.
3. An approval lasts for as long as the policies say (`routes.toml`, ``device.approved_days_max``); a laptop that has
   not been heard for longer is an unapproved one until it was in touch again. A clock that was set back makes no
   approval younger than new.
4. A laptop that never heard anything is not approved.

What an unapproved laptop may still do is for the policies to say. ADR 29.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pydantic import ValidationError

from shared.contract import Contract, Instant, to_instant
from shared.problems import Code

_META = "standing"


class Said(StrEnum):
    """What the server said of this laptop."""

    APPROVED = "approved"
    REVOKED = "revoked"
    FORKED = "forked"
    KEY_ENDED = "key_ended"
    KEY_EXPIRED = "key_expired"
    WAITING = "waiting"


#: The refusals that are about the laptop itself.
REFUSALS = {
    Code.DEVICE_REVOKED: Said.REVOKED,
    Code.DEVICE_FORKED: Said.FORKED,
    Code.NOT_AUTHENTIC: Said.KEY_ENDED,
    Code.KEY_EXPIRED: Said.KEY_EXPIRED,
    Code.DEVICE_WAITING: Said.WAITING,
}
_WORDS = {
    Said.APPROVED: "approved",
    Said.REVOKED: "revoked",
    Said.FORKED: "not let in: its history does not fit",
    Said.KEY_ENDED: "not let in: its key is not known any more",
    Said.KEY_EXPIRED: "its key has run out: ask the office to renew it",
    Said.WAITING: "it waits to be approved by the office",
}


class Standing(Contract):
    """`said` by the server `at` an instant."""

    said: Said
    at: Instant

    def age(self, now: datetime) -> timedelta:
        """How long ago that was; nothing, if the clock was set back since."""
        return max(now - self.at, timedelta())

    def approved(self, now: datetime, days_max: int) -> bool:
        """Whether it is an approval that still holds."""
        return self.said is Said.APPROVED and self.age(now) <= timedelta(days=days_max)


class Memory(Protocol):
    """Where named values are kept."""

    def meta(self, key: str) -> str | None:
        """A named value."""

    def set_meta(self, key: str, value: str) -> None:
        """Keep a named value."""


def standing(memory: Memory) -> Standing | None:
    """What the server last said; None if it never said anything."""
    kept = memory.meta(_META)
    if kept is None:  # of a program before this one: it was in touch, or was shut out, or neither
        contact = memory.meta("last_contact")
        return (
            Standing(said=Said.APPROVED, at=to_instant(contact)) if contact and not memory.meta("shut_out") else None
        )
    try:
        return Standing.model_validate_json(kept)
    except ValidationError:
        return None


def approved(memory: Memory, at: datetime) -> None:
    """The server spoke to this laptop as one of its own, by its own clock `at`; older words change nothing."""
    known = standing(memory)
    if known is None or known.said is not Said.APPROVED or known.at < at:
        memory.set_meta(_META, Standing(said=Said.APPROVED, at=at).model_dump_json())


def refused(memory: Memory, code: Code, at: datetime) -> None:
    """The server refused this laptop with `code`; nothing, if that is not about the laptop itself."""
    if said := REFUSALS.get(code):
        memory.set_meta(_META, Standing(said=said, at=at).model_dump_json())


def standing_words(known: Standing | None, now: datetime, days_max: int) -> str:
    """For a person: what the server last said of this laptop, how long ago, and whether that still holds."""
    if known is None:
        return "the server has not spoken to this laptop yet, so it is not approved for sensitive work: sync once"
    days, rest = divmod(int(known.age(now).total_seconds()), 86_400)
    ago = f"{days} days ago" if days else f"{rest // 3600} hours ago" if rest >= 3600 else f"{rest // 60} minutes ago"
    over = known.said is Said.APPROVED and not known.approved(now, days_max)
    end = f"; that is too long ago, at most {days_max} days: sync to have it confirmed" if over else ""
    return f"the server said {ago}: {_WORDS[known.said]}{end}"
