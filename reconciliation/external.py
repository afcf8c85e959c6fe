"""What leaves for a system of record because a command took effect.

Rules
1. A write leaves only if every field that it rests on was applied: never from a conflict, a rejection or an expiry.
2. It is decided together with the command, once; the command's id is the write's idempotency key for ever. What is
   written by a command that stands for another has the other's id: a server that was set back, and settles the other
   itself, finds it done.
3. What becomes of it is its own record, born queued with the command, and never changes the command's outcome.
"""

from dataclasses import replace
from typing import TypeVar

from reconciliation.decide import Facts, Ruling
from reconciliation.scope import team_of
from shared.commands import read_payload
from shared.commands.base import Command, Outgoing, Payload
from shared.ids import record_ref
from shared.outcomes import EFFECTIVE, Outcome
from shared.records import ExternalWrite, Record

V = TypeVar("V")


def outgoing_of(command: Command, payload: Payload, outcome: Outcome) -> Outgoing | None:
    """What `command` writes to its kind's system of record now that it has `outcome`; None if nothing."""
    if payload.kind.system is None or outcome not in EFFECTIVE:
        return None
    body = payload.external(command)
    return None if body is None else Outgoing(command.id, payload.kind.system, body)


def with_external(verdict: V, facts: Facts) -> V | Ruling:
    """`verdict`, and where it is a ruling that writes to a system of record, with that write and its own record."""
    if not isinstance(verdict, Ruling) or verdict.outcome not in EFFECTIVE:
        return verdict
    payload = facts.draft.payload if facts.draft else read_payload(facts.command)
    outgoing = outgoing_of(facts.command, payload, verdict.outcome)
    if outgoing is None:
        return verdict
    outgoing = replace(outgoing, command=facts.stands_for or outgoing.command)
    return replace(verdict, external=outgoing, writes=(*verdict.writes, _queued(outgoing, facts)))


def _queued(outgoing: Outgoing, facts: Facts) -> Record:
    """The record of what becomes of the write, born of the command itself."""
    subject = facts.records.get(facts.command.record)
    body = ExternalWrite(
        command=outgoing.command,
        system=outgoing.system,
        record=facts.command.record,
        team=team_of(subject) if subject else None,
    )
    return Record(record_ref("external_write", outgoing.command), 1, body.model_dump(mode="json"), facts.stamp(1))
