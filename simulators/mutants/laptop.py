"""Bugs of the laptop, and laptops that lie."""

from typing import Any

from sqlalchemy import delete, func, select

from device import workbench
from device.store import DeviceStore, State
from device.store.items import OUTBOX
from device.store.outbox import Head
from shared.envelope import Envelope, seal
from simulators.mutants.base import put


def waiting_is_discarded() -> None:
    """What still waits when the laptop goes online again is too old, and thrown away."""
    go = workbench.Workbench.go

    def forget(self: workbench.Workbench, *, online: bool) -> None:
        if online:
            with self._store.transaction():
                self._store._do(delete(OUTBOX).where(OUTBOX.c.state == State.SAVED))  # noqa: SLF001
        go(self, online=online)

    put(workbench.Workbench, "go", forget)


def forged_signatures() -> None:
    """It signs commands with nothing."""

    def forged(kind: str, payload: bytes, *keys: Any) -> Envelope:
        signed = seal(kind, payload, *keys)
        return Envelope(kind, payload, ((signed.keyid, bytes(64)),))

    put(workbench, "seal", forged)


def one_place_twice() -> None:
    """It gives its third place to two commands, as a cloned laptop would."""
    head = DeviceStore.head

    def forked(self: DeviceStore, epoch: int) -> Head:
        found = head(self, epoch)
        count = select(func.count()).where(OUTBOX.c.epoch == epoch, OUTBOX.c.seq == 3)
        if found.next_seq != 4 or self._one(count)[0] != 1:
            return found
        before = self._one(select(OUTBOX.c.hash).where(OUTBOX.c.epoch == epoch, OUTBOX.c.seq == 2))
        return Head(epoch, 3, before.hash)

    put(DeviceStore, "head", forked)
