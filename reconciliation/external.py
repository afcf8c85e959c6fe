"""What leaves for a system of record because a command took effect.

Rules
1. A write leaves only if every field that it rests on was applied: never from a conflict, a rejection or an expiry.
2. It is decided together with the command, once; the command's id is the write's idempotency key for ever.
3. What becomes of it is its own record, born queued with the command, and never changes the command's outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from shared.commands.base import Command, Payload
from shared.ids import record_ref
from shared.outcomes import EFFECTIVE, Outcome
from shared.records import ExternalWrite, Record, Stamp


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a system of record; `command` is its idempotency key."""

    command: str
    system: str
    body: Mapping[str, JsonValue]


def outgoing_of(command: Command, payload: Payload, outcome: Outcome) -> Write | None:
    """What `command` writes to its kind's system of record now that it has `outcome`; None if nothing."""
    if payload.kind.system is None or outcome not in EFFECTIVE:
        return None
    body = payload.external(command)
    return None if body is None else Write(command.id, payload.kind.system, body)


def born_queued(write: Write, command: Command, at: datetime) -> Record:
    """The record of what becomes of `write`, queued and born of the command itself."""
    body = ExternalWrite(command=command.id, system=write.system, record=command.record)
    stamp = Stamp(1, command.id, command.device, command.actor, at)
    return Record(record_ref("external_write", command.id), 1, body.model_dump(mode="json"), stamp)
