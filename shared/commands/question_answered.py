"""``question.answered``: the technician answers the office."""

from pydantic import JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.commands.question_asked import not_asked_about
from shared.contract import CommandId, Text
from shared.records import QuestionEntry, Record


class QuestionAnswered(Payload):
    """`text` in the technician's own words, to the question with the id `question` on the subject record."""

    kind = Kind("question.answered", 1, "", "Answer question", FIELD_AND_STAFF)

    question: CommandId
    text: Text

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more, named after the command; a question may be answered more than once."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "question": self.question,
            "text": self.text,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "answers", entry),)

    def misplaced(self, record: str) -> str | None:
        """Only some kinds of record take questions."""
        return not_asked_about(record)

    def objection(self, command: Command, records: Records) -> str | None:
        """The question must have been asked there."""
        asked = questions(records[command.record])
        return None if self.question in {each.id for each in asked} else "no such question was asked there"

    def summary(self, label: str) -> str:
        """The answer itself."""
        return f"{label}: answered “{self.text}”"


def questions(record: Record) -> tuple[QuestionEntry, ...]:
    """What was asked about a record, oldest first."""
    listed = record.value("questions")
    assert isinstance(listed, list), "questions are a list"
    return tuple(QuestionEntry.model_validate(each) for each in listed)
