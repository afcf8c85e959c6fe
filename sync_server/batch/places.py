"""Where a device's commands stand: in its chain, before their turn, in another history, or apart for a person.

What a place is, is `sync_server.chain`'s; here is what follows from it.
"""

from dataclasses import replace
from datetime import datetime

from shared.outcomes import Hold
from shared.problems import Code, Problem, Refused, problem
from sync_server.batch.decided import Decided
from sync_server.batch.known import Known
from sync_server.batch.settling import Settling
from sync_server.batch.withdrawals import TAKEN_BACK
from sync_server.chain import Adrift, Early, Fork, Place, Taken, place_of
from sync_server.letting_in import SHUT_OUT
from sync_server.store import Device, DeviceState, Entry, Epoch

#: What one device may have waiting for review; beyond this its envelopes are refused, and it keeps them.
QUARANTINE_MAX = 1000


class Places:
    """Gives what devices send its place; what has one is decided at once."""

    def __init__(self, known: Known, decided: Decided, settling: Settling, now: datetime) -> None:
        self._known, self._decided, self._settling, self._now = known, decided, settling, now

    def place(self, entry: Entry) -> None:
        """Find the place of a command that was never received before. Raises `Refused`."""
        state = self._known.device(entry.command.device).state
        if state is DeviceState.ACTIVE:
            self._place(entry)
        else:
            self._set_apart(entry, problem(SHUT_OUT[state], "kept for review"))

    def _place(self, entry: Entry) -> None:
        command = entry.command
        assert command.epoch is not None, "a device command has a place"
        epochs = self._known.epochs_of(command.device)
        found = place_of(command, entry.envelope.hash, epochs.get(command.epoch))
        match found:
            case Taken(epoch):
                epochs[command.epoch] = epoch
                self._known.new.add(command.id)
                self._settling.settle_or_hold(entry)
                self._close_gap(command.device, command.epoch)
            case Early(expected):
                gap = problem(Code.CHAIN_GAP, f"number {expected} of this device has not arrived yet")
                self._known.new.add(command.id)
                waiting = self._decided.hold(entry, Hold.WAITING, gap)
                self._known.early_of(command.device, command.epoch).append(waiting)
            case Adrift():
                lost = problem(Code.CHAIN_GAP, "what came before it was lost on the device")
                self._set_apart(entry, lost)
            case Fork():
                self._fork(entry)

    def _fork(self, entry: Entry) -> None:
        """Another history. In the epoch that is open, it says that the laptop was cloned or set back."""
        command, known = entry.command, self._known
        assert command.epoch is not None, "a device command has a place"
        assert command.seq is not None, "a device command has a place"
        device, epoch = known.device(command.device), known.epochs_of(command.device).get(command.epoch)
        used = epoch is not None and command.seq <= epoch.head_seq
        if (
            used
            and not known.tx.at_place(known.tenant, device.id, command.epoch, command.seq)
            and not known.new_at(command.epoch, command.seq)
        ):
            raise Refused(Code.SETTLED_PURGED, f"place {command.epoch}/{command.seq} of this device is long settled")
        if command.epoch == device.epoch:
            known.devices[device.id] = replace(device, state=DeviceState.FORKED)
            self._decided.note(act="forked", device=device.id, epoch=command.epoch, seq=command.seq)
        self._set_apart(
            entry, problem(Code.CHAIN_FORK, f"place {command.epoch}/{command.seq} of this device is taken")
        )

    def _close_gap(self, device: str, epoch: int) -> None:
        """Take what came early, as far as the chain goes on; what claims a place that another took is a fork."""
        early = self._known.early_of(device, epoch)
        while early:
            chain = self._known.epochs_of(device)[epoch]
            due = [entry for entry in early if (entry.command.seq or 0) <= chain.head_seq + 1]
            if not due:
                return
            early[:] = [entry for entry in early if entry not in due]
            for entry in sorted(due, key=lambda each: each.command.prev != chain.head_hash):
                self._place_again(entry)

    def _place_again(self, entry: Entry) -> None:
        command = entry.command
        assert command.epoch is not None, "a device command has a place"
        epochs = self._known.epochs_of(command.device)
        found: Place = place_of(command, entry.envelope.hash, epochs[command.epoch])
        if isinstance(found, Taken):
            epochs[command.epoch] = found.epoch
            self._settling.settle_or_hold(entry)
        else:
            self._fork(entry)

    def _set_apart(self, entry: Entry, why: Problem) -> None:
        """Keep it for a person to look at.

        Raises:
            Refused: too much of this device waits for that already, and this is not stored yet. What is stored takes
                no more room, and the device is being answered for another command.
        """
        known, device = self._known, entry.command.device
        if known.withdrawn(entry):
            if known.entry(entry.command.id) is None:
                known.new.add(entry.command.id)
            self._decided.settle(entry, TAKEN_BACK)
            return
        if entry.hold is not None:
            self._decided.hold(entry, Hold.QUARANTINED, why)
            return
        here = sum(each.hold is Hold.QUARANTINED for each in self._decided.held.values())
        if known.tx.held_count(known.tenant, device, Hold.QUARANTINED) + here >= QUARANTINE_MAX:
            raise Refused(Code.QUARANTINE_FULL, f"{QUARANTINE_MAX} commands of {device} wait for review")
        if known.entry(entry.command.id) is None:
            known.new.add(entry.command.id)
        self._decided.hold(entry, Hold.QUARANTINED, why)

    # -- epochs

    def open_epoch(self, device_id: str, reason: str, missing: tuple[int, ...] | None = None) -> Epoch:
        """Begin a new stretch of a device's chain. What came early in the old one is for review."""
        device, epochs = self._known.device(device_id), self._known.epochs_of(device_id)
        old = epochs[device.epoch]
        opened = Epoch(device_id, device.epoch + 1, 0, None, self._now, reason)
        epochs |= {old.epoch: replace(old, missing=missing or ()), opened.epoch: opened}
        self._known.devices[device_id] = replace(device, epoch=opened.epoch)
        self._give_up_early(
            device_id, old.epoch, problem(Code.CHAIN_GAP, "what came before it was lost on the device")
        )
        self._decided.note(
            act="epoch",
            device=device_id,
            epoch=opened.epoch,
            why=reason,
            head=old.head_seq,
            missing=list(missing or ()),
        )
        return opened

    def strand(self) -> None:
        """What came early from a device that may not go on is for review, like the rest of what it brings."""
        for device in [each for each in self._known.devices.values() if each.state is not DeviceState.ACTIVE]:
            for epoch in self._known.epochs_of(device.id):
                self._give_up_early(device.id, epoch, problem(SHUT_OUT[device.state], "kept for review"))

    def _give_up_early(self, device: str, epoch: int, why: Problem) -> None:
        early = self._known.early_of(device, epoch)
        for entry in early:
            self._set_apart(entry, why)
        early.clear()

    def set_device(self, device: Device) -> None:
        """Change a device's state."""
        self._known.devices[device.id] = device

    def rescope(self, device_id: str) -> None:
        """From this unit on the device sees other records. The change takes its own place in the feed."""
        self._known.device(device_id)
        self._decided.rescoped.add(device_id)
