"""``status.changed``: a work order moves on."""

from shared.commands.base import FIELD_AND_STAFF, Authority, Command, Edit, Effect, Kind, Payload, Records
from shared.records import WorkStatus


class StatusChanged(Payload):
    """The state to go to; which steps exist is `reconciliation.lifecycle`'s business."""

    kind = Kind("status.changed", 1, "work_order", "Change status", FIELD_AND_STAFF)

    to: WorkStatus

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One step of the work order's life."""
        return (Edit(command.record, "status", self.to),)

    def authority(self, command: Command, records: Records) -> Authority:
        """Closing a safety-critical job is not for one person alone."""
        closes = self.to == WorkStatus.CLOSED and records[command.record].fields["safety_critical"]
        return Authority.CENTRAL if closes else self.kind.authority

    def summary(self, label: str) -> str:
        """The new state."""
        return f"{label}: {self.to.replace('_', ' ')}"
