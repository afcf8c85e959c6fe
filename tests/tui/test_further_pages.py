"""The pages that ask, show manuals or tell of the laptop: what they say, and where their keys lead."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from device.tui import themes
from device.tui.picture import View, export_picture
from device.tui.screens.ask import AskPage
from device.tui.screens.consent import ConsentDialog, Leaving
from device.tui.screens.jobs import JobsPage
from device.tui.screens.laptop import LaptopPage
from device.tui.screens.manual import ManualPage
from tests.laptops import Writes
from tests.tui.asking import NX, PERSONAL, TORQUE, asking, asks
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.everywhere import to_search
from tests.tui.looks import faint


@pytest.mark.parametrize("theme", [each.name for each in themes.THEMES])
async def test_seven_to_one_for_all_text_of_a_consent(make_world: MakeWorld, theme: str) -> None:
    world, _ = asking(make_world, NX, model=None, online=True)
    async with sitting_at(world, theme=theme) as person:
        await asks(person, PERSONAL)
        await person.arrives(ConsentDialog)
        assert list(faint(person.app)) == []
        await person.press("v")
        await person.arrives(Leaving)
        assert list(faint(person.app)) == []
        await person.press("escape", "n")
        await person.arrives(AskPage)
        for key in ("home", "down", "down"):
            await person.press(key)
            assert list(faint(person.app)) == []


async def test_empty_says_why_on_every_further_list(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, model=None)
    async with sitting_at(world) as person:
        await person.press("3")
        await person.sees("Nothing asked yet. Type a question below")
        await person.press("f2", "m")
        await person.sees("No manuals on this laptop yet.")
        await person.press("i")
        await person.arrives(LaptopPage)
        await person.press("o")
        await person.sees("You agreed to nothing yet.")
        await person.press("escape")
        await person.arrives(LaptopPage)
        await person.press("e")
        await person.sees("Nothing was decided yet.")


async def test_keys_3_and_f4_ask_and_a_asks_about_the_job(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.press("f4")
        assert (await person.arrives(AskPage)).job is None
        await person.press("f2")
        await person.opens_job()
        await person.press("a")
        assert (await person.arrives(AskPage)).job == "work_order/WO-1042"
        assert "Jobs > WO-1042 > Ask" in person.text


async def test_the_search_finds_as_you_type_and_opens_the_page(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=None)
    async with sitting_at(world) as person:
        await to_search(person)
        assert "NX pumps p. 1" in person.text
        await person.press("enter")
        page = await person.arrives(ManualPage)
        assert page.number == 1
        await person.press("n")
        await person.until(lambda: any("last page" in each for each in person.notices))


async def test_a_manual_that_is_gone_says_so(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=None)
    async with sitting_at(world) as person:
        person.app.push_screen(ManualPage("nosuch", 3))
        await person.sees("There is no document nosuch")
        person.app.push_screen(ManualPage("nx", 99))
        await person.sees("There is no page 99 of nx here.")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("ask", "quote checked"),
        ("library", "1 manual on this laptop"),
        ("laptop", "TB-07 of Riverside Water"),
        ("ready", "Ready for the road"),
    ],
)
async def test_a_picture_is_taken_of_the_further_pages(
    make_world: MakeWorld, tmp_path: Path, view: View, words: str
) -> None:
    world, elsewhere = asking(make_world, NX, model=Writes())
    path = tmp_path / "picture.svg"
    await export_picture(world.device, path, view=view, job=JOB, sentence=TORQUE, theme="night")
    shown = " ".join(ElementTree.fromstring(path.read_text(encoding="utf-8")).itertext())
    assert words in shown.replace("\N{NO-BREAK SPACE}", " ")
    assert elsewhere.calls == []


async def test_a_page_that_is_left_while_it_reads_is_left_in_peace(make_world: MakeWorld) -> None:
    world, _ = asking(make_world, NX, model=Writes())
    async with sitting_at(world) as person:
        page = LaptopPage()
        person.app.push_screen(page)
        await person.arrives(LaptopPage)
        await page.query("*").remove()
        page.reload()
        await person.until(lambda: all(each.is_finished for each in page.workers), "it has read")
        person.app.pop_screen()
        await person.arrives(JobsPage)
