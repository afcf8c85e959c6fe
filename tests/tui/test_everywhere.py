"""Rows of the checklist that hold on every page: each page that there is in the code is opened and looked at."""

import re
from typing import Any

import httpx
import pytest
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from device.tui import themes
from device.tui.screens.ask import AskPage
from device.tui.screens.jobs import JobsPage
from device.tui.screens.laptop import ConsentsPage, DecisionsPage, LaptopPage
from device.tui.screens.library import LibraryPage
from device.tui.screens.list_page import ListPage
from device.tui.screens.manual import ManualPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.ready import ReadyPage
from device.tui.screens.reasons import ReasonsPage
from device.tui.widgets.key_line import KeyLine
from device.tui.widgets.table import RowTable
from shared.routing import Route
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.everywhere import WAYS, AnyPage, every_page, goes_to, lived_in, met
from tests.tui.looks import alarmed, inks, strips

THEMES = [each.name for each in themes.THEMES]
#: Pages that hold nothing that came from the server, and those whose text says itself of when it is.
NOT_FROM_THE_SERVER: dict[AnyPage, str] = {
    ProposalsPage: "what was entered here",
    AskPage: "what was asked here; an answer says where it came from",
    ManualPage: "a page of print: its revision is its date",
    LaptopPage: "this laptop; its contact has a row",
    ConsentsPage: "what was agreed to here; each says until when it holds",
    DecisionsPage: "what was decided here; each says when",
    ReasonsPage: "what was decided here, and when",
}
#: Words that say that something went wrong.
_FAULT = re.compile(r"(?i)\b(errors?|fail\w*|faults?|problems?|troubles?|lost|unreachable|broken|no route)\b")
every = pytest.mark.parametrize("kind", every_page(), ids=lambda kind: kind.__name__)
every_list = pytest.mark.parametrize(
    "kind", [each for each in every_page() if issubclass(each, ListPage)], ids=lambda kind: kind.__name__
)


def test_every_page_is_walked() -> None:
    assert len(every_page()) >= 12
    assert set(WAYS) == set(every_page())


@every
async def test_counts_everywhere_on_every_page(make_world: MakeWorld, kind: AnyPage) -> None:
    assert "o1 ^0 +0 ?0 !0" in (await met(make_world))[kind].lines[1]


@every
async def test_as_of_on_every_page_that_shows_what_the_server_holds(make_world: MakeWorld, kind: AnyPage) -> None:
    """What came down is as old as the last contact, two hours before the frozen clock."""
    seen = (await met(make_world))[kind]
    assert "data 2 h old" in seen.lines[1]
    if kind not in NOT_FROM_THE_SERVER:
        assert any("as of 06:14" in line or "as of 2 h ago" in line for line in seen.lines)


@every
async def test_esc_one_level_back_from_every_page_and_the_way_is_shown(make_world: MakeWorld, kind: AnyPage) -> None:
    seen = (await met(make_world))[kind]
    crumbs = seen.trail.split(" > ")
    assert (crumbs[0], crumbs[-1], len(crumbs)) == ("Jobs", seen.crumb, seen.levels[0])
    assert seen.trail in seen.lines[0]
    assert seen.levels[-1] == 1
    assert {before - after for before, after in zip(seen.levels, seen.levels[1:], strict=False)} <= {0, 1}


@every
async def test_nothing_moves_on_every_page(make_world: MakeWorld, kind: AnyPage) -> None:
    assert (await met(make_world))[kind].restless == []


@every
async def test_complete_at_80x24_is_every_page(make_world: MakeWorld, kind: AnyPage) -> None:
    assert (await met(make_world))[kind].outside == []


@every
async def test_typing_fires_nothing_in_every_line_of_every_page(make_world: MakeWorld, kind: AnyPage) -> None:
    assert (await met(make_world))[kind].fired == []


@pytest.mark.parametrize("theme", THEMES)
async def test_seven_to_one_for_all_text_of_every_page(make_world: MakeWorld, theme: str) -> None:
    seen = await met(make_world, theme)
    assert {kind.__name__: each.faint for kind, each in seen.items() if each.faint} == {}


@pytest.mark.parametrize("theme", ["sun", "night"])
async def test_never_colour_alone_on_every_page(make_world: MakeWorld, theme: str) -> None:
    loud = [line for each in (await met(make_world, theme)).values() for line in each.loud]
    assert loud != []
    assert [line for line in loud if not re.search(r"[!?] ", line)] == []


@pytest.mark.parametrize("theme", THEMES)
async def test_offline_is_neutral_on_every_page(make_world: MakeWorld, theme: str) -> None:
    """The second line in one ink, no sign, no word of a fault; and nothing stands out but what is not sent yet."""
    for kind, seen in (await met(make_world, theme)).items():
        said = [line.replace("If it fails:", "") for line in seen.lines if kind is not ManualPage]
        assert seen.lines[1].lstrip().startswith("Offline | data 2 h old | o1 ^0 +0 ?0 !0"), kind
        assert [each for each in seen.bar if each.bold or each.reverse] == [], kind
        assert len(seen.bar) == 1, kind
        assert [line for line in said if re.search(r"(^|\s)! ", line) or _FAULT.search(line)] == [], kind
        assert [line for line in seen.loud if not (kind is ReadyPage and "warn  outbox" in line)] == [], kind


