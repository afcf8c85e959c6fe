"""What a unit of work knows: what the store holds, read once each, as the unit has changed it since.

Whoever changes something puts it here as well, so that the next question meets it. Nothing here is written down.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from reconciliation.decide import Draft, draft_of, refs_of
from shared.commands.base import Command
from shared.records import Record
from sync_server.store import Device, Entry, Epoch, Person, TenantSettings, Told, Tx

#: Whether policy wants somebody else's yes to a command, as things are at an instant.
Asks = Callable[[Tx, Draft, datetime], bool]


def nobody_asks(_tx: Tx, _draft: Draft, _now: datetime) -> bool:
    """No policy, no question."""
    return False


class Known:
    """One tenant's world, as far as a unit of work has looked at it.

    `new` names the commands that the ledger did not know before this unit; `stored` has the records as the store has
    them, `sizes` about how many characters each has by now. `asks` says of a command whether the organisation's
    policy wants somebody else's yes, whatever its kind says.
    """

    def __init__(self, tx: Tx, tenant: str, asks: Asks = nobody_asks) -> None:
        self.tx, self.tenant, self.asks = tx, tenant, asks
        self.new: set[str] = set()
        self.stored: dict[str, Record] = {}
        self.sizes: dict[str, int] = {}
        self.devices: dict[str, Device] = {}
        self.epochs: dict[str, dict[int, Epoch]] = {}
        self._entries: dict[str, Entry | None] = {}
        self._told: dict[str, Told] = {}
        self._records: dict[str, Record | None] = {}
        self._withdrawn: dict[str, str] = {}
        self._drafts: dict[str, Draft | None] = {}
        self._refs: dict[str, frozenset[str]] = {}
        self._people: dict[str, Person | None] = {}
        self._settings: TenantSettings | None = None
        self._early: dict[tuple[str, int], list[Entry]] = {}

    # -- many at once

    def foresee(self, ids: Iterable[str], refs: set[str]) -> None:
        """Fetch entries and records that will be asked for, in few queries instead of many."""
        self._load_entries(ids)
        self.records(refs)

    def preload(self, commands: list[Command]) -> None:
        """Fetch what a round's commands will ask for, in few queries instead of many."""
        ids = {command.id for command in commands}
        needs = {need for command in commands for need in command.needs} - ids
        if needs:
            self._told |= self.tx.told(self.tenant, needs)
        self._load_entries(ids | (needs - self._told.keys()))
        self._withdrawn |= self.tx.withdrawn(self.tenant, ids)
        refs: set[str] = set()
        for command in commands:
            with suppress(Exception):  # what cannot be read is met again, and named, when it is decided
                self._refs[command.id] = self._refs_of(command)
                refs |= self._refs[command.id]
        self.records(refs)

    # -- commands

    def entry(self, command_id: str) -> Entry | None:
        """What the ledger, or this unit, knows of a command."""
        if command_id not in self._entries:
            self._load_entries({command_id})
        return self._entries[command_id]

    def told(self, command_id: str) -> Told | None:
        """What became of a command that was settled before this unit, if that was fetched: it is not read for it."""
        return self._told.get(command_id)

    def entries(self, ids: Iterable[str]) -> list[Entry]:
        """The named commands, as far as they are known."""
        named = set(ids)
        self._load_entries(named)
        return [entry for command_id in named if (entry := self._entries[command_id])]

    def put(self, entry: Entry) -> None:
        """From now on this is what is known of its command."""
        self._entries[entry.command.id] = entry

    def apart(self, entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Those that the ledger did not know before this unit, and those that it did."""
        parts: tuple[list[Entry], list[Entry]] = [], []
        for entry in entries:
            parts[entry.command.id not in self.new].append(entry)
        return parts

    def new_at(self, epoch: int, seq: int) -> bool:
        """Whether a command that is new in this unit claims that place."""
        places = (entry.command for entry in self._entries.values() if entry and entry.command.id in self.new)
        return any((command.epoch, command.seq) == (epoch, seq) for command in places)

    def _load_entries(self, ids: Iterable[str]) -> None:
        unknown = {each for each in ids if each not in self._entries}
        if unknown:
            self._entries |= dict.fromkeys(unknown) | self.tx.entries(self.tenant, unknown)

    def draft(self, command: Command) -> Draft | None:
        """The command read, once in this unit; None if its payload does not fit, as `decide` will say."""
        if command.id not in self._drafts:
            try:
                self._drafts[command.id] = draft_of(command)
            except ValueError:
                self._drafts[command.id] = None
        return self._drafts[command.id]

    def refs(self, command: Command) -> frozenset[str]:
        """Every record that deciding the command needs."""
        return self._refs.get(command.id) or self._refs_of(command)

    def _refs_of(self, command: Command) -> frozenset[str]:
        draft = self.draft(command)
        refs = refs_of(draft) if draft else frozenset({command.record})
        return refs.union(base.record for base in command.bases) if command.bases else refs

    def withdrawn(self, entry: Entry) -> bool:
        """Whether its author has taken it back."""
        command_id = entry.command.id
        if command_id not in self.new and command_id not in self._withdrawn:
            self._withdrawn |= self.tx.withdrawn(self.tenant, [command_id])
        return self._withdrawn.get(command_id) == entry.envelope.hash

    def put_withdrawn(self, command_id: str, envelope_hash: str) -> None:
        """From now on this envelope of the command is taken back."""
        self._withdrawn[command_id] = envelope_hash

    # -- records

    def records(self, refs: "set[str] | frozenset[str]") -> dict[str, Record]:
        """The named records as this unit sees them; missing ones are left out."""
        # one by one: a set less a view walks through all of the view
        unknown = {ref for ref in refs if ref not in self._records}
        if unknown:
            sized = self.tx.records_sized(self.tenant, unknown)
            self.sizes |= {ref: size for ref, (_, size) in sized.items()}
            found = {ref: record for ref, (record, _) in sized.items()}
            self.stored |= found
            self._records |= dict.fromkeys(unknown) | found
        return {ref: record for ref in refs if (record := self._records[ref]) is not None}

    def record(self, ref: str) -> Record | None:
        """One record as this unit sees it."""
        return self.records({ref}).get(ref)

    def put_record(self, record: Record) -> None:
        """From now on the record stands like this."""
        self._records[record.ref] = record

    def grow(self, refs: Iterable[str], more: int) -> None:
        """Each of the records has about `more` characters more from now on."""
        for ref in refs:
            self.sizes[ref] = self.sizes.get(ref, 0) + more

    # -- people, laptops and their chains

    def person(self, actor: str) -> Person | None:
        """Somebody by id."""
        if actor not in self._people:
            self._people[actor] = self.tx.person(self.tenant, actor)
        return self._people[actor]

    def newest(self) -> frozenset[str]:
        """The fields that the organisation settles by the server's order."""
        if self._settings is None:
            self._settings = self.tx.settings(self.tenant)
        return self._settings.newest

    def device(self, device: str) -> Device:
        """An enrolled device as this unit sees it, held until the transaction ends."""
        if device not in self.devices:
            stored = self.tx.device(self.tenant, device, lock=True)
            assert stored is not None, "an admitted command names an enrolled device"
            self.devices[device] = stored
        return self.devices[device]

    def epochs_of(self, device: str) -> dict[int, Epoch]:
        """Every epoch of a device by its number."""
        if device not in self.epochs:
            self.device(device)
            self.epochs[device] = self.tx.epochs(self.tenant, device)
        return self.epochs[device]

    def early_of(self, device: str, epoch: int) -> list[Entry]:
        """What came before its turn in an epoch. The list is the unit's own, to be kept up by `places`."""
        if (device, epoch) not in self._early:
            self._early[device, epoch] = self.tx.early(self.tenant, device, epoch)
            self._entries |= {entry.command.id: entry for entry in self._early[device, epoch]}
        return self._early[device, epoch]
