"""The real device against the real server's update repository, with somebody in between who changes what he likes."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from device import bootstrap
from device.bootstrap import Device
from device.errors import RemoteError, StoreError, TransportError, UpdateRefused
from device.settings import Settings
from device.updates import client
from device.updates import shelf as shelf_module
from device.updates.bundles import Judges
from device.updates.shelf import Shelf
from policies.bundle import MANIFEST, pack, unpack
from policies.rollout import Rollout
from shared.ports import Ports
from shared.problems import Refused
from shared.routing import DataClass, Purpose
from shared.updates import TIMESTAMP, UPDATES_PATH, bundle_target
from sync_server.office.policies import Scope
from sync_server.updates import reading
from tests.builders import Counting, StillClock, still_ports
from tests.served import TENANT, Server, in_place, made_office

PIN, WHY = "2468", "for the test"
EVERYTHING = Scope()
Change = Callable[[httpx.Response], httpx.Response]


def packed(version: int, *, pad: int = 0, **manifest: str) -> bytes:
    """The bundle that ships, as the organisation's own with that number."""
    told = {"valid_from": "2025-01-01T00:00:00Z", "expires_at": "2031-01-01T00:00:00Z", **manifest}
    lines = [f"# {'x' * pad}", 'name = "harrow"', f"version = {version}", *(f"{k} = {v}" for k, v in told.items())]
    files = {**bootstrap.default_bundle().files, MANIFEST: "\n".join(lines)}
    return pack(files)


def answered(content: bytes, like: httpx.Response) -> httpx.Response:
    headers = {name: value for name, value in like.headers.items() if name != "content-length"}
    return httpx.Response(like.status_code, headers=headers, content=content)


