"""``conflict.resolved``: a person decides what stands where two values could not both stand."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import STAFF, Command, Edit, Effect, Kind, Payload, Records
from shared.ids import id_of, kind_of
from shared.records import REPLACES, Choice, Clash, ConflictStatus, Settlement, check_value, rule_of


class ConflictResolved(Payload):
    """One settlement per clash of the subject conflict, each with the value that shall stand, and a reason."""

    kind = Kind("conflict.resolved", 1, "conflict", "Resolve conflict", STAFF)

    settlements: Annotated[tuple[Settlement, ...], Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(max_length=400)] = ""

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The chosen values on their records, and the conflict closed, all together."""
        chosen = tuple(filter(None, map(_edit, self.settlements)))
        settled: list[JsonValue] = [each.model_dump(mode="json") for each in self.settlements]
        return (
            *chosen,
            Edit(command.record, "status", ConflictStatus.RESOLVED),
            Edit(command.record, "settled", settled, decided=True),
            Edit(command.record, "reason", self.reason, decided=True),
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """Every clash settled once, with the value that the choice names, while the conflict is open."""
        conflict = records[command.record].fields
        if conflict["status"] != ConflictStatus.OPEN:
            return f"{command.record} is already {conflict['status']}"
        clashes = {(clash.record, clash.field): clash for clash in _clashes(conflict["clashes"])}
        if sorted((each.record, each.field) for each in self.settlements) != sorted(clashes):
            return "each clash of the conflict needs exactly one settlement"
        return next(
            filter(None, (_objection(each, clashes[each.record, each.field]) for each in self.settlements)),
            None,
        )

    def summary(self, label: str) -> str:
        """Which choice for which field."""
        choices = ", ".join(f"{each.field} {each.choice.replace('_', ' ')}" for each in self.settlements)
        return f"{id_of(label) or label}: {choices}"


def _edit(settlement: Settlement) -> Edit | None:
    """The edit that makes a choice true.

    Where an edit replaces what stands, the chosen value is set, whoever it came from. Where edits add to what stands,
    keeping mine is giving the edit again, and taking theirs is leaving it out.
    """
    replaces = rule_of(kind_of(settlement.record), settlement.field).merge in REPLACES
    if replaces or settlement.choice is Choice.EDIT:
        return Edit(settlement.record, settlement.field, settlement.value, decided=True)
    if settlement.choice is Choice.KEEP_MINE:
        return Edit(settlement.record, settlement.field, settlement.value)
    return None


def _clashes(value: object) -> tuple[Clash, ...]:
    assert isinstance(value, list), "a conflict's clashes are a list"
    return tuple(Clash.model_validate(each) for each in value)


def _objection(settlement: Settlement, clash: Clash) -> str | None:
    expected = {Choice.KEEP_MINE: clash.mine.value, Choice.TAKE_THEIRS: clash.theirs.value}
    if settlement.choice in expected and settlement.value != expected[settlement.choice]:
        return f"{settlement.choice} of {settlement.field} is {expected[settlement.choice]!r}"
    if settlement.choice is Choice.EDIT:
        try:
            check_value(kind_of(settlement.record), settlement.field, settlement.value)
        except ValueError:
            return f"{settlement.field} cannot hold {settlement.value!r}"
    return None
