"""Files from the real device to the real server and down again, over links that misbehave."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device import bootstrap
from device.bootstrap import Device
from device.errors import LocalError, RemoteError, TransportError
from device.settings import Settings
from device.store import Item
from device.words import why
from shared.blobs import CHUNK_BYTES, RANGE_BYTES_MAX
from shared.outcomes import Standing
from simulators.network import LosesFirstReply, Switch
from sync_server.blob_files import BlobLimits
from sync_server.standing import go_on
from tests.served import TENANT, Server, in_place

JOB, PIN = "work_order/WO-1", "2468"
PHOTO = bytes(range(251)) * (RANGE_BYTES_MAX // 251 + 1500)  # more than one range, more than five chunks
NAME = hashlib.sha256(PHOTO).hexdigest()


class Tap(httpx.AsyncBaseTransport):
    """Notes what passes, and lets a test spoil an answer, or do something in between."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.passed: list[str] = []
        self.sent = 0
        self.spoil: Callable[[httpx.Request, httpx.Response], httpx.Response] = lambda _, response: response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.passed.append(f"{request.method} {request.url.path.rpartition('/')[0] or request.url.path}")
        self.sent += len(body) if request.method == "PATCH" else 0
        response = await self.inner.handle_async_request(request)
        await response.aread()
        return self.spoil(request, response)


@pytest.fixture
async def tap(server: Server) -> Tap:
    return Tap(server.http._transport)


@pytest.fixture
async def cable(tap: Tap) -> Switch:
    return Switch(tap)


@pytest.fixture
async def device(server: Server, cable: Switch, tmp_path: Path) -> AsyncIterator[Device]:
    await enrol(server, cable, tmp_path / "laptop", "a.okafor")
    opened = unlock(server, cable, tmp_path / "laptop")
    await opened.agent.settle()
    yield opened
    await opened.close()


async def enrol(server: Server, cable: httpx.AsyncBaseTransport, folder: Path, actor: str) -> None:
    code, ports = server.office.enrol_code(TENANT, actor), server.office.service.ports
    await bootstrap.enrol(Settings(folder), "http://server", code, PIN, "test", ports, transport=cable)


def unlock(server: Server, cable: httpx.AsyncBaseTransport, folder: Path) -> Device:
    ports = server.office.service.ports
    return bootstrap.open_device(Settings(folder), PIN, ports, transport=cable, run_blocking=in_place)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "pump.jpg"
    path.write_bytes(PHOTO)
    return path


async def again(device: Device) -> None:
    device.agent.session.send_now()
    await device.agent.settle()


def only(device: Device) -> Item:
    (item,) = device.workbench.outbox()
    return item


def said(device: Device) -> str:
    return " ".join(why(only(device), device.workbench.outbox(), [], {}))


def stored(server: Server) -> list[bytes]:
    folder = server.office.service.attachments.files._folder
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.parent.name != "partial"]


# -- up


async def test_a_file_is_saved_offline_and_accepted_with_its_bytes(
    device: Device, server: Server, photo: Path
) -> None:
    device.workbench.go(online=False)
    device.workbench.attach(JOB, photo)
    assert await device.agent.settle() == []
    assert only(device).standing is Standing.SAVED
    assert "0 % of 1.4 MiB" in said(device)
    device.workbench.go(online=True)
    await again(device)
    assert only(device).standing is Standing.ACCEPTED
    assert stored(server) == [PHOTO]
    assert [line.what for line in device.workbench.history(JOB)] == ["file pump.jpg, 1.4 MiB"]


async def test_the_outbox_says_how_far_the_file_has_got(device: Device, photo: Path) -> None:
    device.workbench.attach(JOB, photo)
    seen = []
    while not (await device.agent.step()).rested:
        item = only(device)
        if item.file and not item.file.up:
            assert item.standing is not Standing.ACCEPTED
            seen.append(item.file.percent)
    assert seen == sorted(seen)
    assert {0, 18, 36, 55, 73, 91} <= set(seen)
    assert only(device).standing is Standing.ACCEPTED


