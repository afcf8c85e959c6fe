"""What a person said and confirmed, and every recorded route decision.

What was said stands beside the last command that came of it, in the outbox's row: a page less at every save. When
the command is pruned, the words move into the journal's table, where older programs put them at once.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import insert, select, text
from sqlmodel import Field

from device.store.base import Part, Table, table_of
from shared.contract import instant_text, to_instant
from shared.routing import Decision


class JournalRow(Table, table=True):
    """What a person said and confirmed; `commands` is a JSON list of command ids.

    `place` is the outbox's position at which it was said, 0 for what an older program wrote.
    """

    __tablename__ = "journal"
    position: int | None = Field(default=None, primary_key=True)
    at: str
    actor: str
    source: str
    sentence: str
    commands: str
    place: int = 0


class DecisionRow(Table, table=True):
    """One recorded route decision; `body` is JSON."""

    __tablename__ = "decision"
    position: int | None = Field(default=None, primary_key=True)
    body: str


DECISION = table_of(DecisionRow)
_READABLE = text("body ->> 'version' = 1")
#: Old and new words, in the order in which they were said.
_JOURNAL = """
    SELECT at, actor, source, sentence, commands FROM (
        SELECT place, position, at, actor, source, sentence, commands FROM journal
        UNION ALL
        SELECT position, 0, said ->> 0, said ->> 1, said ->> 2, said ->> 3, said ->> 4 FROM outbox
        WHERE said IS NOT NULL)
    ORDER BY place, position"""
#: What was said beside commands that go, `FROM outbox …`, for the journal's table.
MOVE_SAID = """
    INSERT INTO journal (place, at, actor, source, sentence, commands)
    SELECT position, said ->> 0, said ->> 1, said ->> 2, said ->> 3, said ->> 4 {} AND said IS NOT NULL
    ORDER BY position"""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What a person said and confirmed."""

    at: datetime
    actor: str
    source: str
    sentence: str
    commands: tuple[str, ...]

    def to_text(self) -> str:
        """As it stands beside a command: a JSON list."""
        return to_json((instant_text(self.at), self.actor, self.source, self.sentence, self.commands)).decode()


class Journal(Part):
    """The words behind the commands, and the decisions behind the words."""

    def journal(self) -> list[JournalEntry]:
        """Everything that was said and confirmed on this device, oldest first."""
        return [
            JournalEntry(to_instant(at), actor, source, sentence, tuple(json.loads(commands)))
            for at, actor, source, sentence, commands in self._rows(_JOURNAL)
        ]

    def record_decision(self, decision: Decision) -> None:
        """Keep a route decision before anything is done about it."""
        self._do(insert(DECISION), {"body": decision.model_dump_json()})

    def decisions(self) -> list[Decision]:
        """Every recorded route decision, oldest first; those of programs before version 1 are left where they are."""
        rows = self._all(select(DECISION.c.body).where(_READABLE).order_by(DECISION.c.position))
        return [Decision.model_validate_json(row.body) for row in rows]
