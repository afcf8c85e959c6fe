"""What the verbs of `tailboard outbox` do: from parsed arguments to a `Report`."""

import argparse
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from device import clashes
from device.bootstrap import Device
from device.checking import Finding, ask_server, fine, judge
from device.commands import item_json, item_lines, with_device, with_device_async
from device.core.link_state import LOOKED_AT
from device.core.queue_time import Waits, first_words, waits, waits_words
from device.errors import LocalError
from device.plain import plain
from device.store import UNSETTLED, Item
from device.transfer import Transfer
from device.words import forecast_words, number, numbered
from reconciliation.explain import explain_expiry
from shared.commandline import Report
from shared.outcomes import Standing
from shared.sync import Forecast


def listed(arguments: argparse.Namespace) -> Report:
    """The outbox."""

    def work(device: Device) -> Report:
        items = device.workbench.outbox()
        if not items:
            empty = {"items": [], "waits": _waits_json(Waits())}
            return Report("tailboard.outbox.v1", empty, ["The outbox is empty. What you confirm appears here."])
        found = waits(items, device.store.latest_exchanges(LOOKED_AT))
        lines = [line for item in items for line in item_lines(device, item, items)]
        data = {"items": [item_json(item) for item in items], "waits": _waits_json(found)}
        first = first_words(found, [number(each) for each in found.safety])
        return Report("tailboard.outbox.v1", data, [*lines, *filter(None, [first, waits_words(found)])])

    return with_device(arguments, work)


def _waits_json(found: Waits) -> dict[str, object]:
    return {
        "count": found.count,
        "bytes": found.size,
        "seconds": found.seconds,
        "safety": [each.command.id for each in found.safety],
        "first_bytes": found.first_size,
        "first_seconds": found.first_seconds,
    }


def shown(arguments: argparse.Namespace) -> Report:
    """One command."""

    def work(device: Device) -> Report:
        item = _one(device, arguments.command)
        command = item.command
        lines = [
            f"{number(item)} {command.kind} on {command.record}, id {command.id}",
            *item_lines(device, item, device.workbench.outbox()),
            f"    confirmed {command.issued_at:%Y-%m-%d %H:%M}, good until {command.expires_at:%Y-%m-%d %H:%M} (UTC)",
        ]
        if conflict := _conflict(device, item):
            lines += [plain(line) for line in clashes.lines(conflict)]
        data = {
            **item_json(item),
            "conflict": asdict(conflict) if conflict else None,
            "command": command.model_dump(mode="json"),
            "hash": item.envelope.hash,
        }
        return Report("tailboard.command.v1", data, lines)

    return with_device(arguments, work)


def _conflict(device: Device, item: Item) -> clashes.ConflictTold | None:
    """The conflict that the command ended in, in words; None if it did not."""
    named = item.receipt.conflict if item.receipt else None
    records = device.workbench.view().records
    return (
        clashes.told(records[named], records, device.ports.clock.now())
        if named is not None and named in records
        else None
    )


def checked(arguments: argparse.Namespace) -> Report:
    """What would become of the unsettled ones."""

    async def work(device: Device) -> Report:
        waiting = device.store.items(states=UNSETTLED)
        ids = [item.command.id for item in waiting]  # what was taken back too, or its place would be a gap
        items = [item for item in waiting if not item.withdrawal]
        findings = judge(items, device.store.replica(), device.workbench.view(), device.ports.clock.now())
        told = await ask_server(device.store, device.client, device.keys, ids) if arguments.online and ids else []
        forecasts = {each.id: each for each in told}
        lines = [
            line
            for item, found in zip(items, findings, strict=True)
            for line in check_lines(item, found, forecasts.get(found.id))
        ]
        data = {"checks": [_check_json(found, forecasts.get(found.id)) for found in findings]}
        good = all(fine(found, forecasts.get(found.id)) for found in findings)
        return Report("tailboard.check.v1", data, lines or ["Nothing waits to be settled."], ok=good)

    return with_device_async(arguments, work)


def withdrawn(arguments: argparse.Namespace) -> Report:
    """Take back."""

    def work(device: Device) -> Report:
        ids = [_one(device, each).command.id for each in arguments.commands]
        gone = device.workbench.withdraw(ids)
        lines = [f"Taken back: {number(item)} {plain(item.summary)}" for item in gone]
        return Report("tailboard.withdrawn.v1", {"withdrawn": [item.command.id for item in gone]}, lines)

    return with_device(arguments, work)


