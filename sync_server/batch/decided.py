"""What a unit of work decided and has not written yet: outcomes, holds, new states of records, notes for the audit.

Every decision is known at once (`Known`) and written later (`writing`). What it may have set free is remembered in
`arrived`, until `settling` has looked at it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciliation.decide import Ruling
from shared.ids import id_of
from shared.outcomes import Hold
from shared.problems import Problem
from shared.records import ConflictStatus, Record
from shared.values import value
from sync_server.batch.known import Known
from sync_server.store import Entry

_NOBODY = frozenset[str]()


@value(frozen=True, slots=True)
class Settled:
    """A command with its ruling; `versions` are those of the records that it changed."""

    entry: Entry
    ruling: Ruling
    versions: Mapping[str, int]


class Decided:
    """Decisions in the order in which they were taken.

    Args:
        settled, held: by command.
        needs: what each command that is held now waits for.
        freed: commands that the store has as held, and that are settled now.
        written: the new states of records.
        notes: administrative acts for the audit.
        arrived: what something may have been waiting for: commands, records, conflicts, bytes.
        rescoped: devices that see other records from this unit on.
        reviewed: commands that a reviewer let go on: their time is not known any more.
        stand_ins: commands that a reviewer gives now → those in whose place.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self.settled: dict[str, Settled] = {}
        self.held: dict[str, Entry] = {}
        self.needs: dict[str, frozenset[str]] = {}
        self.freed: set[str] = set()
        self.written: dict[str, Record] = {}
        self.notes: list[dict[str, Any]] = []
        self.arrived: set[str] = set()
        self.rescoped: set[str] = set()
        self.reviewed: set[str] = set()
        self.stand_ins: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.settled or self.held or self.notes or self.written)

    def settle(self, entry: Entry, ruling: Ruling, versions: Mapping[str, int] | None = None) -> None:
        """`versions` are those of the records that it changed, where that is not what the ruling writes."""
        command_id = entry.command.id
        if entry.hold is not None and command_id not in self._known.new:
            self.freed.add(command_id)
        settled = entry if entry.hold is None else replace(entry, hold=None, problem=None, due_at=None)
        written = {record.ref: record.version for record in ruling.writes}
        self.settled[command_id] = Settled(settled, ruling, written if versions is None else versions)
        self._known.put(settled)
        self.held.pop(command_id, None)
        self.needs.pop(command_id, None)
        self.arrived.add(command_id)
        self.write(ruling.writes)
        self._known.grow(written, len(entry.envelope.payload))

    def write(self, records: Iterable[Record]) -> None:
        """From now on the records stand like this."""
        for record in records:
            self.written[record.ref] = record
            self._known.put_record(record)
            if record.kind == "conflict" and record.fields["status"] == ConflictStatus.RESOLVED:
                self.arrived.add(id_of(record.ref))
            self.arrived.add(record.ref)

    def hold(
        self,
        entry: Entry,
        hold: Hold,
        why: Problem | None,
        *,
        needs: frozenset[str] = _NOBODY,
        due_at: datetime | None = None,
    ) -> Entry:
        """Hold a command for a reason: until one of `needs` is there, or `due_at`."""
        command_id = entry.command.id
        held = replace(entry, hold=hold, problem=why, due_at=due_at)
        self.held[command_id] = held
        self._known.put(held)
        self.needs[command_id] = needs
        if (entry.hold, entry.problem) != (hold, why):
            self.note(act="held", command=command_id, hold=hold, code=why and why.code)
        return held

    def note(self, **what: Any) -> None:
        """Add an administrative act to the audit of this unit."""
        self.notes.append(what)

    # -- what is asked of a command by others

    def conflict_of(self, command_id: str) -> str | None:
        """The conflict that a command ended in; None if it did not."""
        settled, entry = self.settled.get(command_id), self._known.entry(command_id)
        if settled:
            return settled.ruling.conflict
        return entry.receipt.conflict if entry and entry.receipt else None

    def versions_of(self, command_id: str) -> dict[str, int]:
        """The versions of the records that a command changed; none while it is not settled."""
        if settled := self.settled.get(command_id):
            return dict(settled.versions)
        entry = self._known.entry(command_id)
        return dict(entry.receipt.versions) if entry and entry.receipt else {}

    def stands_for(self, command_id: str) -> str | None:
        """The quarantined command in whose place this one was given; None if it stands for itself."""
        if command_id not in self.stand_ins:
            waiting = self._known.entries(self._known.tx.needing(self._known.tenant, [command_id]))
            return next((each.command.id for each in waiting if each.hold is Hold.QUARANTINED), None)
        return self.stand_ins[command_id]

    def stand_in_of(self, entry: Entry) -> str | None:
        """The command that was given in place of a quarantined one; None if it was not released."""
        needs = self.needs.get(entry.command.id)
        if needs is None:
            needs = self._known.tx.needs_of(self._known.tenant, entry.command.id)
        return next(iter(needs), None)
