"""The laptops: how each is doing, and which of them may sync.

Rules
1. A revoked or forked laptop may only upload, and what it brings is kept for review. Nothing of it is thrown away.
2. A laptop that is admitted again goes on in a new epoch; what is in quarantine stays there until somebody decides.
3. Only an administrator approves, revokes, readmits, and ends or renews a key, and says why.
4. A key that was ended, or ran out, is renewed: nothing is made anew on the laptop. ADR 38.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.commands.base import Role
from shared.ids import fingerprint
from shared.outcomes import Hold
from shared.problems import Code, Refused
from shared.sync import DeviceReport
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit, reason_of
from sync_server.service import KEY_LIFETIME
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

    def approve_device(self, tenant: str, device: str, actor: str, code: str) -> None:
        """A laptop that waits for it may sync from now on. `code` is what its person reads from its screen.

        Raises:
            Refused: `malformed` if that is not its code, `stale` if it does not wait; `not_permitted`, `not_found`.
        """
        if "".join(code.split()).casefold() != self.device_code(tenant, device):
            raise Refused(Code.MALFORMED, f"that is not the code of {device}; nothing was done")

        def approved(stored: Device) -> Device:
            if stored.state is not DeviceState.WAITING:
                raise Refused(Code.STALE, f"{device} waits for no approval; it is {stored.state}")
            return replace(stored, state=DeviceState.ACTIVE)

        self._change_device(tenant, device, approved, {"act": "device approved", "actor": actor})

    def expire_key(self, tenant: str, device: str, actor: str, reason: str) -> None:
        """The laptop's key is good no longer: what it brings is settled, and it gets nothing. Raises `Refused`."""
        now = self.service.ports.clock.now()

        def ended(stored: Device) -> Device:
            if stored.key_ended(now):
                raise Refused(Code.STALE, f"the key of {device} has run out already")
            return replace(stored, key_expires_at=now)

        note = {"act": "device key expired", "actor": actor, "why": reason_of(reason)}
        self._change_device(tenant, device, ended, note)

    def renew_key(self, tenant: str, device: str, actor: str, reason: str) -> datetime:
        """The laptop's key is good for another while from now on; until when. Raises `Refused`."""
        until = self.service.ports.clock.now() + KEY_LIFETIME
        note = {"act": "device key renewed", "actor": actor, "why": reason_of(reason), "until": until.isoformat()}
        self._change_device(tenant, device, lambda stored: replace(stored, key_expires_at=until), note)
        return until

    def device_code(self, tenant: str, device: str) -> str:
        """What is compared with the laptop's screen before it is approved. Raises `Refused` if there is none."""
        with self.service.store.reading() as tx:
            found = [each for each in tx.keys(tenant, "device") if each.device == device]
        if not found:
            raise Refused(Code.NOT_FOUND, f"there is no device {device}; see: tailboard-server device list")
        return fingerprint(found[-1].public)

    def _move_device(self, tenant: str, device: str, state: DeviceState, note: dict[str, str]) -> None:
        def moved(stored: Device) -> Device:
            if stored.state is state:
                raise Refused(Code.STALE, f"{device} is {state} already")
            if stored.state is DeviceState.WAITING and state is DeviceState.ACTIVE:
                raise Refused(Code.STALE, f"{device} waits to be approved; it was never let in before")
            return replace(stored, state=state)

        self._change_device(tenant, device, moved, note, epoch="readmitted" if state is DeviceState.ACTIVE else "")

    def _change_device(
        self, tenant: str, device: str, change: Callable[[Device], Device], note: dict[str, str], epoch: str = ""
    ) -> None:
        """An administrator's change of one laptop, audited; `epoch` is why a new stretch of its chain begins."""
        self.device(tenant, device)
        tried: list[Device] = []

        def work(tx: Tx, batch: Batch) -> None:
            permit(tx, tenant, note["actor"], Role.ADMIN)
            stored = batch.device(device)
            if tried and (stored.state, stored.key_expires_at) == (tried[-1].state, tried[-1].key_expires_at):
                return  # the answer to this very unit's commit was lost
            after = change(stored)
            tried.append(after)
            batch.set_device(after)
            if epoch:
                batch.open_epoch(device, epoch)
            batch.note(device=device, **note)

        self._unit(tenant, work)


def _standing(tx: Tx, tenant: str, device: Device, held: Mapping[Hold, int]) -> DeviceStanding:
    report = DeviceReport.model_validate_json(device.report) if device.report else None
    return DeviceStanding(device, tuple(tx.epochs(tenant, device.id).values()), held, report)