def reissued(arguments: argparse.Namespace) -> Report:
    """Give again."""

    def work(device: Device) -> Report:
        before = _one(device, arguments.command)
        command = device.workbench.reissue(before.command.id)
        said = f"Given again as {numbered(command.epoch, command.seq)}. Saved on this device."
        return Report("tailboard.reissued.v1", {"before": before.command.id, "saved": [command.id]}, [said])

    return with_device(arguments, work)


def dropped(arguments: argparse.Namespace) -> Report:
    """Leave it."""

    def work(device: Device) -> Report:
        item = device.workbench.drop(_one(device, arguments.command).command.id)
        said = f"{number(item)} is dealt with. It stays in the list."
        return Report("tailboard.dropped.v1", {"dropped": item.command.id}, [said])

    return with_device(arguments, work)


def exported(arguments: argparse.Namespace) -> Report:
    """Write the file."""

    def work(device: Device) -> Report:
        path = Path(arguments.file)
        if path.exists():
            raise LocalError(f"{path} is there already. Give another name; an old file may not have been read yet.")
        if not path.absolute().parent.is_dir():
            raise LocalError(f"There is no folder {path.parent}. Nothing was exported.")
        raw, count = _transfer(device).export()
        try:
            path.write_bytes(raw)
        except OSError as error:
            raise LocalError(f"{path} cannot be written: {error.strerror}. Nothing is lost; try again.") from error
        said = (
            f"{count} commands in {path}. Take it to the office, and bring the answer back: tailboard outbox import"
        )
        return Report("tailboard.exported.v1", {"file": str(path), "commands": count, "bytes": len(raw)}, [said])

    return with_device(arguments, work)


def imported(arguments: argparse.Namespace) -> Report:
    """Read the answer."""

    def work(device: Device) -> Report:
        try:
            raw = Path(arguments.file).read_bytes()
        except OSError as error:
            raise LocalError(f"{arguments.file} cannot be read: {error.strerror}.") from error
        took = _transfer(device).take(raw)
        data: dict[str, object] = {
            "rounds": took.rounds,
            "settled": took.settled,
            "changes": took.changes,
            "older": took.older,
        }
        data["refused"] = took.refused
        lines = [f"{took.settled} settled, {took.changes} records brought up to date."]
        lines += ["It is older than what this laptop knows already; of that, nothing was taken back."] * bool(
            took.older
        )
        lines += [f"The office took no more of it. {took.refused}"] if took.refused else []
        return Report("tailboard.imported.v1", data, lines, ok=took.refused is None)

    return with_device(arguments, work)


def _transfer(device: Device) -> Transfer:
    return Transfer(device.store, device.keys, device.identity, device.ports)


def _one(device: Device, named: str) -> Item:
    """The command with that id, or the newest with that number, with or without its epoch."""
    wanted = named.lstrip("#")
    found = [
        item
        for item in device.workbench.outbox()
        if wanted in {item.command.id, str(item.command.seq), f"{item.command.epoch}/{item.command.seq}"}
    ]
    if not found:
        raise LocalError(f"There is no command {named} on this laptop. See: tailboard outbox list")
    return found[-1]


def check_lines(item: Item, found: Finding, forecast: Forecast | None) -> list[str]:
    """What `outbox check` says of one command."""
    lines = [f"{number(item)} {plain(item.summary)}"]
    lines += [f"    cannot be shown: {plain(found.obstacle)}"] if found.obstacle else []
    lines += [f"    {plain(line)}" for line in found.changed]
    lines += [f"    {explain_expiry(timedelta(0), there=item.standing is Standing.REVIEW)}"] if found.late else []
    lines += ["    nothing that this laptop knows stands in its way"] * fine(found, None)
    if forecast is not None:
        lines.append(plain(f"    {forecast_words(forecast)}"))
    return lines


def _check_json(found: Finding, forecast: Forecast | None) -> dict[str, object]:
    told = forecast.model_dump(mode="json") if forecast else None
    return {
        "id": found.id,
        "obstacle": found.obstacle,
        "changed": found.changed,
        "late": found.late,
        "forecast": told,
    }
