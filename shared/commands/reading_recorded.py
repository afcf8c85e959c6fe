"""``reading.recorded``: a value that somebody measured."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Creation, Effect, Kind, Payload, Records
from shared.contract import AssetRef
from shared.ids import record_ref
from shared.records import Quantity


class ReadingRecorded(Payload):
    """`value` of `quantity` at `asset`, in `unit` as the person gave it, on the job that is the subject."""

    kind = Kind("reading.recorded", 1, "work_order", "Record reading", FIELD_AND_STAFF)

    asset: AssetRef
    quantity: Quantity
    value: float
    unit: Annotated[str, Field(min_length=1, max_length=12)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """A new reading, named after the command."""
        fields: dict[str, JsonValue] = {
            "asset": self.asset,
            "work_order": command.record,
            "quantity": self.quantity,
            "value": self.value,
            "unit": self.unit,
            "author": command.actor,
            "taken_at": command.issued_at.isoformat(),
        }
        return (Creation(record_ref("reading", command.id), fields),)

    def objection(self, command: Command, records: Records) -> str | None:
        """The reading must be of the asset that the job is about."""
        if records[command.record].fields["asset"] != self.asset:
            return f"{self.asset} is not the asset of {command.record}"
        return None

    def summary(self, label: str) -> str:
        """Quantity, value and unit."""
        return f"{label}: {self.quantity.replace('_', ' ')} {self.value:g} {self.unit}"
