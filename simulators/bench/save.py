"""Confirm-to-saved: what a technician waits for after pressing the key.

The floor is a bare SQLite commit of the same bytes, WAL with `synchronous=FULL`, one row at a time, in the same run
and on the same disk; floor and value alternate, so that a machine that slows down slows both.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from device import keys as device_keys
from device.bootstrap import Device, open_device
from device.settings import Settings
from device.store import DeviceStore, Identity
from shared.ids import record_ref
from shared.ports import Ports, system_ports
from shared.records import Record, Stamp, check_fields
from simulators.bench.figures import figure, scratch, seconds

PIN = "2468"
JOB = record_ref("work_order", "WO-1")
WORDS = "Replaced the inlet filter and checked the coupling; discharge pressure is steady again."


def measure(commands: int) -> dict[str, dict[str, Any]]:
    """`save_p50` and `save_p95` over `commands` confirmations, in milliseconds, beside the floor."""
    with scratch() as home:
        confirm, size = _device(home, system_ports())
        with closing(_bare(home / "floor.db")) as bare:
            saves, floors = _in_turns(confirm, bare, size, commands)
    return {
        "save_p50": figure(median(saves), "ms", median(floors)),
        "save_p95": figure(quantiles(saves, n=20)[-1], "ms", quantiles(floors, n=20)[-1]),
        "envelope": figure(size, "B", size),
    }


def measure_on(confirm: Callable[[], object], size: int, commands: int) -> dict[str, Any]:
    """The median over `commands` calls of `confirm`, in milliseconds, beside the floor for `size` bytes."""
    with scratch() as folder, closing(_bare(folder / "floor.db")) as bare:
        saves, floors = _in_turns(confirm, bare, size, commands)
    return figure(median(saves), "ms", median(floors))


def _in_turns(
    confirm: Callable[[], object], bare: sqlite3.Connection, size: int, commands: int
) -> tuple[list[float], list[float]]:
    saves, floors = [], []
    for _ in range(commands):
        saves.append(seconds(confirm) * 1000)
        floors.append(seconds(lambda: _commit(bare, os.urandom(size))) * 1000)
    return saves, floors


def _device(home: Path, ports: Ports) -> tuple[Callable[[], object], int]:
    """How to confirm a note on a real device, made here without a server, and the size of its envelope."""
    device = make_laptop(home, ports)
    device.store.make_room()  # as the screen does when it starts
    device.workbench.note(JOB, WORDS)
    envelope = device.workbench.outbox()[0].envelope
    return lambda: device.workbench.note(JOB, WORDS), len(envelope.payload) + len(envelope.signatures[0][1])


def make_laptop(home: Path, ports: Ports) -> Device:
    """A laptop in `home` with one job on it, unlocked; its server never answers."""
    settings = Settings(home)
    keys = device_keys.make(settings.keys, PIN, ports.randomness)
    store = DeviceStore.open(settings.database, keys.database)
    identity = Identity(
        server_url="http://127.0.0.1:9",
        tenant="bench",
        tenant_name="Bench",
        device="TB-01",
        actor="tester",
        actor_name="Tester",
        epoch=1,
        incarnation=1,
        receipt_key=keys.device.public.hex(),
    )
    store.set_meta("identity", identity.model_dump_json())
    born = Stamp(1, ports.new_id(), "office", "tester", ports.clock.now())
    fields = check_fields("work_order", {"title": "Bench", "asset": "asset/PUMP-1"})
    store.absorb([Record(JOB, 1, fields, born)], "1:1")
    store.close()
    return open_device(settings, PIN, ports, transport=httpx.MockTransport(lambda _: httpx.Response(503)))


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE outbox (position INTEGER PRIMARY KEY, envelope BLOB)")
    return connection


def _commit(connection: sqlite3.Connection, envelope: bytes) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO outbox (envelope) VALUES (?)", (envelope,))
    connection.execute("COMMIT")
