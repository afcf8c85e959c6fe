"""The real laptop and the real server while the world around them fails: disks, locks, clocks, and a long absence."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlcipher3 import dbapi2

from device import bootstrap
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.errors import StoreError
from device.settings import Settings
from reconciliation.decide import decide
from shared.outcomes import Hold, Outcome, Reason, Receipt, Standing
from shared.ports import Ports
from simulators.network import Switch
from sync_server.batch import settling
from tests.builders import StillClock
from tests.served import TENANT, Server, in_place

JOB, OTHER_JOB, PUMP, SEAL = "work_order/WO-1", "work_order/WO-2", "asset/PUMP-1", "stock_item/SEAL-1"
PIN = "2468"
DAY = timedelta(days=1)
CANNOT_WRITE = r"Another program|disk is full"


@pytest.fixture
def clock(server: Server) -> StillClock:
    """The laptop's own clock, right at first."""
    return StillClock(server.clock.at)


@pytest.fixture
async def device(server: Server, clock: StillClock, tmp_path: Path) -> AsyncIterator[Device]:
    settings, ports = Settings(tmp_path / "laptop"), Ports(clock, server.office.service.ports.randomness)
    cable = Switch(server.http._transport)
    code = server.office.enrol_code(TENANT, "a.okafor")
    await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=cable)
    opened = bootstrap.open_device(settings, PIN, ports, transport=cable, run_blocking=in_place)
    await opened.agent.settle()
    yield opened
    await opened.close()


def say(device: Device, kind: str, record: str = JOB, /, **payload: Any) -> str:
    (command,) = device.workbench.confirm([Proposal(kind, record, payload, {})], sentence="", source="cli")
    return command.id


def notes(server: Server, job: str = JOB) -> list[str]:
    kept: Any = server.records()[job].fields["notes"]
    return [note["text"] for note in kept]


def standings(device: Device) -> set[Standing]:
    return {item.standing for item in device.workbench.outbox()}


async def again(device: Device) -> str | None:
    """Sync until nothing is left; why it stopped, if it did."""
    device.agent.session.send_now()
    steps = await device.agent.settle()
    return steps[-1].error


def pragma(device: Device, words: str) -> Any:
    return device.store._driver.execute(f"PRAGMA {words}").fetchone()[0]


def fill(device: Device) -> None:
    for _ in range(200):
        device.workbench.note(OTHER_JOB, "x" * 3900)


@contextmanager
def told_each_connection(server: Server, pragma: str) -> Iterator[None]:
    """Every connection of the server works under `pragma`, whoever keeps it; the ones after this without."""
    store = server.office.service.store

    def tell(raw: Any, _record: Any) -> None:
        raw.execute(f"PRAGMA {pragma}").close()

    store.close()
    event.listen(store.engine, "connect", tell)
    yield
    event.remove(store.engine, "connect", tell)
    store.close()


@contextmanager
def full_server_disk(server: Server) -> Iterator[None]:
    """No page more for the server."""
    with server.office.service.store.connected() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with told_each_connection(server, f"max_page_count = {pages}"):
        yield


@contextmanager
def locked_server(server: Server) -> Iterator[None]:
    """Another program is in the middle of a long write."""
    other = sqlite3.connect(str(server.office.service.store.engine.url.database), isolation_level=None)
    with told_each_connection(server, "busy_timeout = 10"):
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    other.close()


@contextmanager
def full_device_disk(device: Device) -> Iterator[None]:
    pragma(device, f"max_page_count = {pragma(device, 'page_count')}")
    yield
    pragma(device, "max_page_count = 1000000")


@contextmanager
def locked_device(device: Device) -> Iterator[None]:
    pragma(device, "busy_timeout = 10")
    other = dbapi2.connect(str(device.settings.database), isolation_level=None)
    other.execute(f"PRAGMA key = \"x'{device.keys.database.hex()}'\"")
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


# -- disks and locks


