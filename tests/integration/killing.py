"""One server, one enrolled laptop and a program that dies: for tests with points of their own."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device import bootstrap
from device.agent import Step
from device.bootstrap import Device
from device.settings import Settings
from shared.ports import system_ports
from simulators import processes
from sync_server.bootstrap import initialise
from sync_server.settings import Settings as ServerSettings
from tests.integration.doomed import PIN
from tests.served import FILES, PEOPLE


def prepare(home: Path) -> str:
    """A server with one job in it; a one-time code."""
    office = initialise(ServerSettings(home, f"sqlite:///{home / 'server.db'}"), system_ports())
    office.add_tenant("t", "T")
    for person in PEOPLE:
        office.put_person("t", person)
    for kind, text in FILES.items():
        office.apply_import("t", "root", office.plan_import("t", kind, text))
    code = office.enrol_code("t", "a.okafor")
    office.service.store.close()
    return code


def doom(side: str, point: str, home: Path) -> "subprocess.Popen[str]":
    """A child that runs `tests.integration.doomed`."""
    command = [sys.executable, "-m", "tests.integration.doomed", side, point, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@asynccontextmanager
async def unlocked(home: Path, url: str) -> AsyncIterator[Device]:
    """The laptop in `home`, its server at `url`."""
    device = bootstrap.open_device(Settings(home), PIN, system_ports())
    device.move_to(url)
    yield device
    await device.close()


async def settle(device: Device) -> list[Step]:
    """Sync until nothing is left."""
    device.agent.session.send_now()
    return await device.agent.settle()


@pytest.fixture
async def laptop(tmp_path: Path) -> Path:
    """A laptop that is enrolled at the server in `tmp_path / "server"`."""
    code = prepare(tmp_path / "server")
    settings = Settings(tmp_path / "laptop")
    with processes.server(tmp_path / "server") as url:
        await bootstrap.enrol(settings, url, code, PIN, "x", system_ports())
        async with unlocked(settings.home, url) as device:
            await settle(device)
    return settings.home
