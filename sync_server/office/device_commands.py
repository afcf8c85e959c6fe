"""What the verbs about devices do: from parsed arguments to a `Report`."""

import argparse
from datetime import datetime
from typing import Any

from shared.commandline import Report
from sync_server.asked_of import office_of
from sync_server.office.devices import DeviceStanding


def device_list(arguments: argparse.Namespace) -> Report:
    """Every device and how it is doing."""
    office, tenant = office_of(arguments)
    now = office.service.ports.clock.now()
    standings = office.device_standings(tenant)
    lines = [_device_line(each, now) for each in standings]
    nobody = "No device is enrolled. Run: tailboard-server enrol-code PERSON"
    return Report("tailboard.devices.v1", {"devices": [_device(each, now) for each in standings]}, lines or [nobody])


def device_show(arguments: argparse.Namespace) -> Report:
    """One device, its epochs, and what it last said of itself."""
    office, tenant = office_of(arguments)
    now = office.service.ports.clock.now()
    standing = office.device(tenant, arguments.device)
    device, report = standing.device, standing.report
    lines = [_device_line(standing, now), f"  {device.name}, enrolled {_when(device.enrolled_at)}"]
    for epoch in standing.epochs:
        missing = f", never came: {', '.join(map(str, epoch.missing))}" if epoch.missing else ""
        lines.append(f"  epoch {epoch.epoch}: {epoch.reason}, received through {epoch.head_seq}{missing}")
    if report:
        lines.append(f"  app {report.app or '?'}, model {report.model or '?'}, policies {report.bundle or '?'}")
    return Report("tailboard.device.v1", {"device": _device(standing, now)}, lines)


def device_approve(arguments: argparse.Namespace) -> Report:
    """A device that waits for it may sync."""
    office, tenant = office_of(arguments)
    office.approve_device(tenant, arguments.device, arguments.actor, arguments.code)
    said = [f"{arguments.device} is approved and syncs from its next contact on."]
    return Report("tailboard.device-state.v1", {"device": arguments.device, "state": "active"}, said)


def device_expire(arguments: argparse.Namespace) -> Report:
    """A device's key is good no longer."""
    office, tenant = office_of(arguments)
    office.expire_key(tenant, arguments.device, arguments.actor, arguments.reason)
    said = [
        f"The key of {arguments.device} has run out: what it brings is settled, and it gets nothing.",
        f"To let it go on: tailboard-server device renew {arguments.device} --reason WHY --as {arguments.actor}",
    ]
    now = office.service.ports.clock.now()
    return Report("tailboard.device-key.v1", {"device": arguments.device, "key_expires_at": now}, said)


def device_renew(arguments: argparse.Namespace) -> Report:
    """A device's key is good for another year."""
    office, tenant = office_of(arguments)
    until = office.renew_key(tenant, arguments.device, arguments.actor, arguments.reason)
    said = [f"The key of {arguments.device} is good until {_when(until)} UTC."]
    return Report("tailboard.device-key.v1", {"device": arguments.device, "key_expires_at": until}, said)


def device_revoke(arguments: argparse.Namespace) -> Report:
    """From now on a device may only upload, for review."""
    office, tenant = office_of(arguments)
    office.revoke_device(tenant, arguments.device, arguments.actor, arguments.reason)
    said = [f"{arguments.device} may now only upload.", _review_hint(arguments.device)]
    return Report("tailboard.device-state.v1", {"device": arguments.device, "state": "revoked"}, said)


def device_readmit(arguments: argparse.Namespace) -> Report:
    """A device syncs again, in a new epoch."""
    office, tenant = office_of(arguments)
    office.readmit_device(tenant, arguments.device, arguments.actor, arguments.reason)
    epoch = office.device(tenant, arguments.device).device.epoch
    said = [f"{arguments.device} syncs again, in epoch {epoch}.", _review_hint(arguments.device)]
    data = {"device": arguments.device, "state": "active", "epoch": epoch}
    return Report("tailboard.device-state.v1", data, said)


def _review_hint(device: str) -> str:
    return f"What waits for review: tailboard-server quarantine list --device {device}"


def _device(standing: DeviceStanding, now: datetime) -> dict[str, Any]:
    device, report = standing.device, standing.report
    return {
        "id": device.id,
        "name": device.name,
        "actor": device.actor,
        "state": device.state,
        "epoch": device.epoch,
        "received": standing.received,
        "enrolled_at": device.enrolled_at,
        "last_seen_at": device.last_seen_at,
        "key_expires_at": device.key_expires_at,
        "held": {hold.value: count for hold, count in sorted(standing.held.items())},
        "report": report and report.model_dump(mode="json"),
        "oldest_s": standing.oldest_s(now),
        "epochs": [
            {"epoch": e.epoch, "received": e.head_seq, "reason": e.reason, "missing": e.missing}
            for e in standing.epochs
        ],
    }


def _device_line(standing: DeviceStanding, now: datetime) -> str:
    device, report = standing.device, standing.report
    words = [f"epoch {device.epoch} through {standing.received}", f"last seen {_when(device.last_seen_at)}"]
    if report:
        oldest = standing.oldest_s(now)
        words.append(f"{report.waiting} waiting there" + ("" if oldest is None else f" for {_spell(oldest)}"))
        words.append(f"app {report.app}") if report.app else None
    if device.key_expires_at:
        words.append(f"key {'ran out' if device.key_ended(now) else 'good until'} {_when(device.key_expires_at)}")
    words += [f"{count} {hold}" for hold, count in sorted(standing.held.items())]
    return f"{device.id:<8} {device.actor:<16} {device.state:<8} {', '.join(words)}"


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _spell(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60
    return f"{days} days" if days > 1 else f"{hours} hours" if hours > 1 else f"{minutes} minutes"
