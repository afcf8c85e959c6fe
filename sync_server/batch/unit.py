"""`Batch`: what the rest of the server can ask of a unit of work."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciliation.decide import Ruling
from shared.commands.base import OFFICE, Command
from shared.envelope import Envelope
from shared.outcomes import Hold
from shared.problems import Code, Refused, problem
from shared.records import Record
from sync_server.admission import Admitted
from sync_server.batch.decided import Decided
from sync_server.batch.known import Asks, Known, nobody_asks
from sync_server.batch.places import Places
from sync_server.batch.settling import Settling
from sync_server.batch.withdrawals import Withdrawals
from sync_server.batch.writing import Seal, write
from sync_server.store import Device, Entry, Epoch, Tx


class Batch:
    """One unit of work for one tenant: nothing is written before `flush`.

    `seal` is who settles in it, and when; `asks` is `Known`'s.
    """

    def __init__(self, tx: Tx, tenant: str, seal: Seal, asks: Asks = nobody_asks) -> None:
        self._now, self.seal = seal.now, seal
        #: Commands that came again and were answered from the ledger.
        self.repeated = 0
        self._known = Known(tx, tenant, asks)
        self._decided = Decided(self._known)
        self._settling = Settling(self._known, self._decided, seal.now)
        self._places = Places(self._known, self._decided, self._settling, seal.now)
        self._withdrawals = Withdrawals(self._known, self._decided, self._settling, seal.now)

    # -- commands

    def receive(self, admitted: Admitted, *, offset_s: float = 0.0, doubtful: bool = False) -> None:
        """Take a verified command in.

        Args:
            admitted: the command.
            offset_s: its device's clock minus ours, as measured now.
            doubtful: the device's clock was changed after the command was confirmed.

        Raises:
            Refused: `id_reused`, `settled_purged` or `quarantine_full`.
        """
        command, envelope = admitted.command, admitted.envelope
        known = self.entry(command.id)
        if known is not None:
            if known.envelope.hash != envelope.hash:
                raise Refused(Code.ID_REUSED, f"{command.id} is known with other bytes")
            self.repeated += 1
            return
        entry = Entry(command, envelope, self._now, offset_s=offset_s, doubtful=doubtful)
        if command.device == OFFICE:
            self._known.new.add(command.id)
            self._settling.settle_or_hold(entry)
        else:
            self._places.place(entry)

    def withdraw(self, command_id: str, envelope_hash: str, statement: Envelope, device: str) -> None:
        """The author takes a command back, as `device` brings it; see `Withdrawals.withdraw`."""
        self._withdrawals.withdraw(command_id, envelope_hash, statement, device)

    def check_withdrawals(self, device: str) -> None:
        """Hold the bound on what a device takes back that never came, after all of a round was taken in.

        Raises:
            Refused: `withdrawals_full`; the unit is to be undone.
        """
        self._withdrawals.check(device)

    def again(self, entries: Iterable[Entry]) -> None:
        """Decide held commands anew: a decision was taken, time has passed, or the program knows more."""
        self._settling.again(entries)

    def bytes_arrived(self, sha256: str) -> None:
        """The bytes of an attachment are here; what waits for them is decided when the unit is written."""
        self._decided.arrived.add(sha256)

    # -- what a reviewer decides about a quarantined command

    def settle_apart(self, entry: Entry, ruling: Ruling) -> None:
        """Settle it as the reviewer decided."""
        self._decided.settle(entry, ruling)

    def reconsider(self, entry: Entry) -> None:
        """Decide the command itself: the reviewer found that nothing stands against it."""
        self._decided.reviewed.add(entry.command.id)
        self._settling.settle_or_hold(replace(entry, doubtful=False))

    def stand_in(self, entry: Entry, given: Admitted) -> None:
        """Give another command in its place; it shares that one's outcome as soon as there is one."""
        self._decided.stand_ins[given.command.id] = entry.command.id
        self.receive(given)
        assert entry.problem is not None, "what is quarantined has a reason"
        told = problem(entry.problem.code, f"released by {given.command.actor} as {given.command.id}")
        self._decided.hold(entry, Hold.QUARANTINED, told, needs=frozenset({given.command.id}))
        self._settling.break_ring(entry.command.id)

    def stand_in_of(self, entry: Entry) -> str | None:
        """The command that was given in its place; None if it was not released."""
        return self._decided.stand_in_of(entry)

    def withdrawn(self, entry: Entry) -> bool:
        """Whether its author has taken it back."""
        return self._known.withdrawn(entry)

    # -- devices

    def device(self, device: str) -> Device:
        """An enrolled device as this unit sees it, held until the transaction ends."""
        return self._known.device(device)

    def epoch(self, device: str) -> Epoch:
        """The open epoch of a device."""
        return self._known.epochs_of(device)[self.device(device).epoch]

    def set_device(self, device: Device) -> None:
        """Change a device's state."""
        self._places.set_device(device)

    def open_epoch(self, device_id: str, reason: str, missing: tuple[int, ...] | None = None) -> Epoch:
        """Begin a new stretch of a device's chain. What came early in the old one is for review."""
        return self._places.open_epoch(device_id, reason, missing)

    def rescope(self, device_id: str) -> None:
        """From this unit on the device sees other records. The change takes its own place in the feed."""
        self._places.rescope(device_id)

    # -- what is known

    def foresee(self, ids: Iterable[str], refs: set[str]) -> None:
        """Fetch entries and records that will be asked for, in few queries instead of many."""
        self._known.foresee(ids, refs)

    def preload(self, commands: list[Command]) -> None:
        """Fetch what a round's commands will ask for, in few queries instead of many."""
        self._known.preload(commands)

    def entry(self, command_id: str) -> Entry | None:
        """What the ledger, or this unit, knows of a command."""
        return self._known.entry(command_id)

    def look(self, refs: frozenset[str]) -> dict[str, Record]:
        """The named records as this unit sees them; missing ones are left out."""
        return self._known.records(refs)

    # -- writing

    def note(self, **what: Any) -> None:
        """Add an administrative act to the audit of this unit."""
        self._decided.note(**what)

    def flush(self) -> None:
        """Decide again what this unit has set free, then write everything that it decided."""
        self._places.strand()
        self._settling.release()
        if self._decided:
            write(self._known, self._decided, self.seal, self._settling.check_nobody_is_missed)
