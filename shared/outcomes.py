"""What becomes of a command: the server's final word, the holds before it, and what a screen may say.

An *outcome* is final and never changes. A *hold* is durable but not final, and always has an owner or a deadline.
A *receipt* is an outcome under the server's signature.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contract import CommandId, Contract, Hash, Instant, KeyId, Name, RecordRef


class Outcome(StrEnum):
    """The server's one final word on a command."""

    APPLIED = "applied"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    EXPIRED = "expired"


#: Outcomes after which a dependent command may take effect.
EFFECTIVE = frozenset({Outcome.APPLIED, Outcome.MERGED})


class Hold(StrEnum):
    """Stored durably, not settled yet."""

    WAITING = "waiting"
    DEFERRED = "deferred"
    QUARANTINED = "quarantined"
    UNREADABLE = "unreadable"


class Reason(StrEnum):
    """Why a command was rejected."""

    NOT_PERMITTED = "not_permitted"
    PAYLOAD_INVALID = "payload_invalid"
    OBJECTION = "objection"
    RECORD_MISSING = "record_missing"
    RECORD_EXISTS = "record_exists"
    RECORD_FULL = "record_full"
    STEP_NOT_ALLOWED = "step_not_allowed"
    BELOW_FLOOR = "below_floor"
    DEPENDENCY_FAILED = "dependency_failed"
    STALE = "stale"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    WITHDRAWN = "withdrawn"
    OUT_OF_SCOPE = "out_of_scope"
    NOT_APPROVED = "not_approved"
    DISMISSED = "dismissed"


class FieldName(Contract):
    """A field of a record."""

    record: RecordRef
    field: Name


class Receipt(Contract):
    """The signed payload that settles a command.

    `versions` are those of the records that the command changed; `change_seq` is the place in the changes feed at
    which those versions appear, so a replica at or past it holds them.
    """

    tenant: Name
    command: CommandId
    envelope_hash: Hash
    outcome: Outcome
    reason: Reason | None = None
    detail: Annotated[str, Field(max_length=1000)] = ""
    applied: tuple[FieldName, ...] = ()
    conflicting: tuple[FieldName, ...] = ()
    conflict: RecordRef | None = None
    versions: dict[RecordRef, int] = Field(default_factory=dict)
    change_seq: int
    incarnation: int
    audit_position: int
    settled_at: Instant
    key_id: KeyId


class Standing(StrEnum):
    """The five things that a screen may say about a command, and the only ones."""

    SAVED = "Saved"
    SENT = "Sent, waiting"
    ACCEPTED = "Accepted"
    REVIEW = "In review"
    REFUSED = "Refused"

    @property
    def glyph(self) -> str:
        """One ASCII character, so that colour never carries the meaning alone."""
        return {"Saved": "o", "Sent, waiting": "^", "Accepted": "+", "In review": "?", "Refused": "!"}[self]


OUTCOME_STANDING = {
    Outcome.APPLIED: Standing.ACCEPTED,
    Outcome.MERGED: Standing.ACCEPTED,
    Outcome.CONFLICT: Standing.REVIEW,
    Outcome.REJECTED: Standing.REFUSED,
    Outcome.EXPIRED: Standing.REFUSED,
}

HOLD_STANDING = {
    Hold.WAITING: Standing.SAVED,
    Hold.DEFERRED: Standing.REVIEW,
    Hold.QUARANTINED: Standing.REVIEW,
    Hold.UNREADABLE: Standing.REVIEW,
}
