"""What a conflict's page shows, as values: no HTML, no database.

Rules
1. Clashes that wait come first, then what was decided, then what only one side changed; the rest is
   folded.
2. A value always comes with who wanted it, where and when, and the version it was based on.
3. Picks that were made are shown as they were, also on a page that was refused.
4. The result is what would stand after these picks, and who is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from shared.commands.conflict_resolved import Place, place_of
from shared.ids import id_of
from shared.records import Choice, Clash, Conflict, Record, SettledEntry
from sync_server.store import Entry

#: As in forms: what a page calls the choices.
DEVICE, OFFICE_SIDE, OTHER = "device", "office", "other"
CHOICES = {DEVICE: Choice.KEEP_MINE, OFFICE_SIDE: Choice.TAKE_THEIRS, OTHER: Choice.EDIT}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One side's value. `device` is empty for the office; `seq` is its place in the laptop's chain."""

    value: JsonValue
    actor: str
    device: str
    at: datetime
    seq: int | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """What somebody picked for a field: a side, or `OTHER` with what they typed."""

    side: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ClashRow:
    """A field that waits for a decision.

    `number` is its place among the conflict's clashes, which names it in forms. `now` is what stands in the record
    if that is no longer what the office's side shows; `version` is the record's as this page saw it, `stamped` the
    one at which the field last changed. `stood` is that of the office's value: at which it was set or, once the
    field changed again, at which the laptop's command met it. `based` is the one that the laptop's author saw, if
    the command is still known.
    """

    number: int
    clash: Clash
    mine: Wanted
    theirs: Wanted
    version: int
    stamped: int
    stood: int
    now: Wanted | None = None
    based: int | None = None
    pick: Picked = field(default_factory=Picked)

    @property
    def place(self) -> Place:
        """The clash's record and field."""
        return place_of(self.clash)


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A field that was decided. `wanted` is what was picked here for it, too late; empty for nothing."""

    number: int
    clash: Clash
    settled: SettledEntry
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class OneSided:
    """A field that only the laptop changed, and that stands."""

    record: str
    name: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class ConflictView:
    """Everything on a conflict's page."""

    conflict: Record
    body: Conflict
    subject: Record
    clashes: tuple[ClashRow, ...]
    settled: tuple[SettledRow, ...]
    one_sided: tuple[OneSided, ...]
    unchanged: tuple[tuple[str, JsonValue], ...]
    waiting: tuple[Entry, ...]

    @property
    def open(self) -> bool:
        """Whether anything waits for a decision."""
        return bool(self.clashes)

    @property
    def left(self) -> int:
        """Clashes without a pick."""
        return sum(1 for row in self.clashes if not row.pick.side)

    @property
    def overrides(self) -> bool:
        """Whether a pick overrides the laptop's value, which takes a reason."""
        return any(row.pick.side in (OFFICE_SIDE, OTHER) for row in self.clashes)

    @property
    def told(self) -> tuple[str, ...]:
        """The laptops that are told at their next contact."""
        mine = {row.mine.device for row in self.clashes} | {row.clash.mine.device for row in self.settled}
        return tuple(sorted(mine | {entry.command.device for entry in self.waiting}))

    def result(self) -> Iterator[tuple[str, str]]:
        """(field, value) of every clash as the picks have it; an empty value where there is no pick."""
        for row in self.clashes:
            yield row.clash.field, _chosen(row)


def _chosen(row: ClashRow) -> str:
    return _value_of(row.pick, row.mine.value, row.theirs.value)


def _value_of(pick: Picked, mine: JsonValue, theirs: JsonValue) -> str:
    if pick.side == OTHER:
        return pick.text
    found = {DEVICE: mine, OFFICE_SIDE: theirs}.get(pick.side)
    return "" if found is None else str(found)


def conflict_view(
    conflict: Record,
    records: Mapping[str, Record],
    entry: Entry | None,
    waiting: tuple[Entry, ...],
    picks: Mapping[int, Picked],
) -> ConflictView:
    """The page of `conflict`.

    Args:
        conflict: the record.
        records: by reference, its subject and every record that clashes.
        entry: the command whose values did not get in, as the ledger has it; None if it was purged.
        waiting: the commands that wait for the decision.
        picks: by the number of the clash, what was picked already.
    """
    body = Conflict.model_validate(conflict.fields)
    settled = body.standing()
    rows, done = [], []
    for number, clash in enumerate(body.clashes):
        if found := settled.get(place_of(clash)):
            late = _value_of(picks.get(number, Picked()), clash.mine.value, clash.theirs.value)
            done.append(SettledRow(number, clash, found, late))
        else:
            rows.append(_row(number, clash, records[clash.record], entry, picks.get(number, Picked())))
    subject = records[body.record]
    touched = {clash.field for clash in body.clashes if clash.record == subject.ref}
    one_sided = tuple(_one_sided(entry, records))
    touched |= {each.name for each in one_sided if each.record == subject.ref}
    unchanged = tuple((name, value) for name, value in subject.fields.items() if name not in touched)
    return ConflictView(conflict, body, subject, tuple(rows), tuple(done), one_sided, unchanged, waiting)


def changed_since(view: ConflictView, seen: Mapping[str, int], picks: Mapping[int, Picked]) -> list[str]:
    """What others did to the picked fields since the records had the versions in `seen`: who, what, when."""
    decided = [
        f"{row.settled.author} decided {row.clash.field} as {row.settled.value!r} at {_time(row.settled.at)}"
        for row in view.settled
        if row.number in picks
    ]
    changed = [
        f"{row.now.actor} set {row.clash.field} to {row.now.value!r} at {_time(row.now.at)}"
        for row in view.clashes
        if row.now and row.stamped > seen.get(row.clash.record, row.version)
    ]
    return [*decided, *changed]


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC" if at else "some time"


def _row(number: int, clash: Clash, record: Record, entry: Entry | None, pick: Picked) -> ClashRow:
    seq, doubtful = (entry.command.seq, entry.doubtful) if entry else (None, False)
    mine = Wanted(clash.mine.value, clash.mine.actor, clash.mine.device, clash.mine.at, seq, doubtful)
    theirs = Wanted(clash.theirs.value, clash.theirs.actor, clash.theirs.device, clash.theirs.at)
    stamp, value = record.stamp(clash.field), record.value(clash.field)
    now = None if value == clash.theirs.value else Wanted(value, stamp.actor, stamp.device, stamp.at)
    untouched = now is None and (stamp.actor, stamp.at) == (clash.theirs.actor, clash.theirs.at)
    stood = stamp.version if untouched else clash.version
    versions = (record.version, stamp.version, stood)
    return ClashRow(number, clash, mine, theirs, *versions, now, _based(clash, entry), pick)


def _based(clash: Clash, entry: Entry | None) -> int | None:
    """The version of the record on which the laptop's value rests."""
    bases = entry.command.bases if entry else ()
    return next((each.version for each in bases if (each.record, each.field) == place_of(clash)), None)


def _one_sided(entry: Entry | None, records: Mapping[str, Record]) -> Iterator[OneSided]:
    """What of the command took effect at once."""
    receipt = entry.receipt if entry else None
    if receipt is None:
        return
    for each in receipt.applied:
        record = records.get(each.record)
        if record is not None and record.stamp(each.field).command == receipt.command:
            yield OneSided(each.record, each.field, record.value(each.field))


def title_of(record: Record) -> str:
    """What people call a record."""
    named = record.value("title") or record.value("name") or ""
    return f"{id_of(record.ref)} {named}".strip()
