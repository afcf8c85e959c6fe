"""``field.updated``: a person sets one editable field of a work order, an asset or a stock item."""

from typing import Self

from pydantic import JsonValue, model_validator

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.contract import Name
from shared.ids import kind_of
from shared.records import check_value, editable_fields


class FieldUpdated(Payload):
    """`value` (JSON form) for `field` of the subject record, which may be of any kind that has editable fields."""

    kind = Kind("field.updated", 1, "", "Set field", FIELD_AND_STAFF)

    field: Name
    value: JsonValue

    @model_validator(mode="after")
    def _small(self) -> Self:
        if isinstance(self.value, list | dict):
            raise ValueError("an editable field holds one plain value")
        return self

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The one field."""
        return (Edit(command.record, self.field, self.value),)

    def objection(self, command: Command, records: Records) -> str | None:
        """The field must be one that people may set, and able to hold the value."""
        record_kind = kind_of(command.record)
        if self.field not in editable_fields(record_kind):
            return f"{self.field} of a {record_kind} is not a field that can be set directly"
        try:
            check_value(record_kind, self.field, self.value)
        except ValueError:
            return f"{self.field} cannot hold {self.value!r}"
        return None

    def summary(self, label: str) -> str:
        """Field and value."""
        return f"{label}: {self.field.replace('_', ' ')} = {self.value}"
