"""What a person said and confirmed.

What was said stands beside the last command that came of it, in the outbox's row: a page less at every save. When
the command is pruned, the words move into the journal's table, where older programs put them at once.
"""

import json
from datetime import datetime

from pydantic_core import to_json

from device.store.base import Part
from shared.contract import instant_text, to_instant
from shared.values import value

TABLES = (
    # What a person said and confirmed; `commands` is a JSON list of command ids. `place` is the outbox's position at
    # which it was said, 0 for what an older program wrote.
    (
        "CREATE TABLE journal (position INTEGER NOT NULL PRIMARY KEY, at VARCHAR NOT NULL, actor VARCHAR NOT NULL,"
        " source VARCHAR NOT NULL, sentence VARCHAR NOT NULL, commands VARCHAR NOT NULL, place INTEGER NOT NULL)"
    ),
    # A route decision that was recorded before there was a chain (`device.store.evidence`); `body` is JSON.
    "CREATE TABLE decision (position INTEGER NOT NULL PRIMARY KEY, body VARCHAR NOT NULL)",
)
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


@value(frozen=True, slots=True)
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
    """The words behind the commands."""

    def journal(self) -> list[JournalEntry]:
        """Everything that was said and confirmed on this device, oldest first."""
        return [
            JournalEntry(to_instant(at), actor, source, sentence, tuple(json.loads(commands)))
            for at, actor, source, sentence, commands in self._rows(_JOURNAL)
        ]