async def test_files_go_after_everything_smaller(device: Device, tap: Tap, photo: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.csv"
    small.write_bytes(b"1,2\n")
    device.workbench.attach(JOB, photo)
    device.workbench.attach(JOB, small)
    device.workbench.note(JOB, "a note")
    while tap.passed.count("PATCH /v1/blobs") < 3:
        await device.agent.step()
    assert tap.passed.index("POST /v1") < tap.passed.index("PATCH /v1/blobs")
    first, *_ = [item.file for item in device.workbench.outbox() if item.file and item.file.up]
    assert first.size == 4, "the small file is up before the large one"
    device.workbench.note(JOB, "typed in the middle of it")
    before = len(tap.passed)
    await device.agent.step()
    assert tap.passed[before:] == ["POST /v1"], "a new note does not wait for a file"


@pytest.mark.parametrize("lost_at", range(8))
async def test_a_lost_reply_costs_one_piece_at_most(
    device: Device, server: Server, cable: Switch, tap: Tap, photo: Path, lost_at: int
) -> None:
    device.workbench.attach(JOB, photo)
    while sum("blobs" in each for each in tap.passed) < lost_at:
        await device.agent.step()
    cable.inner = LosesFirstReply(tap)
    await device.agent.settle()
    cable.inner = tap
    await again(device)
    assert only(device).standing is Standing.ACCEPTED
    assert stored(server) == [PHOTO]
    assert tap.sent == len(PHOTO), "the server's place was asked for, and nothing was sent twice"


async def test_a_restarted_laptop_goes_on_where_the_server_is(
    device: Device, server: Server, cable: Switch, tap: Tap, photo: Path, tmp_path: Path
) -> None:
    device.workbench.attach(JOB, photo)
    while tap.sent < CHUNK_BYTES * 2:
        await device.agent.step()
    restarted = unlock(server, cable, tmp_path / "laptop")
    await again(restarted)
    assert only(restarted).standing is Standing.ACCEPTED
    assert tap.sent == len(PHOTO)
    await restarted.close()


def portal(_: httpx.Request, __: httpx.Response) -> httpx.Response:
    return httpx.Response(200, html="<h1>Welcome to the hotel network</h1>")


def half_a_word(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(204, headers={"upload-complete": "?1"}) if request.method == "PATCH" else response


def broken(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(502, text="bad gateway") if request.method == "PATCH" else response


@pytest.mark.parametrize("spoil", [portal, half_a_word, broken])
async def test_a_file_is_up_only_by_the_servers_own_word(
    device: Device, server: Server, tap: Tap, photo: Path, spoil: Any
) -> None:
    device.workbench.attach(JOB, photo)
    while "HEAD /v1/blobs" not in tap.passed:
        await device.agent.step()
    tap.spoil = spoil
    steps = await device.agent.settle()
    assert steps[-1].error
    file = only(device).file
    assert file
    assert not file.up
    tap.spoil = lambda _, response: response
    await again(device)
    assert only(device).standing is Standing.ACCEPTED
    assert stored(server) == [PHOTO]


async def test_a_failed_piece_waits_like_a_failed_round(device: Device, tap: Tap, photo: Path) -> None:
    device.workbench.attach(JOB, photo)
    while "HEAD /v1/blobs" not in tap.passed:
        await device.agent.step()
    tap.spoil = broken
    assert (await device.agent.step()).error
    assert (await device.agent.step()).rested
    assert device.workbench.status().last_error


async def test_a_file_that_the_server_does_not_take_rests_with_its_reason(
    device: Device, server: Server, tap: Tap, photo: Path
) -> None:
    server.office.service.attachments.files.limits = BlobLimits(CHUNK_BYTES, 1 << 30)
    device.workbench.attach(JOB, photo)
    await device.agent.settle()
    assert only(device).standing is not Standing.ACCEPTED
    assert "The file is too large" in said(device)
    before = len(tap.passed)
    device.workbench.note(JOB, "goes on")
    await device.agent.settle()
    assert [each for each in tap.passed[before:] if "blobs" in each] == []
    assert device.workbench.outbox()[-1].standing is Standing.ACCEPTED


async def test_nothing_of_a_file_leaves_while_offline(device: Device, tap: Tap, photo: Path) -> None:
    device.workbench.attach(JOB, photo)
    while tap.sent < CHUNK_BYTES:
        await device.agent.step()
    device.workbench.go(online=False)
    before = len(tap.passed)
    assert await device.agent.settle() == []
    assert len(tap.passed) == before


async def test_a_file_that_cannot_be_taken_saves_nothing(device: Device, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    for path, job in [(empty, JOB), (tmp_path / "none.jpg", JOB), (tmp_path, JOB)]:
        with pytest.raises(LocalError):
            device.workbench.attach(job, path)
    full = tmp_path / "a.jpg"
    full.write_bytes(b"x")
    with pytest.raises(LocalError, match="WO-404"):
        device.workbench.attach("work_order/WO-404", full)
    assert device.workbench.outbox() == []


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\\b.jpg", os.fsdecode(b"a\xffb.jpg")])
async def test_a_file_whose_name_cannot_stand_there_is_a_sentence(device: Device, tmp_path: Path, name: str) -> None:
    odd = tmp_path / name
    odd.write_bytes(b"x")
    with pytest.raises(LocalError) as caught:
        device.workbench.attach(JOB, odd)
    assert str(caught.value) == "The file's name holds a character that no name may hold. Rename it, then attach it."
    assert device.workbench.outbox() == []


async def test_what_the_server_lacks_after_all_goes_up_again(device: Device, server: Server, photo: Path) -> None:
    device.workbench.attach(JOB, photo)
    await device.agent.settle()
    shutil.rmtree(server.office.service.attachments.files._folder)
    server.office.service.attachments.lost(TENANT)
    device.workbench.attach("work_order/WO-2", photo)
    await again(device)
    assert [item.standing for item in device.workbench.outbox()] == [Standing.ACCEPTED] * 2
    assert stored(server) == [PHOTO]


async def test_in_a_new_life_of_the_server_every_file_is_offered_again(
    device: Device, server: Server, tap: Tap, photo: Path
) -> None:
    """It was accepted long before the backup; the folder with its bytes was not restored."""
    device.workbench.attach(JOB, photo)
    await device.agent.settle()
    shutil.rmtree(server.office.service.attachments.files._folder)
    with server.office.service.store.transaction() as tx:
        go_on(tx, 2, server.clock.now())
    device.agent.session.go(online=True)
    await device.agent.settle()
    assert stored(server) == [PHOTO]
    assert only(device).standing is Standing.ACCEPTED
    before = len(tap.passed)
    await again(device)
    assert not [each for each in tap.passed[before:] if "blobs" in each], "once a life"


# -- down


@pytest.fixture
async def other(device: Device, server: Server, cable: Switch, photo: Path, tmp_path: Path) -> AsyncIterator[Device]:
    """Another laptop, which has seen the job but not the file's bytes."""
    device.workbench.attach(JOB, photo)
    await device.agent.settle()
    await enrol(server, cable, tmp_path / "other", "b.lind")
    opened = unlock(server, cable, tmp_path / "other")
    await opened.agent.settle()
    yield opened
    await opened.close()


async def test_a_jobs_file_comes_down_once_and_is_then_here(other: Device, tap: Tap) -> None:
    file = other.workbench.file(JOB, "pump.jpg")
    assert await other.transfers.fetch(file) == PHOTO
    assert tap.passed[-2:] == ["GET /v1/blobs"] * 2
    before = len(tap.passed)
    assert await other.transfers.fetch(file) == PHOTO
    assert len(tap.passed) == before
    with pytest.raises(LocalError, match=r"pump\.jpg"):
        other.workbench.file(JOB, "other.jpg")


async def test_a_broken_download_goes_on_where_it_stopped(other: Device, tap: Tap) -> None:
    file = other.workbench.file(JOB, "pump.jpg")
    tap.spoil = lambda request, response: (
        response if "bytes=0-" in request.headers.get("range", "") else httpx.Response(502)
    )
    with pytest.raises(TransportError):
        await other.transfers.fetch(file)
    tap.spoil = lambda _, response: response
    before = len(tap.passed)
    assert await other.transfers.fetch(file) == PHOTO
    assert tap.passed[before:] == ["GET /v1/blobs"]


def wrong_bytes(_: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(206, content=bytes(len(response.content)))


def too_few(_: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(206, content=response.content[:-1])


@pytest.mark.parametrize("spoil", [wrong_bytes, too_few, portal])
async def test_other_bytes_than_the_job_names_are_not_used(other: Device, tap: Tap, spoil: Any) -> None:
    file = other.workbench.file(JOB, "pump.jpg")
    tap.spoil = spoil
    with pytest.raises(TransportError):
        await other.transfers.fetch(file)
    tap.spoil = lambda _, response: response
    assert await other.transfers.fetch(file) == PHOTO


async def test_what_the_server_does_not_have_is_a_sentence(other: Device, server: Server) -> None:
    file = other.workbench.file(JOB, "pump.jpg")
    folder = server.office.service.attachments.files._folder
    (folder / TENANT / NAME[:2] / NAME[2:]).unlink()
    with pytest.raises(RemoteError, match="not here"):
        await other.transfers.fetch(file)
