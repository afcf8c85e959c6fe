"""Rows of docs/checklist.md that no other module of these tests is about."""

import re
import string
from pathlib import Path

from textual.widgets import Button, Input

from device.tui.screens.dialogs import Ask, Pick, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.widgets.checklist import Checklist
from device.tui.widgets.table import RowTable
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.routine import routine
from tests.tui.world import World

ROOT = Path(__file__).parents[2]


def test_five_states_and_never_synced() -> None:
    """The word says nothing: green on one side, and nobody knows what the other side did with it."""
    sources = [*(ROOT / "device").rglob("*.py"), *(ROOT / "device").rglob("*.tcss")]
    said = [
        str(each) for each in sources if re.search(r"\bsynced\b", each.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert len(sources) > 50
    assert said == []


async def test_effect_is_named(make_world: MakeWorld) -> None:
    world = make_world()
    world.device.workbench.note(JOB, "earlier one")
    async with sitting_at(world) as person:
        await person.says("belt squeals")
        await person.can_confirm()
        await person.press("n")
        await person.arrives(OrderPage)
        await person.until(lambda: "1 saved on this laptop; 2 not answered yet." in person.notices)


async def test_unavailable_says_why(make_world: MakeWorld) -> None:
    """What cannot be done now can be pressed, and answers with its reason."""
    world = make_world(online=True)
    world.device.workbench.note(JOB, "one")
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        for key, why in (
            ("x", "it cannot be taken back. Enter a correction"),
            ("e", "did not come back: it is Accepted"),
            ("z", "There is nothing to undo"),
            ("a", "The office asks nothing"),
        ):
            await person.press(key)
            await person.until(lambda why=why: any(why in each for each in person.notices), why)  # type: ignore[misc]
        await person.press("escape")
        page = await person.arrives_at_closed_job()
        await person.press("t")
        await person.until(lambda: any("no step leads on" in each for each in person.notices))
        await person.press("enter")
        await person.until(lambda: any("Nothing is marked" in each for each in person.notices))
        person.app.clear_notifications()
        await person.press("f")
        await person.until(lambda: any("is closed: no step leads on" in each for each in person.notices))
        assert await person.arrives(OrderPage) is page
        await person.press("escape", "home", "enter")
        await person.arrives(OrderPage)
        await person.press("f")
        table = await person.can_confirm()
        await person.press("space")
        await person.sees("Confirm 0")
        await person.press("y")
        await person.until(lambda: any("Nothing is ticked" in each for each in person.notices))
        assert "y -Confirm 0" in person.text
        assert person.app.screen is table


async def test_a_notice_stands_there_once_however_often_its_key_is_pressed(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("z", "z", "z")
        await person.sees("There is nothing to undo.")
        assert person.notices == ["There is nothing to undo."]
        assert person.text.count("There is nothing to undo.") == 1


async def test_filter_on_every_list(make_world: MakeWorld) -> None:
    world = make_world()
    for text in ("belt squeals", "seal weeps"):
        world.device.workbench.note(JOB, text)
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        for kind, words, stays, goes in (
            (JobsPage, "vibration", "WO-1051", "WO-1043"),
            (OutboxPage, "belt", "belt squeals", "seal weeps"),
        ):
            if kind is OutboxPage:
                await person.opens_outbox()
            await person.press("slash")
            await person.types(words)
            await person.until(lambda goes=goes: goes not in person.text)  # type: ignore[misc]
            assert stays in person.text
            await person.press("escape")
            await person.sees(goes)


async def test_filter_on_every_list_of_a_job(make_world: MakeWorld) -> None:
    """What is chosen while the list is narrowed is what stands under the cursor, not what stood in that place."""
    world = make_world(records=routine())
    async with sitting_at(world) as person:
        page = await person.opens_job()
        await person.press("slash")
        await person.types("OIL level")
        await person.until(lambda: "Guard removed" not in person.text)
        assert "[Checklist 2/4]" in person.text
        await person.press("enter", "space")
        await person.until(lambda: page.unsaved.marks == ("3",))
        for tab, stays, goes in (("right", "(0 of 3)", "slight whine"), ("right", "matches the filter", "NX pumps")):
            await person.press(tab)
            await person.sees(stays)
            assert goes not in person.text
        await person.press("right", "slash")
        person.app.screen.query_one("#filter", Input).value = "vibr"
        await person.until(lambda: "pressure " not in person.text)
        await person.press("enter", "enter")
        await person.sees("vibration in mm/s")
        await person.press("escape", "escape")
        await person.sees("pressure ")
        assert page is person.app.screen


async def test_filter_on_every_list_to_choose_from(make_world: MakeWorld) -> None:
    async with sitting_at(make_world()) as person:
        page = await person.opens_job()
        await person.press("p")
        await person.arrives(Pick)
        await person.press("slash")
        await person.types("jk kit")
        await person.until(lambda: "inlet filter" not in person.text)
        await person.press(*["backspace"] * 6, *"kit")
        await person.sees("shaft seal kit")
        assert "inlet filter" not in person.text
        await person.press("enter")  # the only one left
        await person.sees("How many of SEAL-4")
        await person.press("escape")
        await person.sees("inlet filter")
        await person.press("slash", "x", "escape")
        await person.sees("inlet filter")
        await person.press("escape")
        assert await person.arrives(OrderPage) is page


async def test_filter_on_every_list_of_this_laptop(make_world: MakeWorld) -> None:
    async with sitting_at(make_world()) as person:
        await person.arrives(JobsPage)
        for key, words, stays, goes in (
            ("i", "battery", "battery", "server key"),
            ("b", "disk", "MiB free", "approval"),
        ):
            await person.press(key)
            await person.sees(goes)
            await person.press("slash")
            await person.types(words)
            await person.until(lambda goes=goes: goes not in person.text)  # type: ignore[misc]
            assert stays in person.text
            await person.press("escape")
            await person.sees(goes)


async def test_key_and_click_do_the_same(make_world: MakeWorld) -> None:
    """Rows, tabs, ticks and the large buttons, which are three rows high."""
    world = make_world(records=routine())
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.pilot.click(RowTable, offset=(5, 2))
        await person.until(lambda: person.app.screen.query_one(RowTable).cursor_row == 1)
        await person.pilot.click(RowTable, offset=(5, 1))
        await person.until(lambda: person.app.screen.query_one(RowTable).cursor_row == 0)
        await person.pilot.click(RowTable, offset=(5, 1))
        page = await person.arrives(OrderPage)
        await person.pilot.click(Checklist, offset=(5, 2))
        await person.until(lambda: page.unsaved.marks == ("3",))
        await person.press("enter")
        table = await person.can_confirm()
        assert {button.region.height for button in table.query(Button)} == {3}
        await person.pilot.click("#confirm")
        await person.arrives(OrderPage)
        assert len(person.outbox()) == 1
        await person.opens_outbox()
        await person.press("x")
        dialog = await person.arrives(YesNo)
        assert {button.region.height for button in dialog.query(Button)} == {3}
        await person.pilot.click("#no")
        await person.arrives(OutboxPage)
        assert person.outbox()[0].withdrawal is None
        await person.press("x")
        await person.arrives(YesNo)
        await person.pilot.click("#yes")
        await person.until(lambda: person.outbox()[0].withdrawal is not None)


async def test_typing_fires_nothing_in_a_form(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(records=routine())) as person:
        await person.opens_job()
        await person.press("d")
        await person.arrives(Pick)
        await person.press("j", "j", "enter")
        await person.until(lambda: "how bad?" in person.text)
        await person.press("enter")
        ask = await person.arrives(Ask)
        typed = "".join(each for each in string.printable if each.isprintable())
        await person.types(typed.replace(" ", ""))
        assert person.app.screen is ask
        assert ask.query_one(Input).value == typed.replace(" ", "")
        assert person.outbox() == []


async def test_words_from_elsewhere_cannot_steer_the_terminal(make_world: MakeWorld) -> None:
    hostile = "\x1b[2J\x1b]0;gone\x07 \u202e elav \u2066 مضخة \x9b31m"
    items = [{"id": "1", "text": f"Check {hostile}"}]
    world = make_world(records=routine(checklist=items, title=f"Job {hostile}", asked=True))
    async with sitting_at(world) as person:
        await person.opens_job()
        for _ in range(4):
            text = person.text.replace("\n", "")
            assert not any(ord(each) < 32 or each in "\x7f\x9b\u202e\u2066" for each in text)
            await person.press("right")
        await person.press("f")
        await person.arrives(Pick)
        text = person.text.replace("\n", "")
        assert not any(ord(each) < 32 or each in "\x7f\x9b\u202e\u2066" for each in text)


async def test_everything_needed_is_said_in_ascii(make_world: MakeWorld) -> None:
    """A terminal without Unicode loses lines and quotation marks, and no word, sign or number."""
    world = make_world(records=routine())
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_job()
        poor = person.text.encode("ascii", "replace").decode()
        for words in ("[x] Lock-out applied", "[Checklist 2/4]", "2 left before Finish", "o1 ^0 +0 ?0 !0"):
            assert words in poor
        await person.press("left")
        assert "5 |--------------------- high" in person.text.encode("ascii", "replace").decode()
        await person.press("5")
        await person.arrives(OutboxPage)
        assert "o Saved" in person.text.encode("ascii", "replace").decode()
