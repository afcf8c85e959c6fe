"""Safety goes first, and what takes long says how far it is, stops when told to, and goes on there."""

import asyncio

import httpx
import pytest

from device import commands
from device.cli import main
from device.core.interpret import Proposal
from device.tui.screens.jobs import JobsPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.ready import ReadyPage
from shared.records import Record
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.world import World, record

BEFORE, AFTER = 5, 60


def full_day(world: World) -> None:
    """A finding about safety in the middle of a long outbox."""
    bench = world.device.workbench
    for number in range(BEFORE):
        bench.note(JOB, f"before {number}")
    finding = Proposal("finding.added", JOB, {"text": "guard is loose", "severity": "safety"}, {})
    bench.confirm([finding], sentence="guard is loose", source="form")
    for number in range(AFTER):
        bench.note(JOB, f"after {number}")


async def test_safety_first_in_a_round_that_waits_for_nothing_later(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    full_day(world)
    await world.device.agent.settle()
    assert world.server.pushed == [BEFORE + 1, AFTER]
    kinds = [command.kind for command in world.server.received]
    assert kinds.index("finding.added") == BEFORE
    assert [command.seq for command in world.server.received] == list(range(1, BEFORE + AFTER + 2))


async def test_safety_first_is_said_in_the_outbox(make_world: MakeWorld) -> None:
    world = make_world()
    full_day(world)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        shown = " ".join(person.text.split())
        assert "Safety first: #6 before all that was confirmed later and before files" in shown
        assert "SAFETY WO-1042" in shown
        assert "Waiting 66, all on this disk" in shown
        world.device.workbench.go(online=True)
        await world.device.agent.settle()
        person.app.refresh_page()
        await person.sees("66 accepted + 0 only here")
        assert "Safety first" not in person.text
        assert "SAFETY" not in person.text


def test_safety_first_is_said_on_the_command_line(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world()
    full_day(world)
    on(world, monkeypatch)
    assert main(["outbox", "--plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("Safety first: #6 before all that was confirmed later and before files: ")
    assert lines[-1].startswith("Waiting 66, all on this disk: ")
    assert sum("SAFETY" in line for line in lines) == 1


def on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line runs on `world`, and leaves it open."""

    async def stays_open() -> None:
        """The world closes it."""

    monkeypatch.setattr(world.device, "close", stays_open)
    monkeypatch.setattr(commands, "_open", lambda _: world.device)


# -- what takes long


def copy(world: World, pages: int = 4, size: int = 30) -> list[list[Record]]:
    """A whole copy in pages."""
    asset = "asset/P-7"
    return [
        [record(f"work_order/WO-9{page}{n:02}", title=f"Job {page} {n}", asset=asset) for n in range(size)]
        for page in range(pages)
    ]


async def test_long_work_on_screen_says_how_far_it_is_stops_and_goes_on(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.pages = copy(world)
    server, answered = world.server, 0

    async def two_then_silence(request: httpx.Request) -> httpx.Response:
        nonlocal answered
        answered += 1
        if answered > 2:
            await asyncio.sleep(3600)
        return await server(request)

    through = world.device.client._http._transport
    through._inner = httpx.MockTransport(two_then_silence)  # type: ignore[attr-defined]
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("b")
        await person.arrives(ReadyPage)
        await person.press("f")
        await person.sees("0 answered, 60 records came so far. Esc stops.")
        await person.press("escape")
        await person.sees("Stopped. What came is kept; f goes on there.")
        assert len(world.device.workbench.jobs()) == 6 + 60
        through._inner = httpx.MockTransport(server)  # type: ignore[attr-defined]
        await person.press("f")
        await person.sees("All that can be had is here.")
        assert len(world.device.workbench.jobs()) == 6 + 120


async def test_long_work_of_send_now_says_how_far_it_is(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.pages = copy(world)
    server = world.server
    gate = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        if len(server.pages) == 2:
            await gate.wait()
        return await server(request)

    world.device.client._http._transport._inner = httpx.MockTransport(slow)  # type: ignore[attr-defined]
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("5")
        await person.arrives(OutboxPage)
        await person.press("s")
        await person.sees("records came so far. You can go on working")
        gate.set()
        await person.sees("120 changes came down")


def test_long_work_on_the_command_line_says_how_far_it_is(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(online=True)
    world.server.pages = copy(world)
    on(world, monkeypatch)
    assert main(["sync", "--json"]) == 0
    said = capsys.readouterr()
    assert "0 answered, 60 records came so far" in said.err.splitlines()
    assert "0 answered, 120 records came so far" in said.err.splitlines()
    assert '"changes": 120' in said.out