@pytest.mark.parametrize("theme", THEMES)
async def test_offline_is_neutral_after_a_try_that_failed(make_world: MakeWorld, theme: str) -> None:
    """Who works offline from now on is told so like anything else, and no fault of the link is shown any more."""
    world = make_world(online=True)
    world.server.fault = httpx.ConnectError("no route")
    await world.device.agent.settle()
    async with sitting_at(world, theme=theme) as person:
        await person.opens_outbox()
        assert "last try failed" in person.bar
        await person.press("w")
        await person.until(lambda: person.bar.startswith("Offline since 08:14"))
        assert [each.severity for each in person.app._notifications] == ["information"]
        assert list(alarmed(person.app)) == []
        assert len(inks(strips(person.app)[1])) == 1
        assert not _FAULT.search(person.text)


async def test_footer_fits_in_80_columns_on_every_page(make_world: MakeWorld) -> None:
    """Online, where the key that works offline has the longer word."""
    async with sitting_at(lived_in(make_world)) as person:
        person.world.device.workbench.go(online=True)
        for kind in every_page():
            page = await goes_to(person, kind)
            keys = list(page.query_one(Footer).query(FooterKey))
            palette = next(key for key in keys if key.has_class("-command-palette"))
            shown = [key for key in keys if key is not palette]
            assert len(shown) <= 8, kind
            assert max(key.region.right for key in shown) <= palette.region.x, kind
            assert palette.region.right <= 80, kind
            await person.press("1")


# -- lists


async def test_filter_on_every_list_and_empty_says_why_hold_for_each_page_with_rows(make_world: MakeWorld) -> None:
    """What follows is asked of every list page; a page with rows that is none has tests of its own."""
    listed = {kind for kind, seen in (await met(make_world)).items() if seen.listed}
    assert {kind for kind in listed if not issubclass(kind, ListPage)} == {LibraryPage}


@every_list
async def test_empty_says_why_and_what_comes_next_on_every_list_page(
    make_world: MakeWorld, kind: type[ListPage[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "lines", lambda *_: [])
    async with sitting_at(lived_in(make_world)) as person:
        page = await goes_to(person, kind)
        assert isinstance(page, ListPage)
        assert re.fullmatch(r".{12,}?[.:] .{8,}", page.EMPTY), "why, and what comes next"
        assert page.EMPTY in " ".join(person.text.split())
        assert page.query_one(RowTable).region.height == 0


@every_list
async def test_filter_on_every_list_page(make_world: MakeWorld, kind: type[ListPage[Any]]) -> None:
    """`/` narrows, also to nothing, which is said; Esc shows everything again, with the cursor where it was."""
    world = lived_in(make_world)
    world.device.workbench.routes.consents.never(Route.PRIVATE_CLUSTER)
    async with sitting_at(world) as person:
        page = await goes_to(person, kind)
        assert isinstance(page, ListPage)
        await person.press("end")
        last, before = page.key_here, person.text
        assert last is not None
        await person.press("slash")
        await person.types("nosuchthing")
        await person.until(lambda: page.key_here is None, "no row")
        assert page.NO_MATCH in " ".join(person.text.split())
        await person.press("escape")
        await person.until(lambda: page.key_here is not None, "the rows")
        await person.press("end")
        assert (page.key_here, person.text) == (last, before)


# -- what cannot be done now


async def test_unavailable_looks_it_and_says_why_on_every_page(make_world: MakeWorld) -> None:
    """On a laptop with something on each page, and on one with next to nothing."""
    told: set[tuple[AnyPage, str]] = set()
    async with sitting_at(lived_in(make_world)) as person:
        for kind in every_page():
            told |= await answers(person, await goes_to(person, kind))
            await person.press("1")
    async with sitting_at(make_world(records=[])) as person:
        for kind, way in NOTHING_THERE.items():
            await person.arrives(JobsPage)
            await person.press(*way)
            told |= await answers(person, await person.arrives(kind))
            await person.press("1")
    for each in (
        (JobsPage, "app.go('order')"),
        (OutboxPage, "undo"),
        (OutboxPage, "withdraw"),
        (AskPage, "copy"),
        (AskPage, "to_note"),
        (ManualPage, "turn(1)"),
        (ConsentsPage, "take_back"),
    ):
        assert each in told


#: The keys that lead there from the jobs, also where there is nothing.
NOTHING_THERE: dict[AnyPage, list[str]] = {
    JobsPage: [],
    OutboxPage: ["5"],
    AskPage: ["3", "tab"],
    LibraryPage: ["m"],
    LaptopPage: ["i"],
    ConsentsPage: ["i", "o"],
    DecisionsPage: ["i", "e"],
    ReadyPage: ["b"],
}


async def answers(person: Person, page: Page[Any]) -> set[tuple[AnyPage, str]]:
    """What cannot be done now: its key looks it, is pressed, says why, and does nothing. No other key looks so."""
    cannot, saved = dict(page.cannot()), len(person.outbox())
    keys = list(page.query_one(KeyLine).query(FooterKey))
    for key in keys:
        sign = "-" if key.action in cannot else " "
        drawn = strips(person.app)[-1].crop(key.region.x, key.region.right)
        assert drawn.text == f"{key.key_display}{sign}{key.description.removeprefix('-')}", type(page)
        struck = "".join(each.text for each in drawn if each.style and each.style.strike)
        assert struck == (f"-{key.description.removeprefix('-')}" if key.action in cannot else ""), type(page)
    told = [key for key in keys if key.action in cannot]
    for key in told:
        person.app.clear_notifications()
        await person.press(key.key)
        await person.until(lambda key=key: cannot[key.action] in person.notices, f"{type(page)}: {key.action}")  # type: ignore[misc]
        assert (person.app.screen, len(person.outbox())) == (page, saved)
    return {(type(page), key.action) for key in told}
