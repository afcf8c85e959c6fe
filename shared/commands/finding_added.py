"""``finding.added``: somebody noticed something that is not part of the job."""

from pydantic import JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Records, Urgency
from shared.contract import Text
from shared.records import Severity


class FindingAdded(Payload):
    """`text` in the person's own words. A finding about safety always fits into the outbox's reserve."""

    kind = Kind("finding.added", 1, "work_order", "Add finding", FIELD_AND_STAFF)

    text: Text
    severity: Severity = Severity.MINOR

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more on the work order, named after the command."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "text": self.text,
            "severity": self.severity,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "findings", entry),)

    def urgency(self, command: Command, records: Records) -> Urgency:
        """Safety comes first."""
        return Urgency.SAFETY if self.severity is Severity.SAFETY else self.kind.priority

    def summary(self, label: str) -> str:
        """How bad, and the words themselves."""
        return f"{label}: {self.severity} finding “{self.text}”"
