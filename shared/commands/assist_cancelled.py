"""``assist.cancelled``: its author, or the office, does not need the answer to a question any more."""

from shared.commands.base import FIELD_AND_STAFF, OFFICE, Command, Edit, Effect, Kind, Payload, Records, Urgency
from shared.ids import id_of
from shared.records import TASK_ENDS, TaskStatus


class TaskCancelled(Payload):
    """The subject task is not worked on any more. One that runs already is stopped, and what it brings is dropped."""

    kind = Kind("assist.cancelled", 1, "assist_task", "Cancel the question", FIELD_AND_STAFF, priority=Urgency.LOW)

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The one step."""
        return (Edit(command.record, "status", TaskStatus.CANCELLED),)

    def objection(self, command: Command, records: Records) -> str | None:
        """It is its author's question, and only while it has not come to its end."""
        task = records.get(command.record)
        if task is None:
            return None
        status = str(task.fields["status"])
        if status in TASK_ENDS:
            return f"it is {status} already; there is nothing to cancel"
        if command.device != OFFICE and task.fields["asked_by"] != command.actor:
            return f"only {task.fields['asked_by']}, who asked, or the office cancels it"
        return None

    def summary(self, label: str) -> str:
        """What is cancelled."""
        return f"{id_of(label) or label}: cancel the question"
