"""Who comes back to a page finds it as things are now, and themselves where they were."""

from device.tui.screens.dialogs import YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.laptop import ConsentsPage, LaptopPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.widgets.table import RowTable
from shared.routing import Route
from tests.laptops import Writes
from tests.tui.asking import NX, asking
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.everywhere import to_ask
from tests.tui.world import World, record, sample


def row_of(person: Person, words: str) -> str:
    return next(line for line in person.text.splitlines() if words in line)


async def test_back_finds_it_current_what_was_confirmed_stands_on_each_page_below(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        assert "o open" not in row_of(person, "WO-1043")
        await person.press("j", "enter")
        page = await person.arrives(OrderPage)
        assert "[History 0]" in person.text
        await person.press("n")
        await person.pastes("seal weeps")
        await person.press("enter")
        await person.can_confirm()
        await person.press("y")
        assert await person.arrives(OrderPage) is page
        await person.sees("[History 1]")
        assert "seal weeps" in person.text
        assert "o1 ^0 +0 ?0 !0" in person.bar
        await person.press("escape")
        jobs = await person.arrives(JobsPage)
        await person.until(lambda: "o open" in row_of(person, "WO-1043"), "the job's mark")
        assert jobs.key_here == "work_order/WO-1043"
        assert "o1 ^0 +0 ?0 !0" in person.bar


async def test_back_finds_it_current_what_was_taken_back_is_gone_from_the_job(world: World) -> None:
    world.device.workbench.note("work_order/WO-1043", "seal weeps")
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("j", "enter")
        await person.arrives(OrderPage)
        await person.sees("[History 1]")
        outbox = await person.opens_outbox()
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        assert await person.arrives(OutboxPage) is outbox
        await person.sees("taken back: WO-1043")
        await person.press("escape")
        await person.arrives(OrderPage)
        await person.sees("[History 0]")
        assert "seal weeps" not in person.text


async def test_back_finds_it_current_a_note_made_of_an_answer_stands_on_the_job(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("right")
        tab = page.tab
        assert "[Manuals 1]" in person.text
        assert "History 1" in person.text
        await to_ask(person)
        await person.press("n")
        await person.can_confirm()
        await person.press("y", "escape")
        assert await person.arrives(OrderPage) is page
        await person.sees("History 2")
        assert page.tab == tab


async def test_back_finds_it_current_the_laptops_page_knows_what_was_taken_back(world: World) -> None:
    world.device.workbench.routes.consents.never(Route.PRIVATE_CLUSTER)
    async with sitting_at(world) as person:
        await person.press("i")
        page = await person.arrives(LaptopPage)
        await person.press("slash")
        await person.types("consents")
        await person.press("enter")
        await person.sees("never asked for: PRIVATE CLUSTER")
        await person.press("enter")
        await person.arrives(ConsentsPage)
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("You agreed to nothing yet.")
        await person.press("escape")
        assert await person.arrives(LaptopPage) is page
        await person.until(lambda: "never asked for" not in person.text, "the row as it is now")
        assert "consents     0 in force" in person.text


async def test_back_finds_it_current_and_a_long_list_where_it_was(make_world: MakeWorld) -> None:
    jobs = [record(f"work_order/WO-{number:04}", title="Long", asset="asset/P-7") for number in range(2000, 2200)]
    async with sitting_at(make_world(records=[*sample(), *jobs])) as person:
        page = await person.arrives(JobsPage)
        await person.press(*["pagedown"] * 6, "up", "up")
        table = page.query_one(RowTable)
        key, place = page.key_here, table.scroll_offset.y
        assert place > 50
        await person.press("enter")
        await person.arrives(OrderPage)
        await person.press("n")
        await person.pastes("belt squeals")
        await person.press("enter")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        await person.press("escape")
        await person.arrives(JobsPage)
        assert key is not None
        await person.until(lambda: "o open" in row_of(person, key.partition("/")[2]), "the job's mark")
        assert (page.key_here, table.scroll_offset.y) == (key, place)
