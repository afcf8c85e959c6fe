"""kill −9 of either side while a file travels: it is saved with its command or not at all, and counted when whole."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.blobs import CHUNK_BYTES
from shared.outcomes import Standing
from simulators import processes
from tests.integration.doomed import JOB
from tests.integration.killing import doom, laptop, settle, unlocked

__all__ = ["laptop"]  # a fixture

PHOTO = bytes(range(251)) * (CHUNK_BYTES // 251 + 500)


def files_of(home: Path) -> list[str]:
    """The names of the files on the job, from the server's database alone."""
    connection = sqlite3.connect(home / "server.db")
    (body,) = connection.execute("SELECT body FROM record WHERE ref = ?", (JOB,)).fetchone()
    connection.close()
    entries: Any = json.loads(body)["fields"].get("attachments", [])
    return [entry["name"] for entry in entries]


def stored(home: Path) -> list[bytes]:
    """Every file that has its name."""
    paths = (home / "blobs").rglob("*")
    return [path.read_bytes() for path in paths if path.is_file() and path.parent.name != "partial"]


@contextmanager
def doomed_file_server(point: str, home: Path) -> Iterator[str]:
    """The address of a server that must die at `point`."""
    process = doom("file-server", point, home)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
        assert process.wait(timeout=30) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def photo(laptop: Path) -> Path:
    path = laptop / "photo.jpg"
    path.write_bytes(PHOTO)
    return path


@pytest.mark.parametrize(
    "point", ["before-write", "after-write", "before-rename", "after-rename", "before-commit", "before-reply"]
)
async def test_the_server_dies_while_a_file_becomes_whole(
    tmp_path: Path,
    laptop: Path,
    photo: Path,
    point: str,
) -> None:
    home = tmp_path / "server"
    with doomed_file_server(point, home) as url:
        async with unlocked(laptop, url) as device:
            device.workbench.attach(JOB, photo)
            assert (await settle(device))[-1].error
            (item,) = device.workbench.outbox()
            assert item.standing is not Standing.ACCEPTED
    named = point in {"after-rename", "before-commit", "before-reply"}
    assert stored(home) == ([PHOTO] if named else []), "a name means that every byte is there"
    assert files_of(home) == (["photo.jpg"] if point == "before-reply" else [])
    with processes.server(home) as url:
        async with unlocked(laptop, url) as device:
            await settle(device)
            (item,) = device.workbench.outbox()
            assert item.standing is Standing.ACCEPTED
    assert (files_of(home), stored(home)) == (["photo.jpg"], [PHOTO])


@pytest.mark.parametrize(
    "point", ["inside-attach", "after-attach", "after-a-piece", "before-marking", "after-marking"]
)
async def test_the_laptop_dies_between_attaching_and_hearing(
    tmp_path: Path,
    laptop: Path,
    photo: Path,
    point: str,
) -> None:
    home = tmp_path / "server"
    with processes.server(home) as url:
        async with unlocked(laptop, url) as device:
            identity = device.identity.model_copy(update={"server_url": url})
            device.store.set_meta("identity", identity.model_dump_json())
        process = doom("file-device", point, laptop)
        told, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        async with unlocked(laptop, url) as device:
            kept = [item.command.id for item in device.workbench.outbox()]
            assert kept == told.split(), "what was called saved is there with its bytes, and nothing else"
            await settle(device)
            assert {item.standing for item in device.workbench.outbox()} <= {Standing.ACCEPTED}
    said = point != "inside-attach"
    assert (files_of(home), stored(home)) == ((["photo.jpg"], [PHOTO]) if said else ([], []))
