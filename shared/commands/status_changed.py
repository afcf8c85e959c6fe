"""``status.changed``: a work order moves on."""

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from shared.commands.base import (
    FIELD_AND_STAFF,
    Authority,
    Command,
    Edit,
    Effect,
    Kind,
    Payload,
    Records,
    Upcaster,
    Urgency,
    authority_over,
)
from shared.records import WorkStatus

#: Steps that leave a safety-critical job undone; the office must hear of them before anything else.
_LEFT_UNDONE = frozenset({WorkStatus.ON_HOLD, WorkStatus.CANCELLED})


class StatusChanged(Payload):
    """The state to go to, and why; which steps exist is `reconciliation.lifecycle`'s business.

    Version 2 brought `reason`; an older payload gives none.
    """

    kind = Kind(
        "status.changed",
        2,
        "work_order",
        "Change status",
        FIELD_AND_STAFF,
        atomic=(frozenset({"work_order.status", "work_order.reasons"}),),
    )
    upcasters: ClassVar[dict[int, Upcaster]] = {1: lambda old: {"reason": "", **old}}

    to: WorkStatus
    reason: Annotated[str, Field(max_length=400)] = ""

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One step of the work order's life, with its reason if there is one."""
        step = Edit(command.record, "status", self.to)
        if not self.reason:
            return (step,)
        entry: dict[str, JsonValue] = {
            "id": command.id,
            "to": self.to,
            "text": self.reason,
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return step, Edit(command.record, "reasons", entry)

    def authority(self, command: Command, records: Records) -> Authority:
        """Nobody closes safety-critical work alone."""
        return authority_over(records.get(command.record), {"status": self.to})

    def urgency(self, command: Command, records: Records) -> Urgency:
        """Safety-critical work that is left undone is told first."""
        pressing = self.to in _LEFT_UNDONE and _safety_critical(command, records)
        return Urgency.SAFETY if pressing else self.kind.priority

    def summary(self, label: str) -> str:
        """The new state, and why."""
        why = f", “{self.reason}”" if self.reason else ""
        return f"{label}: {self.to.replace('_', ' ')}{why}"


def _safety_critical(command: Command, records: Records) -> bool:
    order = records.get(command.record)
    return order is not None and order.value("safety_critical") is True
