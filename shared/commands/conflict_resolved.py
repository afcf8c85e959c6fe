"""``conflict.resolved``: a person decides what stands where two values could not both stand."""

from collections.abc import Collection
from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from shared.commands.base import (
    STAFF,
    Authority,
    Command,
    Edit,
    Effect,
    Kind,
    Payload,
    Records,
    Upcaster,
    authority_over,
)
from shared.ids import id_of, kind_of
from shared.records import REPLACES, Choice, Clash, Conflict, ConflictStatus, Settlement, check_value, rule_of

#: A clash's record and field.
Place = tuple[str, str]


class ConflictResolved(Payload):
    """Settlements for some clashes of the subject conflict, each with the value that shall stand, and a reason.

    `closes` says that nothing is left to decide then; it is wrong if somebody else settled something meanwhile, and
    the author looks again. Version 2 brought it: an older payload settles every clash.
    """

    kind = Kind("conflict.resolved", 2, "conflict", "Resolve conflict", STAFF)
    upcasters: ClassVar[dict[int, Upcaster]] = {1: lambda old: {"closes": True, **old}}

    settlements: Annotated[tuple[Settlement, ...], Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(max_length=400)] = ""
    closes: bool = True

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The chosen values on their records, and the clashes settled, all together."""
        chosen = tuple(filter(None, map(_edit, self.settlements)))
        kept = tuple(
            Edit(command.record, "settled", _entry(number, each, command, self.reason))
            for number, each in enumerate(self.settlements)
        )
        closed = (Edit(command.record, "status", ConflictStatus.RESOLVED),) if self.closes else ()
        why = (Edit(command.record, "reason", self.reason),) if self.reason else ()
        return *chosen, *kept, *closed, *why

    def objection(self, command: Command, records: Records) -> str | None:
        """Clashes that still wait, each settled once with the value that the choice names, groups as a whole."""
        conflict = Conflict.model_validate(records[command.record].fields)
        if conflict.status is not ConflictStatus.OPEN:
            return f"{command.record} is already {conflict.status}"
        waiting = {place_of(clash): clash for clash in conflict.unsettled()}
        places = [place_of(each) for each in self.settlements]
        if len({*places}) < len(places) or not {*places} <= waiting.keys():
            return "each settlement needs a clash of the conflict that still waits for one"
        if self.closes != (len(places) == len(waiting)):
            return "other clashes of the conflict were settled or reopened meanwhile"
        return torn_group(conflict, places) or self._mixed(waiting) or self._wrong(waiting)

    def _mixed(self, waiting: dict[Place, Clash]) -> str | None:
        """Why fields that take effect together cannot be settled as they are here."""
        chosen = {(waiting[place_of(each)].group, each.choice) for each in self.settlements}
        groups = [group for group, _ in chosen if group]
        return "what takes effect together is settled the same way" if len({*groups}) < len(groups) else None

    def _wrong(self, waiting: dict[Place, Clash]) -> str | None:
        objections = (_objection(each, waiting[place_of(each)]) for each in self.settlements)
        return next(filter(None, objections), None)

    def authority(self, command: Command, records: Records) -> Authority:
        """A decision is no way around an approval."""
        edits = [edit for edit in map(_edit, self.settlements) if edit and _moves(edit, records)]
        asked = [authority_over(records.get(edit.record), {edit.field: edit.value}) for edit in edits]
        return Authority.CENTRAL if Authority.CENTRAL in asked else self.kind.authority

    def summary(self, label: str) -> str:
        """Which choice for which field."""
        choices = ", ".join(f"{each.field} {each.choice.replace('_', ' ')}" for each in self.settlements)
        return f"{id_of(label) or label}: {choices}"


def place_of(what: Clash | Settlement) -> Place:
    """The record and field that a clash or a settlement is about."""
    return what.record, what.field


def torn_group(conflict: Conflict, places: Collection[Place]) -> str | None:
    """Why `places` cannot be decided without others: they take effect together. None if they can."""
    groups = {clash.group for clash in conflict.clashes if clash.group and place_of(clash) in places}
    left = [clash for clash in conflict.clashes if clash.group in groups and place_of(clash) not in places]
    return f"{left[0].field} of {left[0].record} is decided together with them" if left else None


def changes_record(settlement: Settlement) -> bool:
    """Whether a settlement edits the record: where edits add to what stands, taking theirs leaves it alone."""
    return _edit(settlement) is not None


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


def _entry(number: int, settlement: Settlement, command: Command, reason: str) -> JsonValue:
    """What the conflict keeps: the settlement, and what stood in the field when its author decided."""
    return {
        **settlement.model_dump(mode="json"),
        "id": f"{command.id}.{number}",
        "before": _seen(command, settlement),
        "command": command.id,
        "reason": reason,
        "author": command.actor,
        "at": command.issued_at.isoformat(),
    }


def _seen(command: Command, settlement: Settlement) -> JsonValue:
    """What the author says to have seen, if the field could ever have held it: it goes into everybody's replica."""
    place = place_of(settlement)
    value = next((base.value for base in command.bases if (base.record, base.field) == place), None)
    try:
        return check_value(kind_of(settlement.record), settlement.field, value)
    except ValueError:
        return None


def _moves(edit: Edit, records: Records) -> bool:
    """Whether the value is not the one that stands already."""
    record = records.get(edit.record)
    return record is None or record.value(edit.field) != edit.value


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
