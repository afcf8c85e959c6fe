"""``external.recorded``: the server writes down what became of a write to a system of record."""

from typing import Annotated

from pydantic import Field

from shared.commands.base import OFFICE, Command, Edit, Effect, Kind, Payload, Records, Role
from shared.ids import id_of
from shared.records import WriteStatus


class ExternalRecorded(Payload):
    """The new `status` of the subject write. Nobody but the server's own service person may say so."""

    kind = Kind("external.recorded", 1, "external_write", "Record external result", frozenset({Role.SERVICE}))

    status: WriteStatus
    reference: Annotated[str, Field(max_length=200)] = ""
    detail: Annotated[str, Field(max_length=400)] = ""
    attempts: Annotated[int, Field(ge=0)] = 0

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The whole of what the system said; an earlier decision of a person no longer closes the matter."""
        return (
            Edit(command.record, "status", self.status),
            Edit(command.record, "reference", self.reference),
            Edit(command.record, "detail", self.detail),
            Edit(command.record, "attempts", self.attempts),
            Edit(command.record, "decided_by", None),
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """No device speaks for the server."""
        return None if command.device == OFFICE else "only the server itself records what a system answered"

    def summary(self, label: str) -> str:
        """What is known now."""
        return f"{id_of(label) or label}: {self.status} {self.reference or self.detail}".rstrip()
