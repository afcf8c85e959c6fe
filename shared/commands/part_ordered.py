"""``part.ordered``: a job needs parts from the store."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.contract import StockItemRef
from shared.ids import id_of


class PartOrdered(Payload):
    """`quantity` pieces of `stock_item`, asked for at the parts store; the shelf's count changes when they come."""

    kind = Kind("part.ordered", 1, "work_order", "Order part", FIELD_AND_STAFF, system="parts")

    stock_item: StockItemRef
    quantity: Annotated[int, Field(ge=1, le=1000)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more on the job, named after the command."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "stock_item": self.stock_item,
            "quantity": self.quantity,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "parts_ordered", entry),)

    def reads(self, command: Command) -> frozenset[str]:
        """The stock item."""
        return frozenset({self.stock_item})

    def objection(self, command: Command, records: Records) -> str | None:
        """The part must be one that the store knows."""
        return None if self.stock_item in records else f"there is no {self.stock_item}"

    def external(self, command: Command) -> dict[str, JsonValue]:
        """The order as the parts store takes it; its own key is the command's id."""
        return {
            "order": command.id,
            "part": id_of(self.stock_item),
            "quantity": self.quantity,
            "work_order": id_of(command.record),
            "ordered_by": command.actor,
            "ordered_at": command.issued_at.isoformat(),
        }

    def summary(self, label: str) -> str:
        """How many of what."""
        return f"{label}: order {self.quantity} × {id_of(self.stock_item)}"
