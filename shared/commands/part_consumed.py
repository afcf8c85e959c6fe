"""``part.consumed``: a part left the shelf and went into a job."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload
from shared.contract import StockItemRef
from shared.ids import id_of


class PartConsumed(Payload):
    """`quantity` pieces of `stock_item`. The shelf and the job change together or not at all."""

    kind = Kind(
        "part.consumed",
        1,
        "work_order",
        "Use part",
        FIELD_AND_STAFF,
        atomic=(frozenset({"work_order.parts_used", "stock_item.on_hand"}),),
    )

    stock_item: StockItemRef
    quantity: Annotated[int, Field(ge=1, le=1000)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """Less on the shelf, one entry more on the job."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "stock_item": self.stock_item,
            "quantity": self.quantity,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (
            Edit(self.stock_item, "on_hand", -self.quantity),
            Edit(command.record, "parts_used", entry),
        )

    def summary(self, label: str) -> str:
        """How many of what."""
        return f"{label}: used {self.quantity} × {id_of(self.stock_item)}"
