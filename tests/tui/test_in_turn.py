"""Keys in a burst: each acts where the keys before it led to, in order, and none is lost or held for ever."""

import asyncio

import pytest
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.widgets import Input

from device.tui import in_turn
from device.tui.screens.ask import AskPage
from device.tui.screens.dialogs import Ask, Pick
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.proposals import ProposalsPage
from tests.tui.drive import Person, sitting_at
from tests.tui.world import World


def burst(person: Person, *keys: str) -> None:
    """All of them before the first is looked at."""
    for key in keys:
        character = " " if key == "space" else key if len(key) == 1 else None
        person.app.post_message(Key(_character_to_key(key) if character else key, character))


async def test_a_burst_of_keys_acts_on_the_page_that_it_opens(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        second = world.device.workbench.jobs()[1].ref
        burst(person, "down", "enter", "right", "n", *"a seal weeps, 1 of 2")
        page = await person.arrives(OrderPage)
        await person.settles()
        assert page.job == second
        assert page.query_one("#line", Input).value == "a seal weeps, 1 of 2"
        assert len(person.app.screen_stack) == 2, "no letter of it acted as a key"


async def test_a_burst_of_keys_acts_in_the_form_that_it_opens(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        burst(person, "r", "enter", *"4.6", "enter")
        page = await person.arrives(ProposalsPage)
        await person.can_confirm()
        assert [row.proposal.payload["value"] for row in page.draft.rows] == [4.6]
        assert person.outbox() == []


async def test_a_burst_of_keys_goes_from_page_to_page_and_back(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        burst(person, "5", "escape", "enter", "3", *"1 or 5?", "escape", "escape", "5", "1", "5")
        await person.arrives(OutboxPage)
        await person.settles()
        assert [type(each) for each in person.app.screen_stack] == [JobsPage, OutboxPage]


async def test_what_is_pasted_has_its_turn_too(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        burst(person, "3")
        person.app.post_message(Paste("what torque"))
        burst(person, "?")
        page = await person.arrives(AskPage)
        await person.settles()
        assert page.query_one("#question", Input).value == "what torque?"


async def test_a_key_that_is_never_done_with_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_turn, "HOLD_MAX_S", 0.05)
    async with sitting_at(world) as person:
        page = await person.opens_job()
        page.looked = asyncio.Event()  # it never looks
        burst(person, "n", *"still")
        await person.until(lambda: page.query_one("#line", Input).value == "still", "typed")


async def test_the_way_out_waits_for_no_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_turn, "HOLD_MAX_S", 60.0)
    async with sitting_at(world) as person:
        page = await person.opens_job()
        page.looked = asyncio.Event()
        burst(person, "right", "right")
        person.app.post_message(Key("ctrl+q", None))
        await person.until(lambda: not person.app.is_running, "left")


async def test_a_dialog_takes_the_keys_behind_the_one_that_opened_it(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        burst(person, "r")
        await person.arrives(Pick)
        burst(person, "escape", "r", "enter")
        await person.arrives(Ask)