@pytest.mark.parametrize("fault", [full_server_disk, locked_server])
async def test_a_server_that_cannot_write_takes_nothing_and_loses_nothing(
    device: Device, server: Server, fault: Any
) -> None:
    texts = [f"{number} " + "x" * 3900 for number in range(12)]
    for text in texts:
        device.workbench.note(JOB, text)
    with fault(server):
        assert await again(device)
        assert standings(device) == {Standing.SENT}
    assert notes(server) == []
    assert await again(device) is None
    assert standings(device) == {Standing.ACCEPTED}
    assert notes(server) == texts


@pytest.mark.parametrize("fault", [full_device_disk, locked_device])
async def test_a_laptop_that_cannot_write_the_answer_down_asks_for_it_again(
    device: Device, server: Server, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        device.workbench.note(JOB, f"{number}")
    server.office.set_field(TENANT, "m.reyes", OTHER_JOB, "description", "y" * 3900)
    sync = device.client.sync
    with ExitStack() as stack:

        async def answered_then_fail(*request: Any) -> Any:
            reply = await sync(*request)
            if notes(server):
                stack.enter_context(fault(device))
            return reply

        monkeypatch.setattr(device.client, "sync", answered_then_fail)
        with pytest.raises(StoreError, match=CANNOT_WRITE):
            await again(device)
    monkeypatch.undo()
    assert notes(server) == ["0", "1", "2"]
    assert standings(device) == {Standing.SENT}
    assert await again(device) is None
    assert (standings(device), notes(server)) == ({Standing.ACCEPTED}, ["0", "1", "2"])
    assert device.store.replica() == {**server.records(), **server.records("asset"), **server.records("stock_item")}


@pytest.mark.parametrize("fault", [full_device_disk, locked_device])
async def test_a_laptop_that_cannot_write_calls_nothing_saved(device: Device, server: Server, fault: Any) -> None:
    device.workbench.note(JOB, "before")
    with fault(device), pytest.raises(StoreError, match=CANNOT_WRITE):
        fill(device)
    kept = len(device.workbench.outbox())
    device.workbench.note(JOB, "after")
    assert await again(device) is None
    assert standings(device) == {Standing.ACCEPTED}
    assert (notes(server), len(notes(server, OTHER_JOB))) == (["before", "after"], kept - 1)


# -- clocks


@pytest.mark.parametrize("off", [DAY, -DAY])
async def test_a_clock_that_is_a_day_off_loses_and_doubles_nothing(
    device: Device, server: Server, clock: StillClock, off: timedelta
) -> None:
    device.workbench.note(JOB, "by the right clock")
    clock.at += off
    device.workbench.note(JOB, "by the wrong one")
    await again(device)  # refused with the right time, or taken by a laptop that reckons with it
    device.workbench.note(JOB, "still by the wrong one")
    clock.at -= off
    device.workbench.note(JOB, "by the right one again")
    assert await again(device) is None
    assert standings(device) == {Standing.ACCEPTED}
    said = ["by the right clock", "by the wrong one", "still by the wrong one", "by the right one again"]
    assert notes(server) == said


async def test_a_clock_that_runs_backwards_keeps_the_order_of_work(
    device: Device, server: Server, clock: StillClock
) -> None:
    at = clock.at
    said = [f"note {number}" for number in range(6)]
    for text in said:
        clock.at -= timedelta(hours=5)
        device.workbench.note(JOB, text)
    say(device, "status.changed", to="in_progress")
    clock.at -= timedelta(hours=5)
    say(device, "status.changed", to="done")
    assert [text for text in (line.what for line in device.workbench.history(JOB)) if "note" in text]
    clock.at = at
    assert await again(device) is None
    assert standings(device) == {Standing.ACCEPTED}
    assert (notes(server), server.records()[JOB].fields["status"]) == (said, "done")


async def test_a_clock_that_runs_backwards_between_rounds_does_not_stop_the_sync(
    device: Device, server: Server, clock: StillClock
) -> None:
    for number in range(5):
        clock.at -= timedelta(minutes=1)
        device.workbench.note(JOB, f"{number}")
        assert await again(device) is None
    assert (standings(device), notes(server)) == ({Standing.ACCEPTED}, ["0", "1", "2", "3", "4"])


# -- one bad command, and a long absence


async def test_a_poison_command_in_the_middle_of_a_batch_stops_only_itself(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(facts: Any) -> Any:
        if facts.command.payload.get("text") == "poison":
            raise RuntimeError("a bug")
        return decide(facts)

    monkeypatch.setattr(settling, "decide", faulty)
    said = [f"note {number}" for number in range(40)]
    said[20] = "poison"
    for text in said:
        device.workbench.note(JOB, text)
    say(device, "part.consumed", stock_item=SEAL, quantity=2)
    assert await again(device) is None
    held = [item for item in device.workbench.outbox() if item.hold]
    assert [(item.command.payload["text"], item.hold) for item in held] == [("poison", Hold.QUARANTINED)]
    assert notes(server) == [text for text in said if text != "poison"]
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3


def work_a_day(device: Device, server: Server, day: int) -> None:
    """The technician offline and the office, on one day: a note, a reading, and different fields of one job."""
    device.workbench.note(JOB, f"day {day}")
    say(device, "reading.recorded", asset=PUMP, quantity="pressure", value=day + 0.5, unit="bar")
    say(device, "field.updated", OTHER_JOB, field="access", value=f"key of day {day}")
    server.office.set_field(TENANT, "m.reyes", OTHER_JOB, "title", f"Repair, day {day}")
    server.office.set_field(TENANT, "m.reyes", PUMP, "location", f"hall {day}")


async def away(device: Device, server: Server, clock: StillClock, days: int) -> dict[str, Receipt]:
    """Both work for `days` days without a connection, then meet; the receipts by command, oldest first."""
    device.workbench.go(online=False)
    for day in range(days):
        work_a_day(device, server, day)
        clock.move(DAY)
        server.clock.move(DAY)
    device.workbench.go(online=True)
    assert await again(device) is None
    kinds = ("work_order", "asset", "stock_item", "reading", "conflict")
    assert device.store.replica() == {ref: each for kind in kinds for ref, each in server.records(kind).items()}
    return {item.command.id: item.receipt for item in device.workbench.outbox() if item.receipt}


async def test_a_laptop_that_was_away_for_ninety_days_brings_everything(
    device: Device, server: Server, clock: StillClock
) -> None:
    clash = say(device, "field.updated", JOB, field="priority", value="high")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    receipts = await away(device, server, clock, 90)
    conflicts = [command for command, receipt in receipts.items() if receipt.outcome is Outcome.CONFLICT]
    assert (len(receipts), conflicts) == (3 * 90 + 1, [clash])
    assert {each.outcome for each in receipts.values()} <= {Outcome.APPLIED, Outcome.MERGED, Outcome.CONFLICT}
    assert notes(server) == [f"day {day}" for day in range(90)]
    assert len(server.records("reading")) == 90
    there = server.records()[OTHER_JOB].fields
    assert (there["title"], there["access"]) == ("Repair, day 89", "key of day 89")


async def test_what_is_older_than_ninety_days_expires_by_name_and_takes_only_its_dependants_along(
    device: Device, server: Server, clock: StillClock
) -> None:
    receipts = await away(device, server, clock, 92)
    told = [(each.outcome, each.reason) for each in receipts.values()]
    assert [outcome for outcome, _ in told[:6]] == [Outcome.EXPIRED] * 6, "the first two days"
    assert {told[place] for place in range(8, 3 * 92, 3)} == {(Outcome.REJECTED, Reason.DEPENDENCY_FAILED)}
    assert notes(server) == [f"day {day}" for day in range(2, 92)]
    assert len(server.records("reading")) == 90
    there = server.records()[OTHER_JOB].fields
    assert (there["title"], there["access"]) == ("Repair, day 91", ""), "each key was changed from the one before"
