"""The outbox's table, and its rows as the rest of the device sees them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.commands.base import Command, Urgency, read_command
from shared.contract import to_instant
from shared.envelope import COMMAND_TYPE, Envelope, wire_from
from shared.outcomes import HOLD_STANDING, OUTCOME_STANDING, Hold, Outcome, Receipt, Standing
from shared.problems import Problem
from shared.values import value

#: Settled, and its author or somebody at the office still has to look at it.
ATTENTION = (
    "state = 'settled' AND dealt IS NULL AND (outcome IN ('rejected', 'expired')"
    " OR outcome = 'conflict' AND NOT resolved OR earlier_outcome IS NOT NULL)"
)
EFFECTIVE_THERE = "outcome IN ('applied', 'merged')"
DEALT = "dealt IS NOT NULL"


#: What stands in a row of the outbox, in its order: a command and where it stands.
#:
#: `payload` is what was signed, byte for byte; `receipt` is the server's, with its `proof` (JSON). `earlier…` is the
#: outcome from before the server was restored, kept while the new life may say otherwise. `boot`, `elapsed_s` and
#: `wall` are the device's clocks at the moment of confirming; `said` is the journal's entry (JSON) about a
#: confirmation, on the last of its commands.
_OUTBOX = {
    "position": "INTEGER NOT NULL PRIMARY KEY",
    "id": "VARCHAR NOT NULL",
    "epoch": "INTEGER NOT NULL",
    "seq": "INTEGER NOT NULL",
    "hash": "VARCHAR NOT NULL",
    "keyid": "VARCHAR NOT NULL",
    "payload": "BLOB NOT NULL",
    "signature": "BLOB NOT NULL",
    "summary": "VARCHAR NOT NULL",
    "state": "VARCHAR NOT NULL",
    "hold": "VARCHAR",
    "problem": "VARCHAR",
    "outcome": "VARCHAR",
    "resolved": "BOOLEAN NOT NULL",
    "change_seq": "INTEGER",
    "receipt": "BLOB",
    "proof": "VARCHAR",
    "incarnation": "INTEGER",
    "settled_at": "VARCHAR",
    "earlier": "BLOB",
    "earlier_proof": "VARCHAR",
    "earlier_outcome": "VARCHAR",
    "withdrawal": "VARCHAR",
    "dealt": "VARCHAR",
    "priority": "VARCHAR NOT NULL",
    "bytes": "INTEGER NOT NULL",
    "boot": "VARCHAR",
    "elapsed_s": "FLOAT",
    "wall": "VARCHAR",
    "first_sent_at": "VARCHAR",
    "said": "VARCHAR",
}
#: All of a row, in the table's order.
COLUMNS = tuple(_OUTBOX)
#: What a save touches is one page of this table and one of its index; each page is encrypted and waited for. So the
#: index serves looking by state and by id, which name a state therefore, and places are found without one (`place`).
#: The other indexes hold a part of the rows, none of which is only saved: they keep a screen from reading them all.
TABLES = (
    f"CREATE TABLE outbox ({', '.join(f'{name} {kind}' for name, kind in _OUTBOX.items())})",
    "CREATE INDEX ix_outbox_standing ON outbox (state, id, bytes)",
    f"CREATE INDEX ix_outbox_attention ON outbox (position) WHERE {ATTENTION}",
    f"CREATE INDEX ix_outbox_effect ON outbox (change_seq) WHERE {EFFECTIVE_THERE}",
    f"CREATE INDEX ix_outbox_dealt ON outbox (position) WHERE {DEALT}",
)


class State(StrEnum):
    """Where a command stands on the device.

    `SENT` is in doubt: bytes may have arrived, no answer was seen. `TURNED` was not accepted and may be sent again.
    `LOST` has bytes that are no longer what was signed: it can never be sent.
    """

    SAVED = "saved"
    SENT = "sent"
    HELD = "held"
    TURNED = "turned"
    SETTLED = "settled"
    LOST = "lost"


#: What has no outcome yet and may still get one.
UNSETTLED = (State.SAVED, State.SENT, State.HELD, State.TURNED)
LISTED = (*UNSETTLED, State.SETTLED)


@value(frozen=True, slots=True)
class Issue:
    """The device's clocks at the moment of confirming: `elapsed_s` runs since `boot`, `wall` is what people read."""

    boot: str
    elapsed_s: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class FileStanding:
    """How far a command's file has got: bytes the server has of how many, and why it does not take them."""

    sent: int
    size: int
    up: bool
    refusal: str | None

    @property
    def percent(self) -> int:
        """0 to 99 until the server has confirmed it, then 100."""
        return 100 if self.up else min(99, self.sent * 100 // self.size)


@value(frozen=True, slots=True)
class Item:
    """One command in the outbox, as the rest of the device sees it.

    Args:
        earlier: the other outcome that it had before the server was restored, if that differs.
        withdrawal: the statement with which its author took it back, signed.
        dealt: what its author has done about it: ``dropped``, ``withdrawn``, or the id of the command given instead.
        safety: it is about safety, and goes first (`device.core.rounds`).
    """

    position: int
    command: Command
    envelope: Envelope
    summary: str
    state: State
    hold: Hold | None
    problem: Problem | None
    receipt: Receipt | None
    standing: Standing
    file: FileStanding | None = None
    earlier: Receipt | None = None
    withdrawal: Envelope | None = None
    dealt: str | None = None
    safety: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One command as the network needs it; nothing of it has been parsed. `safety`: it is about that."""

    id: str
    epoch: int
    seq: int
    summary: str
    envelope: Envelope
    hash: str
    withdrawal: Envelope | None
    issue: Issue | None
    safety: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """A command whose bytes were damaged on this device's disk."""

    id: str
    epoch: int
    seq: int
    summary: str


def item_of(row: Mapping[str, Any]) -> Item:
    """The item behind a row."""
    return Item(
        position=row["position"],
        command=read_command(row["payload"]),
        envelope=_envelope(row),
        summary=row["summary"],
        state=State(row["state"]),
        hold=Hold(row["hold"]) if row["hold"] else None,
        problem=Problem.model_validate_json(row["problem"]) if row["problem"] else None,
        receipt=_receipt(row["receipt"]),
        standing=standing_of(row),
        earlier=_receipt(row["earlier"]) if row["outcome"] else None,
        withdrawal=_withdrawal(row),
        dealt=row["dealt"],
        safety=row["priority"] == Urgency.SAFETY,
    )


def outgoing_of(row: Sequence[Any]) -> Outgoing:
    """The columns of `outbox._OUTGOING` as the network needs them."""
    name, epoch, seq, summary, keyid, payload, signature, hashed, withdrawal, boot, elapsed_s, wall, priority = row
    return Outgoing(
        name,
        epoch,
        seq,
        summary,
        Envelope(COMMAND_TYPE, payload, ((keyid, signature),)),
        hashed,
        wire_from(json.loads(withdrawal)) if withdrawal else None,
        Issue(boot, elapsed_s, to_instant(wall)) if wall else None,
        priority == Urgency.SAFETY,
    )


def standing_of(row: Mapping[str, Any]) -> Standing:
    """What a screen may say.

    A conflict is in review until the replica shows that a person settled it; so is what a restored server settled
    otherwise than before.
    """
    if row["outcome"] and row["earlier_outcome"] and not row["dealt"]:
        return Standing.REVIEW
    if row["resolved"] and row["outcome"] == Outcome.CONFLICT:
        return Standing.ACCEPTED
    if row["outcome"]:
        return OUTCOME_STANDING[Outcome(row["outcome"])]
    if row["hold"]:
        return HOLD_STANDING[Hold(row["hold"])]
    return {State.SENT: Standing.SENT, State.TURNED: Standing.REFUSED}.get(State(row["state"]), Standing.SAVED)


def _envelope(row: Mapping[str, Any]) -> Envelope:
    return Envelope(COMMAND_TYPE, row["payload"], ((row["keyid"], row["signature"]),))


def _withdrawal(row: Mapping[str, Any]) -> Envelope | None:
    return wire_from(json.loads(row["withdrawal"])) if row["withdrawal"] else None


def _receipt(payload: bytes | None) -> Receipt | None:
    return Receipt.model_validate_json(payload) if payload else None
