"""Rows of the checklist about what is true: as of when, counted how, once each, and with the keys that there are."""

import os
import string
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from textual.dom import DOMNode
from textual.widgets import Input

from device.tui.app import TailboardApp
from device.tui.screens.ask import AskPage
from device.tui.screens.dialogs import Pick, Read
from device.tui.screens.jobs import JobsPage
from device.tui.screens.keys import bindings_of, named_keys
from device.tui.screens.laptop import ConsentsPage, DecisionsPage, LaptopPage
from device.tui.screens.library import LibraryPage
from device.tui.screens.manual import ManualPage
from device.tui.screens.order import OrderPage, Sentence
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.ready import ReadyPage
from device.tui.screens.reasons import ReasonsPage
from device.tui.widgets.checklist import Checklist
from device.tui.widgets.table import RowTable
from device.tui.widgets.thread import Thread
from device.tui.widgets.ticks import Ticks
from shared.outcomes import Outcome
from tests.laptops import Writes
from tests.tui.asking import NX, asking
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.test_outbox import STATUS, all_five, confirm
from tests.tui.world import World

KEYS = Path(__file__).parents[2] / "docs" / "keys.md"


async def test_totals_are_split_and_what_is_refused_is_in_none(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        assert "1 accepted + 1 only here + 1 sent, as of" in person.text
        world.server.fault = None
        world.device.workbench.go(online=True)
        confirm(world, STATUS)
        await person.press("s")
        await person.sees("3 accepted + 0 only here, as of")
        assert "o0 ^0 +3 ?1 !2" in person.bar


async def test_one_effect_each_and_its_id_is_shown(make_world: MakeWorld) -> None:
    """An answer that was lost: the outcome is asked for, and the command is not brought a second time."""
    world = make_world(online=True)
    await world.device.agent.settle()
    world.device.workbench.note(JOB, "once")
    server = world.server

    async def loses(request: httpx.Request) -> httpx.Response:
        await server(request)
        raise httpx.ReadTimeout("the answer is lost")

    link = world.device.client._http._transport
    link._inner = httpx.MockTransport(loses)  # type: ignore[attr-defined]
    command = world.device.store.items()[0].command
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("^ Sent, waiting")
        link._inner = httpx.MockTransport(server)  # type: ignore[attr-defined]
        await person.press("s")
        await person.sees("+ Accepted")
        assert [each.id for each in server.received] == [command.id]
        await person.press("c")
        assert person.app.clipboard == command.id
        await person.press("enter")
        await person.arrives(Read)
        await person.sees(f"Id {command.id}")


async def test_held_says_for_what_and_a_bad_one_holds_up_no_other(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"status.changed": Outcome.REJECTED}
    bench = world.device.workbench
    bench.note(JOB, "before")
    confirm(world, STATUS)
    bench.note(JOB, "after")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("2 accepted, 1 refused.")
        assert "o0 ^0 +2 ?0 !1" in person.bar


async def to_question(person: Person) -> Input:
    await person.press("3")
    return (await person.arrives(AskPage)).query_one("#question", Input)


async def to_search(person: Person) -> Input:
    await person.press("m", "slash")
    return (await person.arrives(LibraryPage)).query_one("#search", Input)


async def to_the_filter_of_a_job(person: Person) -> Input:
    page = await person.opens_job()
    await person.press("slash")
    return page.query_one("#filter", Input)


async def to_the_filter_of_a_choice(person: Person) -> Input:
    await person.opens_job()
    await person.press("p")
    page = await person.arrives(Pick)
    await person.press("slash")
    return page.query_one(Input)


@pytest.mark.parametrize("go", [to_question, to_search, to_the_filter_of_a_job, to_the_filter_of_a_choice])
async def test_typing_fires_nothing_in_any_line(
    make_world: MakeWorld, go: Callable[[Person], Awaitable[Input]]
) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        line = await go(person)
        page = person.app.screen
        typed = "".join(each for each in string.printable if each.isprintable() and each != " ")
        await person.types(typed)
        assert (person.app.screen, line.value, person.app.theme) == (page, typed, "sun")
        assert person.outbox() == []


async def test_typing_fires_nothing_right_behind_the_key_that_leads_to_a_line(world: World) -> None:
    """The line has the focus as soon as the key is done with, also where it was not on the screen before."""
    async with sitting_at(world) as person:
        jobs = await person.arrives(JobsPage)
        jobs.action_filter()
        assert jobs.focused is jobs.query_one("#filter")
        await person.press("escape")
        page = await person.opens_job()
        for lead, line in ((page.action_say, "#line"), (page.action_filter, "#filter")):
            lead()
            assert page.focused is page.query_one(line)
        await person.press("escape", "p")
        pick = await person.arrives(Pick)
        pick.action_filter()
        assert pick.focused is pick.query_one(Input)


async def test_empty_says_why_on_every_tab_of_a_job(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("j", "enter")
        await person.arrives(OrderPage)
        for words in ("Nothing yet. Press n", "There are no manuals on this laptop yet", "No limits and no readings"):
            await person.sees(words)
            await person.press("right")
        await person.sees("There is no checklist on this job. n says what was done")


# -- the keys


def keys_page() -> str:
    """Every key there is, as a page of the documents."""
    parts: list[tuple[str, list[type[DOMNode]]]] = [
        ("Everywhere", [TailboardApp]),
        ("Jobs", [JobsPage, RowTable]),
        ("Work order", [OrderPage, Checklist, Sentence]),
        ("Note, proposals", [ProposalsPage, Ticks]),
        ("Ask", [AskPage, Thread]),
        ("Outbox", [OutboxPage]),
        ("Manuals", [LibraryPage, ManualPage]),
        ("Ready for the road", [ReadyPage]),
        ("This laptop", [LaptopPage, ConsentsPage, DecisionsPage, ReasonsPage]),
    ]
    lines = [
        "# Keys",
        "",
        "Made from the bindings themselves: `TAILBOARD_GOLDEN=write` with `tests/tui/test_truth.py` writes it. `?`",
        "on a page shows that page's keys. Confirming is always `y`, and never Enter; Esc is one level back.",
    ]
    for title, kinds in parts:
        rows = dict.fromkeys(row for kind in kinds for row in named_keys(bindings_of(kind)))
        lines += ["", f"## {title}", "", "| key | does |", "|---|---|"]
        lines += [f"| `{keys}` | {said} |" for keys, said in rows]
    return "\n".join(lines) + "\n"


def test_keys_are_listed_in_the_documents_as_they_are() -> None:
    if os.environ.get("TAILBOARD_GOLDEN") == "write":
        KEYS.write_text(keys_page(), encoding="utf-8")
    assert KEYS.read_text(encoding="utf-8") == keys_page()
