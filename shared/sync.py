"""The sync round and enrolment: one request, one reply, any number of rounds.

Rules
1. A round that asks about doubt carries no commands: outcome before replay.
2. Every command sent is answered by name: settled, held, refused, or (when only asked about) unknown.
3. `unknown` is not final: it permits sending the same bytes again, and nothing else.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.contract import CommandId, Contract, Instant, KeyId, Name
from shared.envelope import WireEnvelope
from shared.outcomes import Hold
from shared.problems import Problem
from shared.records import WireRecord

PROTOCOL = 1
PROTOCOLS_UNDERSTOOD = frozenset({1})
COMMANDS_MAX = 200
BODY_BYTES_MAX = 4 << 20
CHANGES_MAX = 500


#: ``incarnation:change_seq``.
Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,9}:[0-9]{1,16}$")]


def cursor_at(incarnation: int, change_seq: int) -> str:
    """The cursor for everything up to and including `change_seq` of a server's `incarnation`."""
    return f"{incarnation}:{change_seq}"


def read_cursor(cursor: str | None) -> tuple[int, int]:
    """Incarnation and change_seq of a cursor; (0, 0) for none. Raises `ValueError` if it is no cursor."""
    if cursor is None:
        return 0, 0
    incarnation, _, change_seq = cursor.partition(":")
    return int(incarnation), int(change_seq)


class SyncRequest(Contract):
    """What a device says: where its replica stands, what it is in doubt about, or what is new."""

    protocol: int
    cursor: Annotated[str, Field(max_length=80)] | None = None
    in_doubt: Annotated[tuple[CommandId, ...], Field(max_length=COMMANDS_MAX)] = ()
    commands: Annotated[tuple[WireEnvelope, ...], Field(max_length=COMMANDS_MAX)] = ()

    @model_validator(mode="after")
    def _outcome_before_replay(self) -> Self:
        if self.in_doubt and self.commands:
            raise ValueError("a round that asks about doubt carries no commands")
        return self


class Settled(Contract):
    """The final word, as a receipt envelope."""

    status: Literal["settled"] = "settled"
    id: CommandId
    receipt: WireEnvelope


class Held(Contract):
    """Stored, not settled yet, and why."""

    status: Literal["held"] = "held"
    id: CommandId
    hold: Hold
    problem: Problem | None = None
    detail: str = ""


class Unknown(Contract):
    """The server has never stored this id."""

    status: Literal["unknown"] = "unknown"
    id: CommandId


class Turned(Contract):
    """The envelope at `index` of this round was not accepted, and left no trace but a line in the server's log."""

    status: Literal["refused"] = "refused"
    index: int
    problem: Problem


Answer = Annotated[Settled | Held | Unknown | Turned, Field(discriminator="status")]


class SyncReply(Contract):
    """What the server says back. `more` asks for another round at once: this page of changes was not the last."""

    protocol: int
    answers: tuple[Answer, ...]
    changes: tuple[WireRecord, ...]
    cursor: Cursor
    more: bool
    server_time: Instant
    incarnation: int


class Enrolment(Contract):
    """Signed by both new keys, so that the server knows the device holds them. Keys are raw, hexadecimal."""

    code: Annotated[str, Field(min_length=8, max_length=64)]
    device_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    technician_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    device_name: Annotated[str, Field(min_length=1, max_length=60)]


class EnrolRequest(Contract):
    """The body of ``POST /v1/enrol``."""

    enrolment: WireEnvelope


class EnrolReply(Contract):
    """Who the device is now, and the receipt key that it pins (raw public key, hexadecimal)."""

    tenant: Name
    tenant_name: str
    device: Name
    actor: Name
    actor_name: str
    epoch: int
    incarnation: int
    receipt_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    receipt_key_id: KeyId
    server_time: Instant
