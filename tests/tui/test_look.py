"""How it looks: readable in the sun, never by colour alone, still, complete at 80×24."""

import subprocess
import sys
from typing import Any

import pytest

from device.core.interpret import Proposal
from device.tui import themes
from device.tui.screens.ask import AskPage
from device.tui.screens.dialogs import Ask, Pick, Read, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from shared.outcomes import Hold
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.looks import faint
from tests.tui.routine import routine
from tests.tui.test_outbox import all_five
from tests.tui.world import World


@pytest.mark.parametrize("theme", [theme.name for theme in themes.THEMES])
async def test_seven_to_one_for_all_text(make_world: MakeWorld, theme: str) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world, theme=theme) as person:
        await person.arrives(JobsPage)
        await everywhere(person)
        for title in ("jobs", "order", "line", "pick", "ask", "proposals", "keys", "outbox", "palette", "quit"):
            assert (title, SEEN[title]) == (title, [])


SEEN: dict[str, list[str]] = {}


async def everywhere(person: Person) -> None:
    """Visit every page and dialog, and note what is faint there."""

    def look(title: str) -> None:
        SEEN[title] = list(faint(person.app))

    look("jobs")
    await person.opens_job()
    look("order")
    await person.press("r")
    await person.arrives(Pick)
    look("pick")
    await person.press("enter")
    await person.arrives(Ask)
    await person.press("x", "enter")
    await person.sees("Type a number")
    look("ask")
    await person.press("escape", "escape")
    await person.arrives(OrderPage)
    await person.press("n", "h", "i")
    look("line")
    await person.press("enter")
    await person.can_confirm()
    look("proposals")
    await person.press("question_mark")
    await person.arrives(Read)
    look("keys")
    await person.press("escape", "5")
    await person.sees("Refused")
    look("outbox")
    await person.press("ctrl+p")
    await person.sees("Search for commands")
    look("palette")
    await person.press("escape", "ctrl+q")
    await person.arrives(YesNo)
    look("quit")


def test_the_two_hues_are_the_ones_that_colour_blind_eyes_tell_apart() -> None:
    assert (themes.SUN.primary, themes.SUN.warning) == ("#00468B", "#8A2B00")
    assert (themes.NIGHT.primary, themes.NIGHT.warning) == ("#6CB6FF", "#FFB454")


async def test_ctrl_t_goes_round_the_themes(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        seen = []
        for _ in range(4):
            seen.append(person.app.theme)
            await person.press("ctrl+t")
        assert seen == ["sun", "night", "mono", "sun"]


async def test_nothing_moves(world: World) -> None:
    async with sitting_at(world) as person:
        assert person.app.animation_level == "none"
        page = await person.opens_job()
        assert not any(field.cursor_blink for field in page.query("Input").results())  # type: ignore[attr-defined]


async def test_never_colour_alone(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world) as person:
        assert person.app.no_color
        await person.opens_outbox()
        for words in ("! Refused", "? In review", "^ Sent, waiting", "o Saved", "+ Accepted"):
            assert words in person.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_complete_at_80x24_and_larger(make_world: MakeWorld, size: tuple[int, int]) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world, size=size) as person:
        await person.says()
        page = await person.can_confirm()
        for widget in page.query("Heading, StatusBar, #words, #said, #ticks, #confirm, #refuse, Footer"):
            assert widget.region.height > 0, widget
            assert page.region.contains_region(widget.region), widget
        for row in range(1, 6):
            assert f" {row} " in person.text, row


def test_opening_the_screen_loads_no_model_library() -> None:
    code = "import sys, device.tui.app; print(sorted({'llama_cpp', 'numpy', 'fastapi'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("theme", [theme.name for theme in themes.THEMES])
async def test_seven_to_one_under_the_cursor_too(make_world: MakeWorld, theme: str) -> None:
    """What needs the person is read wherever the cursor stands."""
    world = make_world(records=routine(), online=True)
    world.server.verdicts = {"checklist_item.done": Hold.DEFERRED}
    tick = Proposal("checklist_item.done", JOB, {"item": "3"}, {})
    reading: dict[str, Any] = {"asset": "asset/P-7", "quantity": "pressure", "value": 9.0, "unit": "bar"}
    bench = world.device.workbench
    bench.confirm([tick], sentence="x", source="form")
    await world.device.agent.settle()
    bench.confirm([Proposal("reading.recorded", JOB, reading, {})], sentence="x", source="form")
    async with sitting_at(world, theme=theme) as person:
        await person.opens_job()
        await person.press("j", "j")
        assert "? In review" in person.text
        assert list(faint(person.app)) == []
        await person.press("left")
        await person.sees("! above")
        assert list(faint(person.app)) == []
        await person.press("right", "a")
        await person.arrives(AskPage)  # its list has not the focus
        assert list(faint(person.app)) == []
        await person.press("escape")
        await person.arrives(OrderPage)
        await person.press("n")
        assert list(faint(person.app)) == []
        await person.pastes("replaced inlet filter")
        await person.press("enter")
        await person.can_confirm()
        for _ in range(3):
            assert "? guessed" in person.text
            assert list(faint(person.app)) == []
            await person.press("j")
