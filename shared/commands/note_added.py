"""``note.added``: a sentence on a work order. The one thing that always works."""

from pydantic import JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload
from shared.contract import Text


class NoteAdded(Payload):
    """`text` in the person's own words, never a model's."""

    kind = Kind("note.added", 1, "work_order", "Add note", FIELD_AND_STAFF)

    text: Text

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more on the work order, named after the command."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "text": self.text,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "notes", entry),)

    def summary(self, label: str) -> str:
        """The words themselves."""
        return f"{label}: note “{self.text}”"
