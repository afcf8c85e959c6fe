"""``work_order.assigned``: the office gives a job to a person, to a team, or takes it back."""

from typing import Any, Self

from pydantic import model_validator

from shared.commands.base import STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.contract import Name
from shared.records import WorkStatus

_OVER = frozenset({WorkStatus.CLOSED, WorkStatus.CANCELLED})


class WorkOrderAssigned(Payload):
    """What is named is set, and None takes it away; what is left out stays as it is."""

    kind = Kind("work_order.assigned", 1, "work_order", "Assign", STAFF)

    assignee: Name | None = None
    team: Name | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name an assignee, a team or both")
        return self

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The named ones of the two fields."""
        return tuple(Edit(command.record, name, value) for name, value in self.to_json().items())

    def objection(self, command: Command, records: Records) -> str | None:
        """A job that is over is nobody's any more."""
        status = records[command.record].value("status")
        return f"{command.record} is {status}; nobody can be given it" if status in _OVER else None

    def summary(self, label: str) -> str:
        """Who has it now."""
        said = (f"{name} {value or 'nobody'}" for name, value in self.to_json().items())
        return f"{label}: {', '.join(said)}"

    def to_json(self) -> dict[str, Any]:
        """Only what is named: left out is not the same as None."""
        return self.model_dump(mode="json", exclude_unset=True)
