"""What device and server owe each other beyond a plain round: restored images and backups, forks, clocks, copies."""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from device import bootstrap
from device.bootstrap import Device
from device.checking import ask_server, fine, judge
from device.core.interpret import Proposal
from device.errors import LocalError
from device.outbox_commands import check_lines
from device.settings import Settings
from device.store import State
from device.words import number, troubles, why
from shared.envelope import SUCCESSION_TYPE, seal
from shared.outcomes import Outcome, Standing
from shared.ports import Ports, SystemRandomness
from shared.problems import Code, problem
from shared.statements import Succession
from shared.sync import CHANGES_MAX, SyncRequest
from simulators.network import LosesFirstReply, Refusing, Switch
from sync_server.standing import go_on, stopped
from sync_server.store import DeviceState
from tests.builders import StillClock
from tests.served import TENANT, Server, in_place
from tests.tui.world import content_of

JOB, OTHER, PIN = "work_order/WO-1", "work_order/WO-2", "2468"
Spoil = Callable[[dict[str, Any]], dict[str, Any]]


class Tap(httpx.AsyncBaseTransport):
    """Keeps what was asked, and spoils an answer if a test wants that."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.asked: list[SyncRequest] = []
        self.spoil: Spoil | None = None
        self.headers: Mapping[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.url.path == "/v1/sync":
            self.asked.append(SyncRequest.model_validate_json(content_of(request)))
        response = await self.inner.handle_async_request(request)
        if self.spoil is None or response.status_code != 200:
            return response
        return httpx.Response(200, json=self.spoil(json.loads(await response.aread())), headers=self.headers)


@pytest.fixture
async def tap(server: Server) -> Tap:
    return Tap(server.http._transport)


@pytest.fixture
async def cable(tap: Tap) -> Switch:
    return Switch(tap)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "laptop"


def unlock(home: Path, server: Server, cable: Switch, ports: Ports | None = None) -> Device:
    ports = ports or server.office.service.ports
    return bootstrap.open_device(Settings(home), PIN, ports, transport=cable, run_blocking=in_place)


@pytest.fixture
async def device(server: Server, cable: Switch, home: Path) -> AsyncIterator[Device]:
    ports = server.office.service.ports
    code = server.office.enrol_code(TENANT, "a.okafor")
    await bootstrap.enrol(Settings(home), "http://server", code, PIN, "test", ports, transport=cable)
    opened = unlock(home, server, cable)
    await opened.agent.settle()
    yield opened
    await opened.close()


async def again(device: Device) -> None:
    device.agent.session.send_now()
    await device.agent.settle()


def texts(server: Server, job: str = JOB) -> list[str]:
    notes: Any = server.records()[job].fields["notes"]
    return [note["text"] for note in notes]


def standings(device: Device) -> list[Standing]:
    return [item.standing for item in device.workbench.outbox()]


def words(device: Device, number: int) -> str:
    items = device.workbench.outbox()
    item = next(each for each in items if each.position == number)
    return " ".join(why(item, items, [], device.workbench.view().blocked, device.workbench.expiring()))


def database(server: Server) -> Path:
    return Path(str(server.office.service.store.engine.url.database))


def back_up(server: Server, to: Path) -> None:
    connection = sqlite3.connect(database(server))
    connection.execute(f"VACUUM INTO '{to}'")
    connection.close()


def restore(server: Server, backup: Path) -> None:
    server.office.service.store.close()
    for end in ("-wal", "-shm"):
        Path(f"{database(server)}{end}").unlink(missing_ok=True)
    shutil.copy(backup, database(server))


def raise_incarnation(server: Server, to: int = 2) -> None:
    with server.office.service.store.transaction() as tx:
        go_on(tx, to, server.clock.now())


# -- a session


async def test_a_session_compares_before_it_pushes(device: Device, server: Server, tap: Tap, cable: Switch) -> None:
    device.agent.session.go(online=True)
    device.workbench.note(JOB, "one")
    tap.asked.clear()
    await device.agent.settle()
    assert [len(request.commands) for request in tap.asked] == [0, 1]
    first, second = tap.asked
    assert first.head is not None
    assert (second.head, first.report is not None) == (None, True)


async def test_a_head_that_is_not_signed_for_us_is_not_believed(device: Device, tap: Tap) -> None:
    before = device.store.meta("head")

    def other(reply: dict[str, Any]) -> dict[str, Any]:
        signature = reply["head"]["signatures"][0]
        signature["sig"] = signature["sig"][::-1]
        return reply

    device.workbench.note(JOB, "mine")
    tap.spoil = other
    steps = await device.agent.settle()
    assert "not believed" in str(steps[-1].error)
    assert (standings(device), device.store.meta("head")) == ([Standing.SENT], before)


async def test_what_was_turned_away_is_tried_again_when_a_person_asks(
    device: Device, server: Server, tap: Tap
) -> None:
    device.workbench.note(JOB, "kept")
    why_not = problem(Code.UNKNOWN_KEY, "made up").model_dump(mode="json")

    def turn(reply: dict[str, Any]) -> dict[str, Any]:
        reply["answers"] = [{"status": "refused", "index": 0, "problem": why_not} for _ in reply["answers"]]
        return reply

    tap.spoil = turn
    await device.agent.settle()
    assert device.store.items()[0].state is State.TURNED
    pushed = sum(len(request.commands) for request in tap.asked)
    await device.agent.settle()
    assert sum(len(request.commands) for request in tap.asked) == pushed, "not hammered within the session"
    tap.spoil = None
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert texts(server) == ["kept"]


async def test_the_server_is_left_alone_for_as_long_as_it_asks(device: Device, server: Server, tap: Tap) -> None:
    tap.spoil = lambda reply: {**reply, "retry_after_s": 90.0, "more": True}
    device.agent.session.send_now()
    await device.agent.step()
    device.workbench.note(JOB, "waits")
    assert (await device.agent.step()).rested
    server.clock.move(timedelta(seconds=91))
    tap.spoil = None
    await device.agent.settle()
    assert standings(device) == [Standing.ACCEPTED]


async def test_a_busy_server_is_left_alone_for_as_long_as_its_header_says(
    device: Device, server: Server, cable: Switch
) -> None:
    told = problem(Code.BUSY, "busy")
    headers = {"content-type": "application/problem+json", "retry-after": "600"}
    inner, cable.inner = (
        cable.inner,
        httpx.MockTransport(lambda _: httpx.Response(503, content=told.to_bytes(), headers=headers)),
    )
    await again(device)
    cable.inner = inner
    server.clock.move(timedelta(seconds=500))
    assert (await device.agent.step()).rested
    server.clock.move(timedelta(seconds=101))
    assert not (await device.agent.step()).error


async def test_what_the_head_certifies_as_settled_is_asked_about_at_once(device: Device) -> None:
    device.workbench.note(JOB, "one")
    await device.agent.settle()
    store = device.store
    with store.transaction() as connection:
        connection.execute("UPDATE outbox SET state = 'held', hold = 'waiting', outcome = NULL, receipt = NULL")
    device.agent.session.send_now()
    await device.agent.settle()
    assert standings(device) == [Standing.ACCEPTED]
    store.mark_due(1, 0)
    assert store.queue().in_doubt == ()


# -- whole copies


def rows(count: int) -> str:
    return "id,name,part_no\n" + "\n".join(f"B-{n},Bolt,{n}" for n in range(count))


async def test_an_interrupted_copy_goes_on_where_it_stopped_and_drops_what_is_gone(
    device: Device, server: Server, cable: Switch, tap: Tap
) -> None:
    office = server.office
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "stock_item", rows(CHANGES_MAX + 300)))
    await again(device)
    store = device.store
    ghost = replace(store.replica()[JOB], ref="work_order/GHOST", version=99)
    newer = replace(store.replica()[OTHER], version=99)
    store.absorb([ghost, newer], str(store.meta("cursor")))
    store.set_meta("cursor", "9:1:0")
    device.agent.session.send_now()
    await device.agent.step()
    assert store.meta("copying") == "yes"
    assert "work_order/GHOST" in store.replica(), "not before the copy is whole"
    inner, cable.inner = cable.inner, Refusing()
    await device.agent.settle()
    cable.inner = inner
    tap.asked.clear()
    await again(device)
    assert str(tap.asked[0].cursor).startswith("1:"), "it goes on where it stopped"
    replica = store.replica()
    assert "work_order/GHOST" not in replica
    assert replica[OTHER].version == server.records()[OTHER].version, "a copy is believed whatever the version"
    assert len(replica) == CHANGES_MAX + 300 + 4
    assert store.meta("copying") is None


async def test_a_pending_command_whose_record_left_says_so(device: Device, tap: Tap) -> None:
    device.workbench.go(online=False)
    form = Proposal("field.updated", JOB, {"field": "priority", "value": "urgent"}, {})
    (command,) = device.workbench.confirm([form], sentence="urgent", source="form")
    device.workbench.go(online=True)
    tap.spoil = lambda reply: {**reply, "removals": [JOB], "answers": []}
    device.agent.session.go(online=True)
    await device.agent.step()
    assert JOB not in device.store.replica()
    assert "is not on this device" in words(device, 1)
    assert device.store.items()[0].command.bases == command.bases


async def test_a_page_counts_only_where_it_was_asked_from(
    device: Device, server: Server, cable: Switch, tap: Tap
) -> None:
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")

    def meanwhile(reply: dict[str, Any]) -> dict[str, Any]:
        device.store.set_meta("cursor", "1:9999:0")
        return reply

    tap.spoil = meanwhile
    device.agent.session.send_now()
    await device.agent.step()
    assert device.store.meta("cursor") == "1:9999:0"
    assert device.workbench.record(JOB).fields["priority"] == "normal"


# -- a laptop that was set back, cloned, damaged


async def test_a_restored_laptop_image_is_seen_before_it_pushes_and_loses_nothing(
    device: Device, server: Server, cable: Switch, home: Path, tap: Tap
) -> None:
    (early,) = device.workbench.note(JOB, "in the image and sent later")
    await device.close()
    image = home.with_name("image")
    shutil.copytree(home, image)
    later = unlock(home, server, cable)
    later.workbench.note(JOB, "only after the image")
    await again(later)
    await later.close()
    restored = unlock(image, server, cable)
    restored.workbench.note(JOB, "typed on the restored image")
    tap.asked.clear()
    await again(restored)
    said = [(request.ended and request.ended.reason, len(request.commands)) for request in tap.asked[:3]]
    assert said == [(None, 0), ("restored", 0), (None, 0)], "compared, ended, asked"
    assert early.id in tap.asked[2].in_doubt
    assert restored.store.epoch() == 2
    assert [item.standing for item in restored.workbench.outbox()] == [Standing.ACCEPTED, Standing.REVIEW]
    restored.workbench.note(JOB, "after")
    await again(restored)
    assert restored.workbench.outbox()[-1].standing is Standing.ACCEPTED
    assert (restored.workbench.outbox()[-1].command.epoch, restored.workbench.outbox()[-1].command.seq) == (2, 1)
    assert texts(server) == ["in the image and sent later", "only after the image", "after"]
    assert [each.state for each in server.office.devices(TENANT)] == [DeviceState.ACTIVE]
    await restored.close()


async def test_damaged_bytes_are_never_sent_and_the_chain_goes_on_without_them(
    device: Device, server: Server, cable: Switch, home: Path, tap: Tap
) -> None:
    device.workbench.go(online=False)
    for text in ("one", "two", "three"):
        device.workbench.note(JOB, text)
    with device.store.transaction() as connection:
        connection.execute("UPDATE outbox SET payload = CAST('{}' AS BLOB) WHERE seq = 2")
    await device.close()
    opened = unlock(home, server, cable)
    opened.workbench.go(online=True)
    (said,) = troubles(opened.workbench.status())
    assert "#2 WO-1" in said
    await again(opened)
    ended = [request.ended for request in tap.asked if request.ended]
    assert [(each.reason, each.missing) for each in ended] == [("bytes_lost", (2,))]
    assert texts(server) == ["one"]
    assert [item.standing for item in opened.workbench.outbox()] == [Standing.ACCEPTED, Standing.REVIEW]
    opened.workbench.note(JOB, "four")
    await again(opened)
    assert texts(server) == ["one", "four"]
    await opened.close()


async def test_what_the_server_cannot_read_ends_the_epoch_and_can_be_given_again(
    device: Device, server: Server, tap: Tap
) -> None:
    (command,) = device.workbench.note(JOB, "unreadable there")
    why_not = problem(Code.MALFORMED, "made up").model_dump(mode="json")

    def turn(reply: dict[str, Any]) -> dict[str, Any]:
        if reply["answers"] and not any(request.ended for request in tap.asked):
            reply["answers"] = [{"status": "refused", "index": 0, "problem": why_not}]
            reply["head"] = unheard
        return reply

    unheard = json.loads(str(device.store.meta("head")))
    tap.spoil = turn
    await device.agent.settle()
    tap.spoil = None
    await again(device)
    assert [request.ended.reason for request in tap.asked if request.ended] == ["unreadable"]
    assert device.store.epoch() == 2
    again_given = device.workbench.reissue(command.id)
    assert (again_given.epoch, again_given.seq) == (2, 1)


async def test_one_sync_of_a_revoked_device_brings_everything_for_review(device: Device, server: Server) -> None:
    for text in ("one", "two"):
        device.workbench.note(JOB, text)
    server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    device.agent.session.go(online=True)  # as a program that has just been started
    steps = await device.agent.settle()
    assert standings(device) == [Standing.REVIEW, Standing.REVIEW]
    assert len(server.office.quarantine(TENANT, device.identity.device)) == 2
    assert len(steps) == 2


@pytest.mark.parametrize("how", ["revoked", "forked"])
async def test_a_device_that_is_shut_out_brings_its_work_for_review_and_asks_rarely(
    device: Device, server: Server, tap: Tap, how: str
) -> None:
    device.workbench.note(JOB, "brought")
    if how == "revoked":
        server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    else:
        server.office._move_device(
            TENANT, device.identity.device, DeviceState.FORKED, {"act": "forked", "actor": "root"}
        )
    await again(device)
    for _ in range(5):
        await device.agent.step()
    assert standings(device) == [Standing.REVIEW]
    assert "Nothing is lost" in words(device, 1)
    assert troubles(device.workbench.status())
    asked = len(tap.asked)
    server.clock.move(timedelta(minutes=10))
    assert (await device.agent.step()).rested
    assert len(tap.asked) == asked
    assert texts(server) == []
    server.office.readmit_device(TENANT, device.identity.device, "root", "found")
    await again(device)
    assert device.workbench.status().shut_out is None
    device.workbench.note(JOB, "again")
    await again(device)
    assert texts(server) == ["again"]


async def test_what_found_no_room_for_review_is_turned_away_and_comes_later(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_server.batch.places.QUARANTINE_MAX", 2)
    for text in ("one", "two", "three"):
        device.workbench.note(JOB, text)
    server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    await again(device)
    assert standings(device) == [Standing.REVIEW, Standing.REVIEW, Standing.REFUSED]
    said = words(device, 3)
    assert "Ask the office to review it" in said
    assert "It is kept here and tried again" in said
    first = server.office.quarantine(TENANT)
    server.office.dismiss(TENANT, [entry.command.id for entry in first], "root", "seen")
    await again(device)
    assert standings(device)[2] is Standing.REVIEW
    assert [entry.command.payload["text"] for entry in server.office.quarantine(TENANT)] == ["three"]


# -- clocks and keys


async def test_a_wrong_clock_is_told_the_time_and_signs_again_at_once(
    device: Device, server: Server, cable: Switch, home: Path, tap: Tap
) -> None:
    await device.close()
    late = StillClock(server.clock.at - timedelta(hours=3))
    wrong = unlock(home, server, cable, Ports(late, SystemRandomness()))
    wrong.workbench.note(JOB, "late")
    tap.asked.clear()
    steps = await wrong.agent.settle()
    assert [step.error for step in steps] == [None, None]
    assert len(tap.asked) == 3, "one try more, once"
    assert {request.sent_at for request in tap.asked} == {late.at}, "the device's own clock is what is reported"
    await wrong.close()
    later = unlock(home, server, cable, Ports(late, SystemRandomness()))
    tap.asked.clear()
    await later.agent.settle()
    assert len(tap.asked) == 1, "the offset is remembered"
    await later.close()


async def test_a_time_told_for_another_request_is_not_believed(
    device: Device, server: Server, cable: Switch, home: Path
) -> None:
    await device.close()
    late = StillClock(server.clock.at - timedelta(hours=3))
    wrong = unlock(home, server, cable, Ports(late, SystemRandomness()))
    kept: list[bytes] = []

    class Replays(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            kept.append(await response.aread())
            return httpx.Response(401, content=kept[0], headers={"content-type": "application/problem+json"})

    inner, cable.inner = cable.inner, Replays()
    await wrong.agent.step()
    assert wrong.client.offset == timedelta(hours=3)
    wrong.client.offset = timedelta(0)
    wrong.agent.session.send_now()
    await wrong.agent.step()
    assert wrong.client.offset == timedelta(0)
    await wrong.close()


@pytest.mark.parametrize("what", ["nothing", "reboot", "step"])
async def test_a_clock_that_stepped_or_a_reboot_puts_what_was_confirmed_in_doubt(
    device: Device, server: Server, tap: Tap, what: str
) -> None:
    device.workbench.go(online=False)
    (command,) = device.workbench.note(JOB, "when?")
    server.clock.move(timedelta(days=3))
    if what == "reboot":
        server.clock.boot, server.clock.elapsed_s = "boot-2", 5.0
    if what == "step":
        server.clock.elapsed_s -= 200
    device.workbench.go(online=True)
    await again(device)
    (pushed,) = [request for request in tap.asked if request.commands]
    assert pushed.doubtful == ((command.id,) if what != "nothing" else ())


async def test_receipts_under_a_key_that_the_pinned_one_handed_over_to_are_believed(
    device: Device, server: Server
) -> None:
    service = server.office.service
    with service.store.transaction() as tx:
        old = service.ring.active(tx, TENANT, "receipt")
        new = service.ring.make(tx, TENANT, "receipt", service.ports.randomness)
        _retire(tx, old.keyid)
        said = Succession(tenant=TENANT, key=new.public.hex(), key_id=new.keyid, at=server.clock.at)
        signed = seal(SUCCESSION_TYPE, said.to_bytes(), old).to_wire().model_dump_json()
        _hand_over(tx, new.keyid, signed)
    device.workbench.note(JOB, "under the new key")
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert device.store.receipt_keys() == (old.public.hex(), new.public.hex())
    receipt = device.store.items()[0].receipt
    assert receipt is not None
    assert receipt.key_id == new.keyid


def _retire(tx: Any, keyid: str) -> None:
    tx._connection.exec_driver_sql("UPDATE key SET state = 'retired' WHERE keyid = ?", (keyid,))


def _hand_over(tx: Any, keyid: str, signed: str) -> None:
    tx._connection.exec_driver_sql("UPDATE key SET succession = ? WHERE keyid = ?", (signed, keyid))


async def test_an_order_on_a_job_says_what_became_of_it(device: Device, server: Server) -> None:
    ordered = Proposal("part.ordered", JOB, {"stock_item": "stock_item/SEAL-1", "quantity": 2}, {})
    device.workbench.confirm([ordered], sentence="two seals", source="form")
    assert [line.what for line in device.workbench.history(JOB)] == ["ordered 2 × SEAL-1"]
    await again(device)
    (write,) = server.office.external_writes(TENANT, everything=True)
    (line,) = device.workbench.history(JOB)
    assert line.what == f"ordered 2 × SEAL-1: not yet with {write.fields['system']}"


async def test_numbers_say_their_epoch_where_they_began_anew(device: Device, server: Server) -> None:
    device.workbench.note(JOB, "one")
    await again(device)
    server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    server.office.readmit_device(TENANT, device.identity.device, "root", "found")
    await again(device)
    device.workbench.note(JOB, "two")
    assert [number(item) for item in device.workbench.outbox()] == ["#1", "#2/1"]


# -- a server that was set back


async def test_a_server_that_was_set_back_is_stopped_by_the_head_that_it_is_shown(
    device: Device, server: Server, tmp_path: Path
) -> None:
    back_up(server, tmp_path / "backup.db")
    device.workbench.note(JOB, "acknowledged")
    await again(device)
    restore(server, tmp_path / "backup.db")
    device.workbench.note(JOB, "later")
    device.agent.session.go(online=True)
    steps = await device.agent.settle()
    assert "set back to an older state" in str(steps[-1].error)
    with server.office.service.store.transaction() as tx:
        assert TENANT in stopped(tx)
    assert standings(device) == [Standing.ACCEPTED, Standing.SAVED]


async def test_a_server_that_was_set_back_between_two_rounds_of_a_session_is_seen(
    device: Device, server: Server, tmp_path: Path
) -> None:
    back_up(server, tmp_path / "backup.db")
    device.workbench.note(JOB, "acknowledged")
    await again(device)
    restore(server, tmp_path / "backup.db")
    for n in range(6):  # by now the audit is as long as it was, and another one
        server.office.set_field(TENANT, "m.reyes", JOB, "title", f"Title {n}")
    device.workbench.note(JOB, "later")
    steps = [await device.agent.step()]
    assert "may have been set back" in str(steps[-1].error)
    assert standings(device) == [Standing.ACCEPTED, Standing.SENT]
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert "set back to an older state" in str(steps[-1].error)
    with server.office.service.store.transaction() as tx:
        assert TENANT in stopped(tx)


async def test_a_restored_server_gets_back_what_it_lost_in_the_order_of_the_chain(
    device: Device, server: Server, tmp_path: Path
) -> None:
    one_seal = Proposal("part.consumed", JOB, {"stock_item": "stock_item/SEAL-1", "quantity": 1}, {})
    device.workbench.note(JOB, "one")
    device.workbench.confirm([one_seal], sentence="a seal", source="form")
    await again(device)
    back_up(server, tmp_path / "backup.db")
    used = Proposal("part.consumed", JOB, {"stock_item": "stock_item/SEAL-1", "quantity": 2}, {})
    device.workbench.note(JOB, "two")
    device.workbench.confirm([used], sentence="two seals", source="form")
    await again(device)
    device.workbench.note(JOB, "three")
    restore(server, tmp_path / "backup.db")
    raise_incarnation(server)
    assert texts(server) == ["one"]
    device.agent.session.go(online=True)
    for _ in range(12):
        await device.agent.step()
        assert device.workbench.record("stock_item/SEAL-1").fields["on_hand"] == 2, "never shown twice, never gone"
    assert texts(server) == ["one", "two", "three"]
    assert server.records("stock_item")["stock_item/SEAL-1"].fields["on_hand"] == 2
    assert set(standings(device)) == {Standing.ACCEPTED}
    assert device.store.incarnation() == 2
    assert device.workbench.view().records[JOB].fields == server.records()[JOB].fields
    assert [each.command.seq for each in device.workbench.outbox()] == [1, 2, 3, 4, 5]


async def test_another_outcome_after_a_restore_is_shown_beside_the_first(
    device: Device, server: Server, tmp_path: Path
) -> None:
    back_up(server, tmp_path / "backup.db")
    used = Proposal("part.consumed", JOB, {"stock_item": "stock_item/SEAL-1", "quantity": 5}, {})
    device.workbench.confirm([used], sentence="five seals", source="form")
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    restore(server, tmp_path / "backup.db")
    raise_incarnation(server)
    from shared.commands.part_consumed import PartConsumed

    server.office.service.office(
        TENANT, "m.reyes", [(OTHER, PartConsumed(stock_item="stock_item/SEAL-1", quantity=4))]
    )
    device.agent.session.go(online=True)
    for _ in range(6):
        await device.agent.step()
    (item,) = device.workbench.outbox()
    assert item.earlier is not None
    assert item.receipt is not None
    assert (item.earlier.outcome, item.receipt.outcome) == (Outcome.APPLIED, Outcome.CONFLICT)
    assert item.standing is Standing.REVIEW
    assert "restored from a backup" in words(device, 1)


async def test_what_was_settled_long_ago_is_pruned_and_the_chain_goes_on(device: Device, server: Server) -> None:
    for text in ("one", "two"):
        device.workbench.note(JOB, text)
    await again(device)
    server.clock.move(timedelta(days=34))
    await again(device)
    assert len(device.workbench.outbox()) == 2
    server.clock.move(timedelta(days=2))
    await again(device)
    assert [item.command.seq for item in device.workbench.outbox()] == [2], "the chain's end stays"
    device.workbench.note(JOB, "three")
    await again(device)
    assert texts(server) == ["one", "two", "three"]
    assert device.store.epoch() == 1


# -- changing one's mind


async def test_what_is_taken_back_goes_with_what_rests_on_it_and_leaves_no_hole(
    device: Device, server: Server, tap: Tap
) -> None:
    device.workbench.go(online=False)
    first = Proposal("field.updated", JOB, {"field": "priority", "value": "urgent"}, {})
    second = Proposal("field.updated", JOB, {"field": "priority", "value": "low"}, {})
    (one,) = device.workbench.confirm([first], sentence="x", source="form")
    (two,) = device.workbench.confirm([second], sentence="x", source="form")
    device.workbench.note(JOB, "stays")
    gone = device.workbench.withdraw([one.id])
    assert [item.command.id for item in gone] == [one.id, two.id]
    assert device.workbench.record(JOB).fields["priority"] == "normal"
    assert "You took it back" in words(device, 1)
    with pytest.raises(LocalError, match="taken back already"):
        device.workbench.withdraw([two.id])
    device.workbench.go(online=True)
    await again(device)
    (pushed,) = [request for request in tap.asked if request.commands]
    assert (len(pushed.commands), len(pushed.withdrawals)) == (3, 2)
    outcomes = [item.receipt.reason if item.receipt else None for item in device.workbench.outbox()]
    assert outcomes == ["withdrawn", "withdrawn", None]
    assert server.records()[JOB].fields["priority"] == "normal"
    assert texts(server) == ["stays"]
    assert device.store.counts()[Standing.REFUSED] == 0, "it needs nobody's look"


async def test_what_was_sent_cannot_be_taken_back_here(device: Device, cable: Switch) -> None:
    (command,) = device.workbench.note(JOB, "gone")
    inner, cable.inner = cable.inner, LosesFirstReply(cable.inner)
    await device.agent.settle()
    with pytest.raises(LocalError, match="was sent already"):
        device.workbench.withdraw([command.id])
    cable.inner = inner
    await again(device)
    with pytest.raises(LocalError, match="settled already"):
        device.workbench.withdraw([command.id])
    with pytest.raises(LocalError, match="no command"):
        device.workbench.withdraw(["nonsense"])


async def test_what_came_back_is_given_again_from_what_is_seen_today_or_dropped(
    device: Device, server: Server
) -> None:
    device.workbench.go(online=False)
    urgent = Proposal("field.updated", JOB, {"field": "priority", "value": "urgent"}, {})
    (one,) = device.workbench.confirm([urgent], sentence="urgent", source="form")
    (two,) = device.workbench.note(JOB, "too late as well")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    server.clock.move(timedelta(days=91))
    device.workbench.go(online=True)
    (kept,) = device.workbench.note(JOB, "fine")
    await again(device)
    assert standings(device) == [Standing.REFUSED, Standing.REFUSED, Standing.ACCEPTED]
    with pytest.raises(LocalError, match="did not come back"):
        device.workbench.reissue(kept.id)
    new = device.workbench.reissue(one.id)
    assert (new.id != one.id, new.payload, new.bases[0].value) == (True, one.payload, "low")
    with pytest.raises(LocalError, match="dealt with already"):
        device.workbench.drop(one.id)
    device.workbench.drop(two.id)
    await again(device)
    assert device.workbench.outbox()[-1].standing is Standing.ACCEPTED
    assert server.records()[JOB].fields["priority"] == "urgent"
    assert device.store.counts()[Standing.REFUSED] == 0
    assert "You gave it again as #4" in words(device, 1)
    assert "You dropped it" in words(device, 2)


# -- bounds, time, contact


async def test_a_full_outbox_refuses_new_work_keeps_the_old_and_has_room_for_safety(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from device.core import bounds

    small = {"low": bounds.Kept(1, 10**6), "normal": bounds.Kept(2, 10**6), "safety": bounds.Kept(3, 10**6)}
    monkeypatch.setattr(bounds.refusal, "__defaults__", (small,))
    device.workbench.go(online=False)
    device.workbench.note(JOB, "one")
    device.workbench.note(JOB, "two")
    with pytest.raises(LocalError, match="outbox is full: 2 commands"):
        device.workbench.note(JOB, "three")
    assert len(device.workbench.outbox()) == 2
    severe = Proposal("finding.reported", JOB, {"severity": "danger", "text": "live cable"}, {})
    with pytest.raises(LocalError) as refused:
        device.workbench.confirm([severe] * 2, sentence="x", source="form")
    assert "outbox is full: 3" in str(refused.value) or "cannot be saved" in str(refused.value)


async def test_little_time_left_is_said_in_advance(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "old")
    assert not device.workbench.expiring()
    server.clock.move(timedelta(days=80))
    device.workbench.note(JOB, "new")
    assert "It is good for 10 days more" in words(device, 1)
    assert "good for" not in words(device, 2)
    (said,) = troubles(device.workbench.status())
    assert said.startswith("1 in the outbox have little time left")
    server.clock.move(timedelta(days=11))
    assert "Its time is over. It is still sent" in words(device, 1)


async def test_what_needs_the_office_is_confirmed_only_soon_after_the_last_contact(
    device: Device, server: Server
) -> None:
    device.workbench.go(online=False)
    job = replace(device.store.replica()[JOB], version=99)
    critical = replace(job, fields={**job.fields, "safety_critical": True, "status": "done"})
    device.store.absorb([critical], str(device.store.meta("cursor")))
    close = Proposal("status.changed", JOB, {"to": "closed"}, {})
    server.clock.move(timedelta(hours=25))
    assert "not in contact for 24 hours" in str(device.workbench.show([close])[0].preview.obstacle)
    with pytest.raises(LocalError, match="not in contact for 24 hours"):
        device.workbench.confirm([close], sentence="x", source="form")
    device.workbench.note(JOB, "what may be confirmed offline still is")


async def test_a_check_without_a_network_says_whose_time_is_over(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "in time")
    for days, late in ((89, False), (2, True)):
        server.clock.move(timedelta(days=days))
        items = device.workbench.outbox()
        (found,) = judge(items, device.store.replica(), device.workbench.view(), device.ports.clock.now())
        assert (found.late, fine(found, None)) == (late, not late)
        said = str(check_lines(items[0], found, None))
        assert ("Its time is over" in said, "stands in its way" in said) == (late, not late)


async def test_a_check_is_not_fine_where_the_server_foresees_a_conflict(device: Device, server: Server) -> None:
    device.workbench.confirm(
        [Proposal("field.updated", JOB, {"field": "priority", "value": "urgent"}, {})], sentence="", source="form"
    )
    device.workbench.note(JOB, "beside it")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    items = device.workbench.outbox()
    found = judge(items, device.store.replica(), device.workbench.view(), device.ports.clock.now())
    told = await ask_server(device.store, device.client, device.keys, [item.command.id for item in items])
    assert [fine(each, None) for each in found] == [True, True], "this laptop has not heard of it"
    assert [fine(each, forecast) for each, forecast in zip(found, told, strict=True)] == [False, True]
