"""All about this laptop, in rows: whose it is, its keys, model, policies, storage, battery, contact, clock, consents.

The same rows on the screen and on the command line. Facts only; what is not known is said to be so.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from device.capability import read_machine
from device.core.clock_doubt import doubt
from device.model.models import Known
from device.plain import plain
from device.standing import standing_words
from device.words import age, moment
from policies.explain import PLACES
from shared.blobs import in_mib
from shared.envelope import SigningKey
from shared.ids import fingerprint

if TYPE_CHECKING:  # the device is given
    from device.bootstrap import Device


@dataclass(frozen=True, slots=True)
class Row:
    """One thing about the laptop. `loud` marks what needs the person."""

    name: str
    value: str
    loud: bool = False


def rows(device: "Device") -> list[Row]:
    """Every row, in a fixed order. Raises `StoreError`."""
    now = device.ports.clock.now()
    return [
        *_identity(device),
        *_model(device),
        *_policy(device, now),
        *_storage(device),
        *_machine(),
        *_contact(device, now),
        *_decided(device),
    ]


def _identity(device: "Device") -> list[Row]:
    who = device.identity
    return [
        Row("laptop", f"{who.device} of {who.tenant_name}, epoch {device.store.epoch()}"),
        Row("person", f"{who.actor_name} ({who.actor})"),
        Row("server", who.server_url),
        Row("keys", f"unlocked; laptop {_short(device.keys.device)}, technician {_short(device.keys.technician)}"),
        Row("server key", f"{who.receipt_key[:16]} when this laptop was enrolled"),
    ]


def _short(key: SigningKey) -> str:
    return fingerprint(key.public)


def _model(device: "Device") -> list[Row]:
    loaded, told = device.workbench.model, device.workbench.routes.laptop.told()
    if device.settings.without_model:
        return [Row("model", "none, as was chosen (TAILBOARD_MODEL=none); forms and search work")]
    name = loaded.name if loaded else told.model if told else ""
    found = [Row("model", f"{plain(name)}, loaded" if loaded else plain(name) or "not loaded; forms work", not name)]
    if told:
        measured = f"{told.tokens_per_s:g} tokens/s, {told.context_tokens} tokens of context, tier {told.tier}"
        found.append(Row("capability", f"{measured}; proven until {told.expires_at:%H:%M} UTC"))
    else:
        found.append(Row("capability", "nothing proven within the hour"))
    found.append(Row("runtime", plain(told.runtime) if told and told.runtime else "not known until a model answered"))
    found += [Row("models", _model_words(each)) for each in device.models.known()]
    found += [
        Row("roll-out", f"{plain(each.name)} is rolled out and not here yet") for each in device.models.missing()
    ]
    return found


def _model_words(known: Known) -> str:
    where = "" if known.here else ", not here"
    passed = "" if known.report is None else ", evaluation passed" if known.report.passed else ", evaluation failed"
    return plain(f"{known.name}: {known.standing}{where}, tier {known.tier}{passed}")


def _policy(device: "Device", now: datetime) -> list[Row]:
    ruling, routes = device.ruling(), device.workbench.routes
    manifest = ruling.bundle.manifest
    came = "from the office" if ruling.source == "office" else "as it came with the program"
    over = manifest.expires_at <= now
    serial = "" if ruling.serial is None else f", roll-out {ruling.serial}"
    valid = f"{manifest.valid_from:%Y-%m-%d} to {manifest.expires_at:%Y-%m-%d %H:%M} UTC"
    known = routes.standing()
    trouble = device.store.meta("update_error")
    return [
        Row("policy", f"{ruling.bundle.version}, {came}{serial}"),
        Row("valid", f"{valid}{'; OVER: only this laptop answers' if over else ''}", over),
        *([Row("policy", plain(ruling.trouble), loud=True)] if ruling.trouble else []),
        Row("approval", standing_words(known, now, routes.approved_days_max)),
        *([Row("updates", plain(trouble), loud=True)] if trouble else []),
    ]


def _storage(device: "Device") -> list[Row]:
    files = [device.settings.database, device.settings.database.with_name(f"{device.settings.database.name}-wal")]
    used = sum(each.stat().st_size for each in files if each.exists())
    free = shutil.disk_usage(device.settings.home).free
    return [Row("storage", f"{in_mib(used)} in the encrypted database, {free >> 20:,} MiB free on the disk")]


def _machine() -> list[Row]:
    machine = read_machine()
    battery = f"{machine.battery_pct} %, not charging" if machine.battery_pct is not None else "charging, or not told"
    memory = f"{machine.memory_free_mib:,} MiB free" if machine.memory_free_mib is not None else "not told"
    hot = ", too hot: it slows itself down" if machine.throttled else ""
    return [Row("battery", battery), Row("memory", f"{memory}{hot}", machine.throttled)]


def _contact(device: "Device", now: datetime) -> list[Row]:
    status = device.workbench.status()
    as_of = status.data_as_of
    last = f"{moment(as_of, now)}, {age(as_of, now)}" if as_of else "never; go online once"
    link = "online" if status.online else "offline, as was chosen"
    error = f"; last try failed: {plain(status.last_error)}" if status.online and status.last_error else ""
    return [
        Row("contact", last, as_of is None),
        Row("link", f"{link}{error}", bool(error)),
        *([Row("shut out", plain(status.shut_out), loud=True)] if status.shut_out else []),
        _clock(device.client.offset, as_of, now),
    ]


def _clock(offset: timedelta, as_of: datetime | None, now: datetime) -> Row:
    if why := doubt(now, offset, as_of):
        return Row("clock", f"IN DOUBT: it is {why}. Set it, then go online once.", loud=True)
    return Row("clock", "agrees with the server's, as far as is known")


def _decided(device: "Device") -> list[Row]:
    routes = device.workbench.routes
    in_force = sum(each.standing == "in_force" for each in routes.consents.listed())
    never = ", ".join(PLACES[each] for each in sorted(routes.consents.nevers()))
    return [
        Row("consents", f"{in_force} in force{f'; never asked for: {never}' if never else ''}"),
        Row("evidence", f"{routes.evidence.count()} entries, {device.telling.waiting()} not told to the office yet"),
    ]
