"""Whoever comes back goes on where they stopped, and is led nowhere that is gone or that they did not mean."""

from pathlib import Path

from textual.widgets import Input

from device.place import LeftPage, keep_place, last_place
from device.tui.screens.ask import AskPage
from device.tui.screens.jobs import JobsPage
from device.tui.screens.library import LibraryPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.ready import ReadyPage
from device.tui.widgets.readings import Quantities
from shared.sync import cursor_at
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.test_drafts import killed
from tests.tui.test_opening import Lock, in_front_of
from tests.tui.world import World


async def stops(person: Person) -> None:
    """The keys rest, and the power goes."""
    await person.until(lambda: person.app.pages.bookmark.settled, "written where the person is")


async def test_resumes_where_it_was_after_a_kill(tmp_path: Path) -> None:
    with killed("place_child", tmp_path) as world:
        last = world.device.workbench.jobs()[-1].ref
        async with sitting_at(world, resumes=True) as person:
            page = await person.arrives(OrderPage)
            await person.until(lambda: page.focused is page.query_one(Quantities), "the tab")
            assert (page.job, page.tab) == (last, 3)
            assert page.query_one(Quantities).highlighted == 1
            await person.press("escape")
            assert (await person.arrives(JobsPage)).key_here == last


async def test_resumes_where_it_was_with_what_was_typed(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.opens_job()
        await person.press("3")
        await person.arrives(AskPage)
        await person.types("what torque do the ca")
        await stops(person)
    async with sitting_at(world, resumes=True) as person:
        page = await person.arrives(AskPage)
        await person.until(lambda: page.query_one("#question", Input).value == "what torque do the ca", "typed")
        assert page.job == JOB
        await person.types("sing bolts need")
        assert page.query_one("#question", Input).value == "what torque do the casing bolts need"
        await person.press("escape")
        assert (await person.arrives(OrderPage)).job == JOB


async def test_resumes_where_it_was_in_a_filtered_list(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.arrives(JobsPage)
        await person.press("/")
        await person.types("valve")
        await person.press("enter")
        await stops(person)
        (here,) = {person.app.screen_stack[0].key_here}  # type: ignore[attr-defined]
    async with sitting_at(world, resumes=True) as person:
        page = await person.arrives(JobsPage)
        await person.until(lambda: page.query_one("#filter", Input).value == "valve", "filtered")
        assert page.key_here == here
        await person.press("5", "b")
        await person.arrives(ReadyPage)
        await stops(person)
    async with sitting_at(world, resumes=True) as person:
        await person.arrives(ReadyPage)
        await person.press("escape")
        await person.arrives(OutboxPage)
        await person.press("escape")
        await person.arrives(JobsPage)


async def test_resumes_where_it_was_when_somebody_quits(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.arrives(JobsPage)
        await person.press("m")
        await person.arrives(LibraryPage)
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running, "left")
    async with sitting_at(world, resumes=True) as person:
        await person.arrives(LibraryPage)


async def test_resumes_where_it_was_unless_it_is_gone_which_is_said(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.opens_job()
        await person.press("3")
        await person.arrives(AskPage)
        await stops(person)
    world.device.store.absorb_page([], cursor_at(1, 2), removals=[JOB])
    async with sitting_at(world, resumes=True) as person:
        await person.arrives(JobsPage)
        said = "WO-1042 lay open last, and is not on this laptop any more. These are the jobs."
        await person.until(lambda: said in person.notices, "said")
        assert len(person.app.screen_stack) == 1


async def test_who_presses_a_key_while_the_laptop_opens_is_led_nowhere(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.opens_job()
        await stops(person)
    lock = Lock(world)
    async with in_front_of(lock, world) as person:
        await person.press("5")
        lock.may_open.set()
        await person.arrives(OutboxPage)
        assert [type(each) for each in person.app.screen_stack] == [JobsPage, OutboxPage]


async def test_a_dialog_is_no_place_and_neither_is_what_another_version_wrote(world: World) -> None:
    async with sitting_at(world, resumes=True) as person:
        await person.opens_job()
        await person.press("?")
        await stops(person)
        assert [each.where for each in last_place(world.device.store)] == ["jobs", "order"]
    for written in ("no json", '[{"where": 7}]', '[{"where": "jobs"}, {"where": "elsewhere"}]'):
        world.device.store.set_meta("place", written)
        async with sitting_at(world, resumes=True) as person:
            await person.arrives(JobsPage)
            assert len(person.app.screen_stack) == 1


def test_a_place_is_kept_as_it_is(world: World) -> None:
    place = (
        LeftPage("jobs", rows={"rows": JOB}),
        LeftPage("order", JOB, 2, {"items": 3}, {"filter": "oil"}, "filter"),
    )
    keep_place(world.device.store, place)
    assert last_place(world.device.store) == place
