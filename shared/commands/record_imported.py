"""``record.imported``: the office brings a record in from a file: new, or with fields brought up to date."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import (
    Authority,
    Command,
    Creation,
    Edit,
    Effect,
    Kind,
    Payload,
    Records,
    Role,
    authority_over,
)
from shared.contract import Name
from shared.ids import kind_of
from shared.records import GROWS, KINDS, check_fields, check_value, rule_of

IMPORTABLE = ("asset", "stock_item", "work_order")


class RecordImported(Payload):
    """`fields` of the subject record. A base version of 0 creates it; any other sets just these fields."""

    kind = Kind("record.imported", 1, "", "Import", frozenset({Role.ADMIN, Role.DISPATCHER}))

    fields: Annotated[dict[Name, JsonValue], Field(min_length=1)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The whole record, or one edit for each field."""
        if command.base_version == 0:
            return (Creation(command.record, self.fields),)
        return tuple(Edit(command.record, name, value, decided=True) for name, value in self.fields.items())

    def objection(self, command: Command, records: Records) -> str | None:
        """The kind must be one that files bring, and the fields must fit it."""
        kind = kind_of(command.record)
        if kind not in IMPORTABLE:
            return f"{kind} records are not imported; importable: {', '.join(IMPORTABLE)}"
        if unknown := sorted(set(self.fields) - set(KINDS[kind].model_fields)):
            return f"a {kind} has no field {unknown[0]}"
        appended = [name for name in self.fields if rule_of(kind, name).merge in GROWS]
        if command.base_version > 0 and appended:
            return f"{appended[0]} cannot be imported over an existing record"
        try:
            if command.base_version == 0:
                check_fields(kind, self.fields)
            else:
                for name, value in self.fields.items():
                    check_value(kind, name, value)
        except ValueError as error:
            return f"{command.record} does not fit: {str(error).splitlines()[0]}"
        return None

    def authority(self, command: Command, records: Records) -> Authority:
        """A file is no way around an approval."""
        return authority_over(records.get(command.record), self.fields)

    def summary(self, label: str) -> str:
        """Which fields."""
        return f"{label}: imported {', '.join(self.fields)}"
