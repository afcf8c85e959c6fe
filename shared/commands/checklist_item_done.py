"""``checklist_item.done``: one thing on a job's list is done, or is not done after all."""

from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.contract import CommandId
from shared.records import ChecklistItem, ItemId, Record


class ChecklistItemDone(Payload):
    """A tick on `item`. With `takes_back` it is no tick: it removes exactly those ticks, the ones its author saw.

    A tick that somebody else makes meanwhile therefore stands, and two people's ticks of one item are both kept.
    """

    kind = Kind("checklist_item.done", 1, "work_order", "Tick item", FIELD_AND_STAFF)

    item: ItemId
    done: bool = True
    takes_back: Annotated[tuple[CommandId, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.done == bool(self.takes_back):
            raise ValueError("either an item is done, or the ticks to take back are named")
        return self

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One tick more, named after the command, or the seen ones fewer."""
        change: dict[str, JsonValue] = {"item": self.item}
        if self.done:
            change["tick"] = {"id": command.id, "author": command.actor, "at": command.issued_at.isoformat()}
        else:
            change["untick"] = list(self.takes_back)
        return (Edit(command.record, "checklist", change),)

    def objection(self, command: Command, records: Records) -> str | None:
        """The item must be on the list."""
        if not any(item.id == self.item for item in checklist(records[command.record])):
            return f"{command.record} has no item {self.item} on its list"
        return None

    def summary(self, label: str) -> str:
        """Which item, and which way."""
        return f"{label}: item {self.item} {'done' if self.done else 'not done after all'}"


def checklist(order: Record) -> tuple[ChecklistItem, ...]:
    """The items of a work order, in their order."""
    listed = order.value("checklist")
    assert isinstance(listed, list), "a checklist is a list"
    return tuple(ChecklistItem.model_validate(item) for item in listed)