class Between(httpx.AsyncBaseTransport):
    """Carries everything, notes what was asked for, and answers otherwise where `changes` has the end of a path."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.changes: dict[str, Change] = {}
        self.asked: list[str] = []
        self.answers: dict[str, httpx.Response] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        path = request.url.path
        if path.startswith(UPDATES_PATH):
            await response.aread()
            name = path.removeprefix(UPDATES_PATH)
            self.asked.append(name)
            for ends, change in self.changes.items():
                if name.endswith(ends):
                    response = change(response)
            self.answers[name] = response
        return response

    def always(self, name: str, content: bytes) -> None:
        """From now on `name` is answered with `content`."""
        self.changes[name] = lambda like: httpx.Response(200, content=content)


@pytest.fixture
async def between(server: Server) -> Between:
    return Between(server.http._transport)


def opened(server: Server, between: Between, folder: Path) -> Device:
    ports = server.office.service.ports
    return bootstrap.open_device(Settings(folder), PIN, ports, transport=between, run_blocking=in_place)


@pytest.fixture
async def device(server: Server, between: Between, tmp_path: Path) -> AsyncIterator[Device]:
    folder, ports = tmp_path / "laptop", server.office.service.ports
    code = server.office.enrol_code(TENANT, "a.okafor")
    await bootstrap.enrol(Settings(folder), "http://server", code, PIN, "test", ports, transport=between)
    made = opened(server, between, folder)
    await made.agent.settle()
    yield made
    await made.close()


def publish(server: Server, version: int, **more: Any) -> None:
    """Publish a bundle and put it in force for everything."""
    server.office.publish_bundle(TENANT, "root", packed(version, **more))
    server.office.roll_out(TENANT, "root", version, "in_force", EVERYTHING, WHY)


async def sync(device: Device) -> list[str]:
    """A session; what went wrong with updates in it."""
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert not any(step.error for step in steps)
    return [step.update for step in steps if isinstance(step.update, str)]


def version(device: Device) -> str:
    assert device.workbench.policy_version == device.ruling().bundle.version
    return device.workbench.policy_version


# -- how it should go


async def test_what_the_office_puts_in_force_reaches_the_laptop_with_the_next_sync(
    device: Device, server: Server, between: Between
) -> None:
    assert (version(device), device.ruling().source) == ("shipped-1", "program")
    assert between.asked == []  # nothing was ever published
    publish(server, 1)
    assert await sync(device) == []
    assert (version(device), device.ruling().source) == ("harrow-1", "office")
    asked = len(between.asked)
    assert await sync(device) == []
    assert len(between.asked) == asked  # the hint says that there is nothing new
    publish(server, 2)
    assert await sync(device) == []
    assert version(device) == "harrow-2"


async def test_the_laptop_that_was_opened_again_goes_on_where_it_was(
    device: Device, server: Server, between: Between, tmp_path: Path
) -> None:
    publish(server, 3)
    await sync(device)
    again = opened(server, between, tmp_path / "laptop")
    assert (version(again), again.ruling().serial) == ("harrow-3", 2)
    await again.close()


async def test_updates_come_after_everything_else_and_never_make_a_round_fail(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    between.always(TIMESTAMP, b"{}")
    device.workbench.note("work_order/WO-1", "first")
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert steps[0].sent
    assert not any(step.error for step in steps)
    assert "no update that this program can read" in str(steps[-1].update)
    assert device.store.meta("update_error") == steps[-1].update
    asked = len(between.asked)
    assert await sync(device) == []
    assert len(between.asked) == asked  # it rests
    between.changes.clear()
    server.clock.move(timedelta(minutes=16))
    assert await sync(device) == []
    assert (version(device), device.store.meta("update_error")) == ("harrow-1", "")


async def test_without_a_word_from_the_office_it_looks_once_a_day(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    await sync(device)
    between.asked.clear()
    server.clock.move(timedelta(hours=23))
    await sync(device)
    assert between.asked == []
    server.clock.move(timedelta(hours=2))
    await sync(device)
    assert between.asked == ["metadata/2.root.json", TIMESTAMP]


async def test_a_stage_reaches_only_the_devices_that_it_names(device: Device, server: Server) -> None:
    publish(server, 1)
    server.office.publish_bundle(TENANT, "root", packed(2))
    server.office.roll_out(TENANT, "root", 2, "shadow", Scope(groups=frozenset({"TB-01"})), WHY)
    await sync(device)
    here = device.updates.shelf.in_force()
    assert here is not None
    assert sorted(here.bundles) == [1, 2]
    assert version(device) == "harrow-1"
    server.office.withdraw_bundle(TENANT, "root", 2, WHY)
    await sync(device)
    here = device.updates.shelf.in_force()
    assert here is not None
    assert here.rollout.stages == ()


async def test_going_back_is_going_on_with_the_older_content(device: Device, server: Server) -> None:
    publish(server, 1)
    publish(server, 2)
    await sync(device)
    server.office.roll_back_bundle(TENANT, "root", 1, WHY)
    await sync(device)
    assert version(device) == "harrow-3"
    one, three = (unpack(server.office.bundle(TENANT, number)) for number in (1, 3))
    assert {**one.files, MANIFEST: ""} == {**three.files, MANIFEST: ""}


async def test_keys_are_handed_on_through_two_roots(device: Device, server: Server, between: Between) -> None:
    publish(server, 1)
    await sync(device)
    assert server.office.rotate_update_keys(TENANT, "root", WHY, root_keys=3, root_threshold=2) == 2
    assert server.office.rotate_update_keys(TENANT, "root", WHY) == 3
    publish(server, 2)
    between.asked.clear()
    assert await sync(device) == []
    assert version(device) == "harrow-2"
    assert between.asked[:3] == ["metadata/2.root.json", "metadata/3.root.json", "metadata/4.root.json"]


async def test_a_running_server_signs_again_before_anything_expires(device: Device, server: Server) -> None:
    publish(server, 1)
    for _ in range(80):  # eight months, three days at a time
        server.clock.move(timedelta(days=3))
        server.office.service.sweep()
    assert await sync(device) == []
    assert version(device) == "harrow-1"
    assert server.office.published(TENANT).root_version == 2


async def test_what_is_fresh_is_not_signed_again(device: Device, server: Server) -> None:
    publish(server, 1)
    server.clock.move(timedelta(days=3))
    server.office.service.sweep()
    with server.office.service.store.transaction() as tx:
        before = tx.update_names(TENANT), tx.update_file(TENANT, TIMESTAMP)
    server.clock.move(timedelta(hours=11))
    server.office.service.sweep()
    with server.office.service.store.transaction() as tx:
        assert (tx.update_names(TENANT), tx.update_file(TENANT, TIMESTAMP)) == before
        server.clock.move(timedelta(hours=2))
    server.office.service.sweep()
    with server.office.service.store.transaction() as tx:
        assert tx.update_names(TENANT) == before[0]
        assert tx.update_file(TENANT, TIMESTAMP) != before[1]


async def test_a_restored_server_publishes_above_what_it_may_have_given_out(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    await sync(device)
    with server.office.service.store.transaction() as tx:
        tx.set_server_value("incarnation", "2")
    server.office.service.sweep()
    server.clock.move(timedelta(days=2))
    assert await sync(device) == []
    assert device.ruling().serial == 1_000_001


# -- what must not happen


def spoil(response: httpx.Response) -> httpx.Response:
    content = bytearray(response.content)
    content[len(content) // 2] ^= 1
    return answered(bytes(content), response)


def said_otherwise(response: httpx.Response) -> httpx.Response:
    """Well-formed, with another time, and not signed again."""
    document = json.loads(response.content)
    document["signed"]["expires"] = "2040-01-01T00:00:00Z"
    return answered(json.dumps(document).encode(), response)


@pytest.mark.parametrize(
    ("ends", "change"),
    [
        ("2.json", spoil),
        ("rollout.json", spoil),
        ("timestamp.json", spoil),
        ("timestamp.json", said_otherwise),
        ("snapshot.json", said_otherwise),
        ("targets.json", said_otherwise),
        ("timestamp.json", lambda _: httpx.Response(200, content=b"[" * 10_000)),
        ("timestamp.json", lambda _: httpx.Response(200, content=b"x" * (64 << 20))),
        ("timestamp.json", lambda _: httpx.Response(200, content=b"{}", headers={"content-encoding": "gzip"})),
        ("timestamp.json", lambda _: httpx.Response(200, html="<html>Log in</html>")),
        ("targets.json", lambda like: answered(like.content + b" ", like)),
        ("2.json", lambda like: answered(like.content[:-1], like)),
        ("2.json", lambda like: httpx.Response(404, content=like.content)),
    ],
)
async def test_what_was_changed_on_the_way_is_refused_and_the_last_good_one_stays(
    ends: str, change: Change, device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    await sync(device)
    publish(server, 2)
    between.changes[ends] = change
    (why,) = await sync(device)
    assert why.endswith(".")
    assert version(device) == "harrow-1"
    between.changes.clear()
    server.clock.move(timedelta(minutes=16))
    assert await sync(device) == []
    assert version(device) == "harrow-2"


async def test_an_answer_without_an_end_is_not_read_to_its_end(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    read = 0

    async def goes_on() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 10 << 20:  # long enough to be seen
            read += 1024
            yield b"x" * 1024

    between.changes["timestamp.json"] = lambda _: httpx.Response(200, content=goes_on())
    (why,) = await sync(device)
    assert "more than was asked for" in why
    assert read < 100_000


async def test_an_older_state_is_not_taken(device: Device, server: Server, between: Between) -> None:
    publish(server, 1)
    await sync(device)
    old = between.answers[TIMESTAMP].content
    publish(server, 2)
    await sync(device)
    publish(server, 3)
    between.always(TIMESTAMP, old)
    assert ["An older state" in why for why in await sync(device)] == [True]
    assert version(device) == "harrow-2"


async def test_whoever_holds_newer_states_back_is_found_out_when_the_old_one_expires(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    await sync(device)
    between.always(TIMESTAMP, between.answers[TIMESTAMP].content)
    publish(server, 2)
    await sync(device)
    assert version(device) == "harrow-1"  # for as long as the timestamp is good, nothing can be known
    server.clock.move(timedelta(days=8))
    (why,) = await sync(device)
    assert "out of date" in why
    assert version(device) == "harrow-1"


async def test_states_that_do_not_belong_together_are_not_taken(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    await sync(device)
    snapshot = between.answers["metadata/3.snapshot.json"].content
    publish(server, 2)
    between.changes[".snapshot.json"] = lambda _: httpx.Response(200, content=snapshot)
    assert len(await sync(device)) == 1
    assert version(device) == "harrow-1"


async def test_keys_that_the_old_root_did_not_sign_are_not_taken(
    device: Device, server: Server, between: Between, tmp_path: Path
) -> None:
    publish(server, 1)
    await sync(device)
    chance = Counting()
    chance.drawn = 1000
    other = made_office(tmp_path / "other", Ports(StillClock(), chance))
    other.publish_bundle(TENANT, "root", packed(9))
    other.roll_out(TENANT, "root", 9, "in_force", EVERYTHING, WHY)
    other.rotate_update_keys(TENANT, "root", WHY)
    with other.service.store.transaction() as tx:
        theirs = {name: tx.update_file(TENANT, name) or b"" for name in tx.update_names(TENANT)}
    for name, content in theirs.items():
        between.always(name, content)
    publish(server, 2)
    (why,) = await sync(device)
    assert "did not sign" in why
    assert version(device) == "harrow-1"
    other.service.store.close()


async def test_the_first_root_counts_only_for_the_request_that_asked(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    between.changes["timestamp.json"] = spoil
    with pytest.raises(UpdateRefused):
        await device.updates.refresh()
    first = between.answers["first-root"].content
    device.updates.shelf._drop("root.json")
    between.changes = {}
    between.always("first-root", first)
    with pytest.raises(UpdateRefused, match="another laptop or time"):
        await device.updates.refresh()
    between.always("first-root", b"{}")
    with pytest.raises(UpdateRefused, match="not vouched for"):
        await device.updates.refresh()
    between.changes = {"1.root.json": lambda like: answered(like.content + b" ", like)}
    with pytest.raises(UpdateRefused, match="replaced on their way"):
        await device.updates.refresh()


async def test_a_number_that_comes_back_with_other_content_is_not_taken(device: Device, server: Server) -> None:
    publish(server, 1)
    await sync(device)
    service = server.office.service
    with service.store.transaction() as tx:
        publisher = service.publisher(tx, TENANT)
        publisher.publish({1: packed(1, pad=10)})
    (why,) = await sync(device)
    assert "a number is used once" in why
    assert version(device) == "harrow-1"


async def test_a_signed_step_back_is_not_taken_either(device: Device, server: Server) -> None:
    publish(server, 1)
    publish(server, 2)
    await sync(device)
    service = server.office.service
    with service.store.transaction() as tx:
        service.publisher(tx, TENANT).publish({}, Rollout(in_force=1))
    (why,) = await sync(device)
    assert "publishes the older content under a higher number" in why
    assert version(device) == "harrow-2"


async def test_a_signed_bundle_that_cannot_be_used_is_not_taken(device: Device, server: Server) -> None:
    publish(server, 1)
    await sync(device)
    service = server.office.service
    with service.store.transaction() as tx:
        service.publisher(tx, TENANT).publish({2: b"no bundle"}, Rollout(in_force=2))
    (why,) = await sync(device)
    assert "cannot be used by this program" in why
    assert version(device) == "harrow-1"


# -- links and disks that fail


async def test_without_a_network_nothing_changes(device: Device, server: Server, between: Between) -> None:
    publish(server, 1)
    await sync(device)
    publish(server, 2)

    class Dead(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no route", request=request)

    between.inner = Dead()
    with pytest.raises(TransportError):
        await device.updates.refresh()
    assert version(device) == "harrow-1"


async def test_a_download_goes_on_where_it_broke_also_in_another_life_of_the_program(
    device: Device, server: Server, between: Between, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RANGE_BYTES_MAX", 4096)
    publish(server, 1, pad=20_000)
    seen = 0

    def broken(like: httpx.Response) -> httpx.Response:
        nonlocal seen
        seen += 1
        return like if seen < 3 else answered(like.content[:100], like)

    between.changes["1.json"] = broken
    with pytest.raises(TransportError):
        await device.updates.refresh()
    assert seen == 3
    between.changes.clear()
    between.asked.clear()
    again = opened(server, between, tmp_path / "laptop")
    await again.updates.refresh()
    size = len(server.office.bundle(TENANT, 1))
    pieces = [name for name in between.asked if name.endswith(".1.json")]
    assert len(pieces) == -(-size // 4096) - 2
    assert version(again) == "harrow-1"
    await again.close()


async def test_killed_between_download_and_installation_it_installs_without_another_download(
    device: Device, server: Server, between: Between, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, 1)
    await sync(device)
    publish(server, 2)

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(Shelf, "install", dies)
        with pytest.raises(Killed):
            await device.updates.refresh()
    between.asked.clear()
    again = opened(server, between, tmp_path / "laptop")
    assert version(again) == "harrow-1"
    await again.updates.refresh()
    assert version(again) == "harrow-2"
    assert not any(name.startswith("targets/") for name in between.asked)
    await again.close()


@pytest.mark.parametrize("pages", [0, 2, 16, 64, 100])
async def test_wherever_the_disk_is_full_while_installing_the_last_good_one_stays(
    pages: int, device: Device, server: Server
) -> None:
    publish(server, 1)
    await sync(device)
    publish(server, 2, pad=300_000)
    run = device.store._driver.execute
    run(f"PRAGMA max_page_count = {run('PRAGMA page_count').fetchone()[0] + pages}")
    with pytest.raises(StoreError, match="disk is full"):
        await device.updates.refresh()
    assert version(device) == "harrow-1"
    run("PRAGMA max_page_count = 1000000")
    assert await sync(device) == []
    assert version(device) == "harrow-2"


async def test_a_full_disk_does_not_stop_the_rounds(device: Device, server: Server) -> None:
    publish(server, 1, pad=300_000)
    run = device.store._driver.execute
    run(f"PRAGMA max_page_count = {run('PRAGMA page_count').fetchone()[0] + 30}")
    (why,) = await sync(device)
    assert "disk is full" in why
    run("PRAGMA max_page_count = 1000000")
    server.clock.move(timedelta(minutes=16))
    assert await sync(device) == []
    assert version(device) == "harrow-1"


async def test_a_bundle_that_this_program_cannot_read_any_more_leaves_only_the_laptop(
    device: Device, server: Server
) -> None:
    publish(server, 1)
    await sync(device)
    device.updates.shelf.keep(bundle_target(1), b"of a later program")
    ruling = device.ruling()
    assert ruling.bundle.expired(server.clock.now())
    assert "update the program" in str(ruling.trouble)
    device.updates.shelf.keep("rollout.json", b'{"version": 2}')
    assert device.ruling().bundle.expired(server.clock.now())
    publish(server, 2)
    (why,) = await sync(device)
    assert "update the program" in why


async def test_what_is_tried_here_comes_with_what_is_in_force_and_goes_again(device: Device, server: Server) -> None:
    def judges(purpose: Purpose) -> Judges:
        return device.workbench.routes.ruling.judges(purpose, DataClass.INTERNAL, device.identity.device)

    publish(server, 1)
    for number in (2, 3):
        server.office.publish_bundle(TENANT, "root", packed(number))
    here = Scope(purposes=frozenset({"propose"}), groups=frozenset({device.identity.device}))
    server.office.roll_out(TENANT, "root", 2, "in_force", here, WHY)
    server.office.roll_out(TENANT, "root", 3, "shadow", EVERYTHING, WHY)
    assert await sync(device) == []
    assert version(device) == "harrow-1"
    assert (judges("propose").bundle.version, judges("answer").bundle.version) == ("harrow-2", "harrow-1")
    assert [each.version for each in judges("answer").shadow] == ["harrow-3"]
    assert device.ruling().trouble is None
    server.office.withdraw_bundle(TENANT, "root", 2, WHY)
    assert await sync(device) == []
    assert judges("propose").bundle.version == "harrow-1"


async def test_a_stage_that_this_program_cannot_read_leaves_its_tasks_on_the_laptop(
    device: Device, server: Server
) -> None:
    publish(server, 1)
    server.office.publish_bundle(TENANT, "root", packed(2))
    server.office.roll_out(TENANT, "root", 2, "in_force", Scope(purposes=frozenset({"propose"})), WHY)
    await sync(device)
    device.updates.shelf.keep(bundle_target(2), b"of a later program")
    ruling, now = device.ruling(), server.clock.now()
    assert ruling.judges("propose", DataClass.PUBLIC, "any").bundle.expired(now)
    assert not ruling.judges("answer", DataClass.PUBLIC, "any").bundle.expired(now)
    assert "Bundle 2, which is in force for some tasks" in str(ruling.trouble)
    device.updates.shelf.keep(bundle_target(1), b"of a later program")
    assert device.ruling().judges("answer", DataClass.PUBLIC, "any").bundle.expired(now)


async def test_bundles_of_long_ago_are_forgotten(device: Device, server: Server) -> None:
    for number in range(1, shelf_module.BUNDLES_KEPT + 3):
        publish(server, number)
        await sync(device)
    held = [number for number in range(1, 20) if device.updates.shelf.bundle(number)]
    assert len(held) == shelf_module.BUNDLES_KEPT


# -- who may read, and how


async def test_only_a_device_of_the_organisation_that_is_not_shut_out_reads(
    device: Device, server: Server, between: Between
) -> None:
    publish(server, 1)
    response = await server.http.get(UPDATES_PATH + TIMESTAMP)
    assert response.status_code == 401
    server.office.revoke_device(TENANT, "TB-01", "root", WHY)
    with pytest.raises(RemoteError):
        await device.updates.refresh()
    assert version(device) == "shipped-1"


async def test_files_have_validators_and_ranges(device: Device, server: Server, between: Between) -> None:
    publish(server, 1)
    await device.updates.refresh()
    told = between.answers[TIMESTAMP].headers
    assert told["etag"].startswith('"')
    assert told["accept-ranges"] == "bytes"
    whole = reading._part(b"0123456789", None)
    assert (whole.partial, whole.size) == (False, 10)
    part = reading._part(b"0123456789", "bytes=2-4")
    assert (part.content, part.first, part.partial) == (b"234", 2, True)
    with pytest.raises(Refused):
        reading._part(b"0123456789", "bytes=10-")


@pytest.mark.parametrize("name", ["metadata/../server.secret", "secret", "metadata//1", "targets/%2e%2e/x"])
async def test_other_names_find_nothing(name: str, device: Device, server: Server) -> None:
    publish(server, 1)
    with pytest.raises((RemoteError, TransportError)):
        await device.client.fetch_update(name, device.keys.device, 1000)


def test_the_same_acts_at_the_same_times_sign_the_same_bytes(tmp_path: Path) -> None:
    kept = []
    for home in ("one", "two"):
        office = made_office(tmp_path / home, still_ports())
        office.publish_bundle(TENANT, "root", packed(1))
        scope = Scope(classes=frozenset({DataClass.PUBLIC, DataClass.INTERNAL, DataClass.PERSONAL}))
        office.roll_out(TENANT, "root", 1, "shadow", scope, WHY)
        office.rotate_update_keys(TENANT, "root", WHY, root_keys=3, root_threshold=2)
        with office.service.store.transaction() as tx:
            kept.append({name: tx.update_file(TENANT, name) for name in tx.update_names(TENANT)})
        office.service.store.close()
    assert kept[0] == kept[1]


def test_a_repository_keeps_a_few_states(server: Server) -> None:
    for number in range(1, 9):
        server.office.publish_bundle(TENANT, "root", packed(number))
    with server.office.service.store.transaction() as tx:
        names = tx.update_names(TENANT)
    assert sum(name.endswith(".targets.json") for name in names) == 4
    assert sum(name.endswith(".rollout.json") for name in names) == 4
