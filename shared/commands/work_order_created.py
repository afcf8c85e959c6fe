"""``work_order.created``: a new job; a technician raises a follow-up, the office plans one."""

from datetime import date
from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Creation, Effect, Kind, Payload, Records
from shared.contract import AssetRef, Name, WorkOrderRef
from shared.ids import id_of, record_ref
from shared.records import Priority

#: How many characters of a command's id name the work order that it creates: 48 random bits.
_ID_CHARS = 12


class WorkOrderCreated(Payload):
    """The subject is the new record, see `fresh_ref`. `checklist` is the items' texts, in order."""

    kind = Kind("work_order.created", 1, "work_order", "Create work order", FIELD_AND_STAFF)

    title: Annotated[str, Field(min_length=1, max_length=120)]
    asset: AssetRef
    priority: Priority = Priority.NORMAL
    due_on: date | None = None
    description: Annotated[str, Field(max_length=4000)] = ""
    safety_critical: bool = False
    team: Name | None = None
    checklist: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)] = ()
    parent: WorkOrderRef | None = None

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The new work order, open."""
        items: list[JsonValue] = [
            {"id": str(number), "text": text} for number, text in enumerate(self.checklist, start=1)
        ]
        return (Creation(command.record, {**self.to_json(), "checklist": items}),)

    def reads(self, command: Command) -> frozenset[str]:
        """The asset, and the job that it follows up."""
        return frozenset(filter(None, (self.asset, self.parent)))

    def objection(self, command: Command, records: Records) -> str | None:
        """Asset and parent must be there."""
        missing = sorted(self.reads(command) - records.keys())
        return f"there is no {missing[0]}" if missing else None

    def summary(self, label: str) -> str:
        """What, where, and after what."""
        after = f", follow-up of {id_of(self.parent)}" if self.parent else ""
        return f"{label}: new job “{self.title}” at {id_of(self.asset)}{after}"


def fresh_ref(command_id: str) -> str:
    """A name that no other work order has, for the one that `command_id` creates, also while offline."""
    return record_ref("work_order", f"F-{command_id[-_ID_CHARS:].upper()}")
