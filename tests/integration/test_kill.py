"""kill −9 of either side at named points: nothing that was said to be saved is lost, and nothing happens twice."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from device import bootstrap
from device.agent import Step
from device.bootstrap import Device
from device.settings import Settings
from device.store import State
from shared.outcomes import Standing
from shared.ports import system_ports
from simulators import processes
from sync_server.bootstrap import initialise
from sync_server.settings import Settings as ServerSettings
from tests.integration.doomed import JOB, PIN
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
    command = [sys.executable, "-m", "tests.integration.doomed", side, point, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@contextmanager
def doomed_server(point: str, home: Path) -> Iterator[str]:
    process = doom("server", point, home)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
        assert process.wait(timeout=30) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def unlocked(home: Path, url: str) -> AsyncIterator[Device]:
    device = bootstrap.open_device(Settings(home), PIN, system_ports())
    device.move_to(url)
    yield device
    await device.close()


async def settle(device: Device) -> list[Step]:
    device.agent.session.send_now()
    return await device.agent.settle()


def effects(home: Path) -> Counter[str]:
    """How often each command's note stands on the job, from the server's file alone."""
    connection = sqlite3.connect(home / "server.db")
    (body,) = connection.execute("SELECT body FROM record WHERE ref = ?", (JOB,)).fetchone()
    connection.close()
    return Counter(note["id"] for note in json.loads(body)["fields"]["notes"])


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


@pytest.mark.parametrize("point", ["before-flush", "before-commit", "before-reply"])
async def test_the_server_dies_around_its_commit(tmp_path: Path, laptop: Path, point: str) -> None:
    home = tmp_path / "server"
    with doomed_server(point, home) as url:
        async with unlocked(laptop, url) as device:
            ids = [device.workbench.note(JOB, text)[0].id for text in ("one", "two")]
            steps = await settle(device)
            assert steps[-1].error
            assert {item.standing for item in device.workbench.outbox()} == {Standing.SENT}
    committed = point == "before-reply"
    assert effects(home) == (dict.fromkeys(ids, 1) if committed else {})
    with processes.server(home) as url:
        async with unlocked(laptop, url) as device:
            await settle(device)
            assert {item.standing for item in device.workbench.outbox()} == {Standing.ACCEPTED}
    assert effects(home) == dict.fromkeys(ids, 1)


@pytest.mark.parametrize(
    "point", ["after-confirm", "inside-confirm", "after-marking", "before-taking", "after-taking"]
)
async def test_the_laptop_dies_between_confirming_and_hearing(tmp_path: Path, laptop: Path, point: str) -> None:
    home = tmp_path / "server"
    with processes.server(home) as url:
        async with unlocked(laptop, url) as device:
            identity = device.identity.model_copy(update={"server_url": url})
            device.store.set_meta("identity", identity.model_dump_json())
        process = doom("device", point, laptop)
        told, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        said = told.split()
        assert len(said) == 5
        async with unlocked(laptop, url) as device:
            kept = [item.command.id for item in device.workbench.outbox()]
            assert kept == said, "what was called saved is there, and nothing else"
            await settle(device)
            assert device.store.items(states=[State.SAVED, State.SENT, State.HELD, State.TURNED]) == []
    assert effects(home) == dict.fromkeys(said, 1)
