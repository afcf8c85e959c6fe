"""Keys: what terminals deliver, nothing while typing, one level back, all of them listed and named."""

import string

import pytest
from textual.binding import Binding
from textual.command import CommandList, CommandPalette
from textual.widgets import Input

from device.tui.app import TailboardApp
from device.tui.screens.dialogs import Pick, Read, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.keys import bindings_of, named_keys
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.too_small import TooSmall
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.everywhere import classes
from tests.tui.world import World

#: Keys that terminals and editors keep for themselves, and keys whose habit elsewhere is to lose work.
KEPT_BY_TERMINALS = {"f1", "f5", "f10", "f11"}
NEVER = {"ctrl+s", "ctrl+z", "ctrl+c", "ctrl+d"}


def own_bindings() -> list[tuple[str, Binding]]:
    return [(each.__name__, binding) for each in classes() for binding in bindings_of(each)]


def test_every_binding_says_what_it_does() -> None:
    bindings = own_bindings()
    assert len(bindings) > 40
    assert [name for name, binding in bindings if not binding.description.strip()] == []


def test_keys_terminals_deliver() -> None:
    for kind in classes():
        by_action: dict[str, set[str]] = {}
        for binding in bindings_of(kind):
            by_action.setdefault(binding.action, set()).add(binding.key)
        assert [action for action, keys in by_action.items() if keys <= KEPT_BY_TERMINALS] == []


def test_no_key_with_a_dangerous_habit_and_no_alt() -> None:
    keys = {binding.key for _, binding in own_bindings()}
    assert keys & NEVER == set()
    assert [key for key in keys if "alt" in key or "meta" in key] == []


def test_keys_for_one_thing_are_named_together() -> None:
    assert ("1 F2", "Jobs") in named_keys(bindings_of(TailboardApp))
    assert ("? F1", "Keys") in named_keys(bindings_of(TailboardApp))


async def test_typing_fires_nothing(world: World) -> None:
    typed = [each for each in string.printable if each.isprintable() and each != " "]
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("n")
        line = page.query_one("#line", Input)
        await person.types("".join(typed))
        assert person.app.screen is page
        assert line.value == "".join(typed)
        assert person.app.theme == "sun"
        assert person.outbox() == []


async def test_typing_fires_nothing_in_the_filter(world: World) -> None:
    async with sitting_at(world) as person:
        jobs = await person.arrives(JobsPage)
        await person.press("slash")
        await person.types("15wq?/")
        assert person.app.screen is jobs
        assert jobs.query_one("#filter", Input).value == "15wq?/"


async def test_digits_and_function_keys_go_to_the_pages(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        for keys, kind in (
            ("5", OutboxPage),
            ("2", OrderPage),
            ("1", JobsPage),
            ("f6", OutboxPage),
            ("f3", OrderPage),
            ("f2", JobsPage),
        ):
            await person.press(keys)
            await person.arrives(kind)
        await person.press("2", "n", "f6")  # also while typing
        await person.arrives(OutboxPage)


@pytest.mark.parametrize("key", ["4", "f5"])
async def test_keys_terminals_deliver_a_note_from_everywhere(world: World, key: str) -> None:
    """To the line of the job under the cursor, of the one that lies open, and back to what is on the table."""
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("j", key)
        page = await person.arrives(OrderPage)
        assert page.job == "work_order/WO-1043"
        await person.types("4 bolts")
        assert page.unsaved.sentence == "4 bolts"
        await person.press("f6", key)
        assert await person.arrives(OrderPage) is page
        assert page.query_one("#line", Input).has_focus
        await person.press("enter")
        table = await person.can_confirm()
        await person.press("5", key)
        assert await person.arrives(ProposalsPage) is table
        assert person.outbox() == []


async def test_esc_one_level_back_all_the_way_home(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("5")
        await person.arrives(OutboxPage)
        assert "Jobs > WO-1042 > Note > Outbox" in person.text
        for kind in (ProposalsPage, OrderPage):
            await person.press("escape")
            await person.arrives(kind)
        await person.press("escape", "escape")
        await person.arrives(JobsPage)
        await person.press("escape")
        await person.arrives(JobsPage)
        assert person.outbox() == []


async def test_q_quits_from_home_only(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("q")
        assert person.app.is_running
        assert person.app.screen is page
        await person.press("escape", "q")
        await person.until(lambda: not person.app.is_running)


async def test_quitting_with_words_typed_asks_first(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("n")
        await person.types("half")
        await person.press("ctrl+q")
        await person.arrives(YesNo)
        await person.press("enter", "space")
        assert person.app.is_running
        await person.press("n")
        await person.arrives(OrderPage)
        await person.press("ctrl+q")
        await person.arrives(YesNo)
        await person.press("y")
        await person.until(lambda: not person.app.is_running)


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_keys_are_listed_by_help(world: World, key: str) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press(key)
        dialog = await person.arrives(Read)
        listed = str(dialog._text)
        for binding in (*bindings_of(OrderPage), *bindings_of(TailboardApp)):
            assert binding.description in listed
        await person.press("5")
        assert person.app.screen is dialog  # a dialog takes no app keys
        await person.press("escape")
        await person.arrives(OrderPage)


async def test_all_in_palette_that_a_key_does(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.opens_job()
        titles = {command.title for command in person.app.get_system_commands(page)}
        wanted = {binding.description for binding in (*bindings_of(OrderPage), *bindings_of(TailboardApp))}
        assert wanted - titles == {"Work offline"}  # offline already
        await person.press("ctrl+p")
        await person.until(lambda: "Search for commands" in person.text)
        await person.types("work online")
        await person.sees("Work offline or online from now on")
        await person.press("enter")
        await person.until(lambda: person.bar.startswith("Online"))


async def test_the_palette_acts_on_the_page_and_leaves_no_dialog_behind(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("r")
        await person.arrives(Pick)
        await by_palette(person, "order")
        assert await person.arrives(OrderPage) is page
        await person.press("r")
        await person.arrives(Pick)
        await person.press("escape")
        await person.arrives(OrderPage)
        await by_palette(person, "finish")
        await person.can_confirm()
        assert person.outbox() == []


async def by_palette(person: Person, words: str) -> None:
    await person.press("ctrl+p")
    await person.until(lambda: isinstance(person.app.screen, CommandPalette))
    await person.types(words)
    await person.until(lambda: person.app.screen.query_one(CommandList).option_count == 1)
    await person.press("enter")


async def test_a_small_terminal_says_what_it_needs_and_takes_no_keys(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world, size=(60, 20)) as person:
        await person.arrives(TooSmall)
        assert "need 80×24" in person.text
        assert "60×20" in person.text
        await person.press("2", "q", "y", "enter", "w")
        await person.arrives(TooSmall)
        assert len(person.outbox()) == 1
        await person.pilot.resize_terminal(80, 24)
        await person.arrives(JobsPage)


async def test_copying_gives_the_number(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("c")
        assert person.app.clipboard == "WO-1042"


async def test_the_keys_are_shown_while_the_terminal_has_no_focus(world: World) -> None:
    """In a browser nobody has clicked yet: the line was empty."""
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        person.app.app_focus = False
        person.app.open_job(JOB)  # without a key: a key tells the app that it has the focus
        await person.arrives(OrderPage)
        await person.until(lambda: "n Note a Ask f" in person.text.splitlines()[-1], "the keys")
