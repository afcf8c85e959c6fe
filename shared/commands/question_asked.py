"""``question.asked``: the office asks the technician, about a job or about a clash that it has to settle."""

from pydantic import JsonValue

from shared.commands.base import STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.contract import Text
from shared.ids import kind_of
from shared.outcomes import FieldName
from shared.records import KINDS, Conflict

#: The kinds of record that people ask about.
ASKED_ABOUT = tuple(name for name, body in KINDS.items() if {"questions", "answers"} <= body.model_fields.keys())


def not_asked_about(record: str) -> str | None:
    """Why nobody asks about `record`; None if somebody may."""
    return None if kind_of(record) in ASKED_ABOUT else f"questions are about a {' or a '.join(ASKED_ABOUT)}"


class QuestionAsked(Payload):
    """`text` for whoever has the job. In a conflict, `about` may name one clash; the conflict stays open."""

    kind = Kind("question.asked", 1, "", "Ask technician", STAFF)

    text: Text
    about: FieldName | None = None

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more, named after the command."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "text": self.text,
            "about": self.about.model_dump(mode="json") if self.about else None,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "questions", entry),)

    def misplaced(self, record: str) -> str | None:
        """Only some kinds of record take questions."""
        return not_asked_about(record)

    def objection(self, command: Command, records: Records) -> str | None:
        """What it is about must be a clash that still waits for a decision."""
        if kind_of(command.record) != "conflict":
            return "only a question on a conflict is about a clash" if self.about else None
        waiting = Conflict.model_validate(records[command.record].fields).unsettled()
        if not waiting:
            return f"{command.record} is settled"
        if self.about and (self.about.record, self.about.field) not in {
            (each.record, each.field) for each in waiting
        }:
            return f"{self.about.field} of {self.about.record} does not wait for a decision"
        return None

    def summary(self, label: str) -> str:
        """The question itself."""
        return f"{label}: asked “{self.text}”"
