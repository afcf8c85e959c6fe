"""What the technician sees: the replica with the pending commands replayed on it.

Rules
1. The replica is authoritative and is never edited here; the view lies on top of it, and is made again from it.
2. Pending commands are replayed in the order in which they were confirmed, by the same `merge` rules that the server
   uses. There is nothing to clash with: other people's edits are already in the replica.
3. A command that cannot be replayed (its record left, its step no longer exists) changes nothing and is named in
   `blocked`; the server will say what becomes of it.
4. A record keeps the version that the replica has: that is the version a new command's author saw.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue

from reconciliation.draft import Draft, draft_of
from reconciliation.merge import Combined, Impossible, combine
from reconciliation.scope import team_of
from shared.commands import UnknownKind
from shared.commands.base import Command, Creation, Edit, Effect
from shared.ids import kind_of
from shared.records import Record, Stamp, check_fields


@dataclass
class View:
    """Records as a technician sees them.

    `pending` names, for each (record, field), the last unsettled command that shaped it; `blocked` says why a command
    could not be shown.
    """

    records: MutableMapping[str, Record]
    pending: dict[tuple[str, str], str] = field(default_factory=dict)
    born_by: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)

    @classmethod
    def over(cls, records: Mapping[str, Record]) -> "View":
        """A view on top of `records`, which it never changes."""
        return cls(dict(records))

    def scratch(self) -> "View":
        """A view on top of this one, to try something out."""
        return View(dict(self.records), dict(self.pending), dict(self.born_by))

    def add(
        self,
        command: Command | Draft,
        held: frozenset[str] = frozenset(),
        foreseen: Mapping[tuple[str, str], JsonValue] = MappingProxyType({}),
    ) -> None:
        """Replay one more command on top, except on the records that are `held` with its effect already.

        `foreseen` are values of (record, field) that a preview of this command on this view has worked out.
        """
        try:
            draft = draft_of(command)
        except (UnknownKind, ValueError) as error:
            assert isinstance(command, Command), "a draft has been read"
            self.blocked[command.id] = str(error)
            return
        for effect in draft.effects:
            if effect.record not in held and (obstacle := self._replay(effect, draft.command, foreseen)):
                self.blocked[draft.command.id] = obstacle

    def _replay(self, effect: Effect, command: Command, foreseen: Mapping[tuple[str, str], JsonValue]) -> str | None:
        if isinstance(effect, Creation):
            return self._create(effect, command)
        return self._edit(effect, command, foreseen)

    def _create(self, creation: Creation, command: Command) -> str | None:
        if creation.record in self.records:
            return f"{creation.record} exists already"
        stamp = Stamp(0, command.id, command.device, command.actor, command.issued_at)
        try:
            fields = check_fields(kind_of(creation.record), creation.fields)
        except ValueError:
            return f"{creation.record} does not fit"
        if creation.under is not None and creation.under in self.records:
            fields["team"] = team_of(self.records[creation.under])
        self.records[creation.record] = Record(creation.record, 0, fields, stamp)
        self.born_by[creation.record] = command.id
        return None

    def _edit(self, edit: Edit, command: Command, foreseen: Mapping[tuple[str, str], JsonValue]) -> str | None:
        record = self.records.get(edit.record)
        if record is None:
            return f"{edit.record} is not on this device"
        place = (edit.record, edit.field)
        result = Combined(foreseen[place]) if place in foreseen else combine(record.value(edit.field), edit)
        if isinstance(result, Impossible):
            return result.detail
        fields = {**record.fields, edit.field: result.value}
        self.records[edit.record] = Record(record.ref, record.version, fields, record.born, record.stamps)
        self.pending[place] = command.id
        return None


def rebase(replica: Mapping[str, Record], pending: Iterable[tuple[Command | Draft, frozenset[str]]]) -> View:
    """The view over `replica` with `pending` replayed in order: commands, each with the records that hold it."""
    view = View.over(replica)
    for command, held in pending:
        view.add(command, held)
    return view
