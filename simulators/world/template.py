"""Machines that are enrolled and synced once, to be copied into every world: made once a process."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from argon2.low_level import hash_secret_raw

from device import bootstrap as laptops
from device import keys as device_keys
from device.settings import Settings as LaptopSettings
from simulators.clocks import HostClock
from simulators.disks import simulated_disks
from simulators.evidence import DeviceFile, ServerFile, read_device, read_server
from simulators.faults import CALM, Chaos
from simulators.hosts import Host, Incarnation, Surroundings
from simulators.loop import current_loop, simulate
from simulators.scratch import in_memory
from simulators.streams import Stream, Streams
from simulators.trace import Trace
from simulators.wire import Wire
from simulators.workload import JOBS, files, people
from simulators.world.machines import in_place, server_settings
from simulators.world.options import ADDRESS, PIN, SERVER, START, TENANT
from sync_server.api.app import build_app
from sync_server.bootstrap import initialise


@dataclass(frozen=True, slots=True)
class Template:
    """Enrolled machines, ready to be copied: one folder a host; `start` is what the server's holds."""

    folder: tempfile.TemporaryDirectory[str]
    names: tuple[str, ...]
    start: ServerFile


_TEMPLATES: dict[tuple[int, int], Template] = {}


def template(devices: int, jobs: int = JOBS) -> Template:
    """A server that knows `devices` technicians, and their laptops, enrolled and synced once; made once a process.

    There are `jobs` open jobs, at least `simulators.workload.JOBS`.
    """
    size = devices, max(JOBS, jobs)
    if size not in _TEMPLATES:
        _TEMPLATES[size] = _made(*size)
    return _TEMPLATES[size]


def _made(devices: int, jobs: int) -> Template:
    folder = in_memory("tailboard-sim-")
    home = Path(folder.name)
    with stretched_once():
        names, _ = simulate(lambda: _enrol_all(home, devices, jobs), Stream(0, "template"))
    return Template(folder, names, server_file(home / SERVER / "0"))


def server_file(home: Path) -> ServerFile:
    """What lies on a server's disk."""
    return read_server(server_settings(home).database, TENANT)


def device_file(home: Path) -> DeviceFile:
    """What lies on a laptop's disk."""
    settings = LaptopSettings(home)
    return read_device(settings.database, device_keys.unlock(settings.keys, PIN).database)


def forget_templates() -> None:
    """Delete the prepared machines."""
    while _TEMPLATES:
        _TEMPLATES.popitem()[1].folder.cleanup()


async def _enrol_all(home: Path, devices: int, jobs: int) -> tuple[str, ...]:
    streams, loop = Streams(0), current_loop()
    chaos = Chaos(CALM, streams)
    trace = Trace(loop.time)
    clock = HostClock(loop.time, START - timedelta(hours=5))
    names = tuple(f"TB-{n:02d}" for n in range(1, devices + 1))
    with simulated_disks() as bay:
        world = Surroundings(chaos, trace, bay)
        wire = Wire(loop, chaos, trace)

        async def prepare(life: Incarnation) -> None:
            office = initialise(server_settings(life.home), life.ports)
            office.add_tenant(TENANT, "Test")
            for person in people(devices):
                office.put_person(TENANT, person)
            for kind, text in files(jobs).items():
                office.apply_import(TENANT, "root", office.plan_import(TENANT, kind, text))
            wire.listen(ADDRESS, build_app(office.service, in_place))
            for n, name in enumerate(names, 1):
                code = office.enrol_code(TENANT, f"tech.{n}")
                settings = LaptopSettings(home / name / "0")
                await laptops.enrol(
                    settings, f"https://{ADDRESS}", code, PIN, name, life.ports, transport=wire.link(life)
                )
                device = laptops.open_device(
                    settings, PIN, life.ports, transport=wire.link(life), run_blocking=in_place
                )
                await device.agent.settle()
                await device.close()
            office.service.store.close()

        server = Host(SERVER, home / SERVER, prepare, loop=loop, clock=clock, world=world)
        (home / SERVER).mkdir()
        server.boot()
        await server.finished()
        if error := server.ended():
            raise error
    return names


@contextmanager
def stretched_once() -> Iterator[None]:
    """Stretch a PIN once for each salt: unlocking costs most of a restart, and always gives the same key."""
    device_keys.hash_secret_raw = _remembered  # type: ignore[attr-defined]
    try:
        yield
    finally:
        device_keys.hash_secret_raw = hash_secret_raw  # type: ignore[attr-defined]


_remembered = functools.lru_cache(maxsize=1024)(hash_secret_raw)
