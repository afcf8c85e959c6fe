"""What a person said and confirmed, and every recorded route decision."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import Field

from device.store.base import Part, Table, table_of
from shared.contract import to_instant
from shared.routing import Decision


class JournalRow(Table, table=True):
    """What a person said and confirmed; `commands` is a JSON list of command ids."""

    __tablename__ = "journal"
    position: int | None = Field(default=None, primary_key=True)
    at: str
    actor: str
    source: str
    sentence: str
    commands: str


class DecisionRow(Table, table=True):
    """One recorded route decision; `body` is JSON."""

    __tablename__ = "decision"
    position: int | None = Field(default=None, primary_key=True)
    body: str


JOURNAL, DECISION = table_of(JournalRow), table_of(DecisionRow)
_ADD = "INSERT INTO journal (at, actor, source, sentence, commands) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What a person said and confirmed."""

    at: datetime
    actor: str
    source: str
    sentence: str
    commands: tuple[str, ...]


class Journal(Part):
    """The words behind the commands, and the decisions behind the words."""

    def add_to_journal(self, entry: JournalEntry) -> None:
        """Keep what a person said beside the commands that came of it."""
        said = (entry.at.isoformat(), entry.actor, entry.source, entry.sentence, json.dumps(entry.commands))
        self._write(_ADD, said)

    def journal(self) -> list[JournalEntry]:
        """Everything that was said and confirmed on this device, oldest first."""
        rows = self._all(select(JOURNAL).order_by(JOURNAL.c.position))
        return [
            JournalEntry(to_instant(row.at), row.actor, row.source, row.sentence, tuple(json.loads(row.commands)))
            for row in rows
        ]

    def record_decision(self, decision: Decision) -> None:
        """Keep a route decision before anything is done about it."""
        self._do(insert(DECISION), {"body": decision.model_dump_json()})

    def decisions(self) -> list[Decision]:
        """Every recorded route decision, oldest first."""
        rows = self._all(select(DECISION.c.body).order_by(DECISION.c.position))
        return [Decision.model_validate_json(row.body) for row in rows]
