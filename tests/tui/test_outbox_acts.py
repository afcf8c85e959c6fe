"""Taking back, undoing, giving again with a change; what waits for what; and how much waits for how long."""

from datetime import timedelta

import httpx
import pytest
from textual.widgets import Input

from device.core.interpret import Proposal
from device.core.queue_time import seconds_left, size_words, time_words
from device.errors import LocalError
from device.store import Issue
from device.store.exchange import Exchange
from device.tui.screens.dialogs import Ask, Pick, YesNo
from device.tui.screens.outbox import OutboxPage
from shared.outcomes import Outcome, Standing
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.test_outbox import READING, confirm
from tests.tui.world import NOW, World


async def test_withdraw_and_undo_while_it_is_only_here(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        before = person.text
        await person.press("z")
        await person.until(lambda: any("nothing to undo" in each for each in person.notices))
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("taken back: WO-1042")
        assert person.outbox()[0].withdrawal is not None
        await person.press("z")
        await person.until(lambda: person.outbox()[0].withdrawal is None)
        await person.until(lambda: "taken back" not in person.text)
        person.app.clear_notifications()
        await person.settles()
        assert person.text.splitlines()[4:] == before.splitlines()[4:]


async def test_held_says_for_what_it_waits(world: World) -> None:
    bench = world.device.workbench
    job = "work_order/WO-1039"
    for to in ("in_progress", "done"):
        bench.confirm([status(job, to)], sentence="x", source="form")
    async with sitting_at(world) as person:
        page = await person.opens_outbox()
        assert "after #1: WO-1039: done" in person.text
        await person.press("x")
        await person.arrives(YesNo)
        assert "#1" in person.text
        assert "#2" in person.text
        await person.press("y")
        await person.until(lambda: all(item.withdrawal for item in person.outbox()))
        second = person.outbox()[1].command.id
        with pytest.raises(LocalError, match="on which it rests"):
            bench.restore([second])
        assert all(item.withdrawal for item in person.outbox())
        assert person.app.screen is page
        await person.press("z")
        await person.until(lambda: not any(item.withdrawal for item in person.outbox()))
        assert bench.record(job).fields["status"] == "done"


def status(job: str, to: str) -> Proposal:
    return Proposal("status.changed", job, {"to": to}, {})


async def test_what_was_sent_with_its_withdrawal_is_not_undone(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("taken back: WO-1042")
        world.server.fault = httpx.ReadTimeout("no answer")
        await world.device.agent.settle()
        await person.press("z")
        await person.until(lambda: any("sent with its withdrawal already" in each for each in person.notices))
        assert person.outbox()[0].withdrawal is not None


async def test_a_drop_is_undone_too(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"note.added": Outcome.REJECTED}
    world.device.workbench.note(JOB, "one")
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("You dropped it.")
        await person.press("z")
        await person.sees("You can:  e change it")
        assert person.outbox()[0].dealt is None


async def test_what_came_back_is_changed_and_given_again(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"reading.recorded": Outcome.REJECTED}
    confirm(world, READING)
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("e")
        await person.arrives(Pick)
        await person.press("enter")
        ask = await person.arrives(Ask)
        assert ask.query_one(Input).value == "4.6 bar"
        await person.press("ctrl+u")
        await person.types("4.2")
        await person.press("enter")
        await person.arrives(YesNo)
        assert "pressure 4.2 bar" in person.text
        assert len(person.outbox()) == 1
        await person.press("e", "enter")
        await person.press("y")
        await person.sees("You gave it again as #2")
        items = person.outbox()
        assert items[1].command.payload["value"] == 4.2
        assert items[0].dealt == items[1].command.id


async def test_what_waits_how_long_and_how_much_is_said(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    began = Issue("boot", 1.0, NOW - timedelta(minutes=3))
    world.device.store.add_exchanges([Exchange(began, 2.0, 1000, 100, "answered")])
    async with sitting_at(world) as person:
        await person.opens_outbox()
        said = " ".join(person.text.split())
        assert "Waiting 1, all on this disk: 394 B, about 1 s at the last speed." in said
        assert "Next try: when you work online (w)." in said


async def test_online_the_next_try_is_said(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.fault = httpx.ConnectError("no route")
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world, carry=True) as person:
        await person.until(lambda: person.app.link.next_at is not None)
        await person.opens_outbox()
        person.app.refresh_page()
        await person.sees("Next try: 08:1")


async def test_older_ones_are_found_by_the_filter(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.tui.screens.outbox.OVER_SHOWN", 2)
    world = make_world(online=True)
    for text in ("oldest", "older", "old", "new"):
        world.device.workbench.note(JOB, text)
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        assert "oldest" not in person.text
        assert "4 accepted + 0 only here" in person.text
        await person.press("slash")
        await person.types("oldest")
        await person.sees("Enter looks among older ones")
        await person.press("enter")
        await person.sees("note “oldest”")
        assert isinstance(person.app.screen, OutboxPage)


def test_what_still_matters_is_told_apart_from_what_is_over(make_world: MakeWorld) -> None:
    world = make_world()
    for text in ("50%_done", "50 done"):
        world.device.workbench.note(JOB, text)
    store = world.device.store
    assert [item.standing for item in store.open_items()] == [Standing.SAVED] * 2
    assert store.latest_over([], 10) == []
    first, second = (item.command.id for item in store.items())
    assert store.standings([first, "nobody"]) == {first: Standing.SAVED}

    def becomes(command: str, **values: str) -> None:
        for column, value in values.items():
            store._write(f"UPDATE outbox SET {column} = ? WHERE id = ?", (value, command))

    becomes(first, state="settled", outcome="applied")
    becomes(second, state="settled", outcome="applied")
    assert store.open_items() == []
    assert [item.command.id for item in store.latest_over([], 10)] == [second, first]
    assert [item.command.id for item in store.latest_over(["50%_"], 10)] == [first]
    for values in ({"outcome": "rejected"}, {"outcome": "conflict"}, {"earlier_outcome": "rejected"}):
        becomes(first, **values)
        assert [item.command.id for item in store.open_items()] == [first]
        assert [item.command.id for item in store.latest_over([], 10)] == [second]
    becomes(first, dealt="dropped")
    assert store.open_items() == []


@pytest.mark.parametrize(("size", "words"), [(394, "394 B"), (6200, "6 KiB"), (3_500_000, "3.3 MiB")])
def test_sizes_for_a_person(size: int, words: str) -> None:
    assert size_words(size) == words


def test_the_time_left_comes_from_what_was_carried() -> None:
    began = Issue("boot", 1.0, NOW)
    met = [Exchange(began, 2.0, 1000, 10, "answered"), Exchange(began, 9.0, 5000, 0, "no_answer")]
    assert seconds_left(3000, met) == 6.0
    assert seconds_left(3000, [Exchange(began, 2.0, 10, 10, "answered")]) is None
    assert (time_words(None), time_words(6.0), time_words(300.0)) == (
        "no speed known yet",
        "about 6 s at the last speed",
        "about 5 min at the last speed",
    )
