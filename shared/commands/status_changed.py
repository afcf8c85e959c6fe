"""``status.changed``: a work order moves on."""

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload
from shared.records import WorkStatus


class StatusChanged(Payload):
    """The state to go to; which steps exist is `reconciliation.lifecycle`'s business."""

    kind = Kind("status.changed", 1, "work_order", "Change status", FIELD_AND_STAFF)

    to: WorkStatus

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One step of the work order's life."""
        return (Edit(command.record, "status", self.to),)

    def summary(self, label: str) -> str:
        """The new state."""
        return f"{label}: {self.to.replace('_', ' ')}"
