"""The laptops: how each is doing, and which of them may sync.

Rules
1. A revoked or forked laptop may only upload, and what it brings is kept for review. Nothing of it is thrown away.
2. A laptop that is admitted again goes on in a new epoch; what is in quarantine stays there until somebody decides.
3. Only an administrator revokes and readmits, and says why.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.commands.base import Role
from shared.outcomes import Hold
from shared.problems import Code, Refused
from shared.sync import DeviceReport
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit, reason_of
from sync_server.store import Device, DeviceState, Epoch, Tx


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """How a laptop is doing: `held` counts what the server holds of it, `report` is what it last said of itself."""

    device: Device
    epochs: tuple[Epoch, ...]
    held: Mapping[Hold, int]
    report: DeviceReport | None

    @property
    def received(self) -> int:
        """The last place that was taken in the open epoch."""
        return next(epoch.head_seq for epoch in self.epochs if epoch.epoch == self.device.epoch)

    def oldest_s(self, now: datetime) -> float | None:
        """How long its oldest unsettled command has waited, in seconds; None if it reported none."""
        at = self.report.oldest_at if self.report else None
        return None if at is None else max(0.0, (now - at).total_seconds())


class Devices(OfficePart):
    """Laptops."""

    def devices(self, tenant: str) -> list[Device]:
        """Every laptop, by id."""
        with self.service.store.transaction() as tx:
            return tx.devices(tenant)

    def device_standings(self, tenant: str) -> list[DeviceStanding]:
        """How every laptop is doing, by id."""
        with self.service.store.transaction() as tx:
            held = {each.id: Counter[Hold]() for each in tx.devices(tenant)}
            for entry in tx.held(tenant, *Hold):
                if entry.hold and entry.command.device in held:
                    held[entry.command.device][entry.hold] += 1
            return [_standing(tx, tenant, each, held[each.id]) for each in tx.devices(tenant)]

    def device(self, tenant: str, device: str) -> DeviceStanding:
        """How one laptop is doing. Raises `Refused` if there is none."""
        found = {each.device.id: each for each in self.device_standings(tenant)}
        if device not in found:
            raise Refused(Code.NOT_FOUND, f"there is no device {device}; see: tailboard-server device list")
        return found[device]

    def revoke_device(self, tenant: str, device: str, actor: str, reason: str) -> None:
        """From now on the laptop may only upload, and what it brings is kept for review. Raises `Refused`."""
        note = {"act": "revoked", "actor": actor, "why": reason_of(reason)}
        self._move_device(tenant, device, DeviceState.REVOKED, note)

    def readmit_device(self, tenant: str, device: str, actor: str, reason: str) -> None:
        """A revoked or forked laptop syncs again, in a new epoch; what is in quarantine stays. Raises `Refused`."""
        note = {"act": "readmitted", "actor": actor, "why": reason_of(reason)}
        self._move_device(tenant, device, DeviceState.ACTIVE, note)

    def _move_device(self, tenant: str, device: str, state: DeviceState, note: dict[str, str]) -> None:
        self.device(tenant, device)
        tried: list[DeviceState] = []

        def work(tx: Tx, batch: Batch) -> None:
            permit(tx, tenant, note["actor"], Role.ADMIN)
            stored = batch.device(device)
            if stored.state is state:
                if tried:
                    return  # the answer to this very unit's commit was lost
                raise Refused(Code.STALE, f"{device} is {state} already")
            tried.append(state)
            batch.set_device(replace(stored, state=state))
            if state is DeviceState.ACTIVE:
                batch.open_epoch(device, "readmitted")
            batch.note(device=device, **note)

        self._unit(tenant, work)


def _standing(tx: Tx, tenant: str, device: Device, held: Mapping[Hold, int]) -> DeviceStanding:
    report = DeviceReport.model_validate_json(device.report) if device.report else None
    return DeviceStanding(device, tuple(tx.epochs(tenant, device.id).values()), held, report)
