"""``resolution.undone``: a decision over a conflict is taken back; what stood before stands again."""

from typing import Annotated

from pydantic import Field, JsonValue

from shared.commands.base import STAFF, Authority, Command, Edit, Effect, Kind, Payload, Records, authority_over
from shared.commands.conflict_resolved import changes_record, place_of, torn_group
from shared.contract import Contract, Name, RecordRef
from shared.ids import id_of, kind_of
from shared.records import Choice, Conflict, ConflictStatus, Merge, Record, SettledEntry, Settlement, rule_of


class Restored(Contract):
    """The value that stands again in a field."""

    record: RecordRef
    field: Name
    value: JsonValue


class ResolutionUndone(Payload):
    """`settlements` of the subject conflict, as they stand, are taken back, and the conflict waits again.

    `restored` holds a value for each of them that had changed its record: the one from before. A field that anybody
    changed since it was settled is not restored; then the undoing is refused as a whole.
    """

    kind = Kind("resolution.undone", 1, "conflict", "Undo resolution", STAFF)

    settlements: Annotated[tuple[Settlement, ...], Field(min_length=1, max_length=64)]
    restored: Annotated[tuple[Restored, ...], Field(max_length=64)] = ()
    reason: Annotated[str, Field(max_length=400)] = ""

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The values from before, the conflict open, and the undoing kept beside what it undoes."""
        values = tuple(Edit(each.record, each.field, each.value, decided=True) for each in self.restored)
        kept = tuple(
            Edit(command.record, "settled", _entry(number, each, command, self.reason))
            for number, each in enumerate(self.settlements)
        )
        return *values, *kept, Edit(command.record, "status", ConflictStatus.OPEN, decided=True)

    def objection(self, command: Command, records: Records) -> str | None:
        """Settlements that stand, groups as a whole, fields untouched since, and exactly the values from before."""
        conflict = Conflict.model_validate(records[command.record].fields)
        standing = conflict.standing()
        entries = [standing.get(place_of(each)) for each in self.settlements]
        for entry, each in zip(entries, self.settlements, strict=True):
            if entry is None or (entry.choice, entry.value) != (each.choice, each.value):
                return f"{each.field} of {each.record} is not settled that way"
        if torn := torn_group(conflict, [place_of(each) for each in self.settlements]):
            return torn
        try:
            expected = restoration(conflict, [entry for entry in entries if entry], records)
        except ChangedSince as error:
            return str(error)
        return None if expected == self.restored else "an undoing restores exactly what stood before"

    def authority(self, command: Command, records: Records) -> Authority:
        """Taking a decision back is no way around an approval either."""
        asked = [authority_over(records.get(each.record), {each.field: each.value}) for each in self.restored]
        return Authority.CENTRAL if Authority.CENTRAL in asked else self.kind.authority

    def summary(self, label: str) -> str:
        """What waits again."""
        return f"{id_of(label) or label}: undone {', '.join(each.field for each in self.settlements)}"


class ChangedSince(Exception):
    """A field is not any more what the settlement made of it."""


def restoration(conflict: Conflict, entries: list[SettledEntry], records: Records) -> tuple[Restored, ...]:
    """The values that stood before the settlements `entries`, for those that had changed a record.

    Raises:
        ChangedSince: somebody changed a field after it was settled; the words say which.
    """
    return tuple(
        Restored(record=entry.record, field=entry.field, value=_before(conflict, entry, records.get(entry.record)))
        for entry in entries
        if changes_record(entry)
    )


def _before(conflict: Conflict, entry: SettledEntry, record: Record | None) -> JsonValue:
    if record is None or record.stamp(entry.field).command != entry.command:
        raise ChangedSince(f"{entry.field} of {entry.record} changed since it was settled")
    if entry.choice is not Choice.KEEP_MINE:
        return entry.before
    return _without(conflict.command, entry, record.value(entry.field))


def _without(command: str, entry: SettledEntry, standing: JsonValue) -> JsonValue:
    """What stands now without the edit of `command` that was given again: it may have met others' on its way."""
    merge = rule_of(kind_of(entry.record), entry.field).merge
    if merge is Merge.APPEND:
        assert isinstance(standing, list), "entries are appended to a list"
        return [each for each in standing if not (isinstance(each, dict) and each.get("id") == command)]
    if merge is Merge.ADD:
        assert isinstance(standing, int | float), "amounts are added to a number"
        assert isinstance(entry.value, int | float), "what was added is a number"
        return standing - entry.value
    return entry.before


def _entry(number: int, settlement: Settlement, command: Command, reason: str) -> JsonValue:
    return {
        **settlement.model_dump(mode="json"),
        "id": f"{command.id}.{number}",
        "command": command.id,
        "undone": True,
        "reason": reason,
        "author": command.actor,
        "at": command.issued_at.isoformat(),
    }
