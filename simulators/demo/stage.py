"""The stage: a server with the sample organisation in it, and one enrolled laptop."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import httpx

from device import bootstrap
from device.bootstrap import Device
from device.settings import Settings
from shared.ports import Ports
from simulators.processes import administer

TENANT, TENANT_NAME = "harrow-valley", "Harrow Valley Water"
TECHNICIAN, DISPATCHER = "a.okafor", "m.reyes"
PIN = "2468"


@dataclass(frozen=True, slots=True)
class Stage:
    """The folders of one demo."""

    home: Path

    @property
    def server(self) -> Path:
        """The server's home."""
        return self.home / "server"

    @property
    def device(self) -> Path:
        """The laptop's home."""
        return self.home / "laptop"

    @property
    def database(self) -> Path:
        """The server's SQLite file."""
        return self.server / "server.db"


def prepare_server(stage: Stage) -> None:
    """Make the server and load the sample organisation, by an administrator's own commands."""
    stage.server.mkdir(parents=True, exist_ok=True)
    administer(stage.server, "init", "--tenant", TENANT, "--name", TENANT_NAME)
    administer(stage.server, "sample", "load")


async def enrol_laptop(stage: Stage, url: str, ports: Ports) -> None:
    """Issue a code and enrol the laptop with it, as an administrator and a technician would."""
    code = (await asyncio.to_thread(administer, stage.server, "enrol-code", TECHNICIAN))["code"]
    await bootstrap.enrol(Settings(stage.device), url, code, PIN, "demo laptop", ports)


def open_laptop(
    stage: Stage, ports: Ports, *, model: Path | None, transport: httpx.AsyncBaseTransport | None = None
) -> Device:
    """The laptop, unlocked."""
    return bootstrap.open_device(Settings(stage.device, model), PIN, ports, transport=transport)
