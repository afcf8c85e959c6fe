"""``tags.changed``: words by which a job is found again."""

from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Urgency
from shared.records import Tag

Tags = Annotated[tuple[Tag, ...], Field(max_length=20)]


class TagsChanged(Payload):
    """Tags to `add` and to `remove`; what others add or remove meanwhile stays so."""

    kind = Kind("tags.changed", 1, "work_order", "Change tags", FIELD_AND_STAFF, priority=Urgency.LOW)

    add: Tags = ()
    remove: Tags = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not {*self.add, *self.remove} or {*self.add} & {*self.remove}:
            raise ValueError("name tags to add or to remove, and none of them both ways")
        return self

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """A change of members."""
        change: dict[str, JsonValue] = {"add": list(self.add), "remove": list(self.remove)}
        return (Edit(command.record, "tags", change),)

    def summary(self, label: str) -> str:
        """Each tag with its sign."""
        signed = [f"+{tag}" for tag in self.add] + [f"-{tag}" for tag in self.remove]
        return f"{label}: tags {' '.join(signed)}"
