"""``assist.recorded``: the server writes down what became of a question that was left for the cluster."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.assist import Answer
from shared.commands.base import OFFICE, Command, Edit, Effect, Kind, Payload, Records, Role
from shared.contract import Hash
from shared.ids import id_of
from shared.records import TaskStatus
from shared.routing import Line, Route


class TaskRecorded(Payload):
    """The new `status` of the subject task, with the server's own decision about it.

    Nobody but the server's service person may say so. An `answer` goes with `done`, and only with it.
    """

    kind = Kind("assist.recorded", 1, "assist_task", "Record the cluster's answer", frozenset({Role.SERVICE}))

    status: TaskStatus
    attempts: Annotated[int, Field(ge=0)] = 0
    decision: Hash | None = None
    bundle_version: Line = ""
    route: Route | None = None
    detail: Line = ""
    answer: Answer | None = None
    truncated: bool = False

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """All that is known of it now."""
        told: dict[str, JsonValue] = {name: value for name, value in self.to_json().items() if name != "status"}
        return (
            Edit(command.record, "status", self.status),
            *(Edit(command.record, name, value) for name, value in told.items()),
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """No device speaks for the server; an answer is what makes a task done."""
        if command.device != OFFICE:
            return "only the server itself records what became of a question"
        if (self.answer is None) == (self.status is TaskStatus.DONE):
            return "an answer goes with done, and only with it"
        if self.answer and self.answer.task != id_of(command.record):
            return "that is the answer to another question"
        return None

    def summary(self, label: str) -> str:
        """What is known now."""
        return f"{id_of(label) or label}: {self.status} {self.detail}".rstrip()
