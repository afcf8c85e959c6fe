"""Every page that there is, found in the code; the way to each, and what a person meets there.

What has to hold on every page is asked of `every_page`. A new page is walked as soon as there is a way to it in
`WAYS`, and until then each of those tests fails.
"""

import importlib
import pkgutil
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.style import Style
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Footer, Input
from textual.widgets._footer import FooterKey

import device.tui
from device.tui.screens.ask import AskPage
from device.tui.screens.jobs import JobsPage
from device.tui.screens.laptop import ConsentsPage, DecisionsPage, LaptopPage
from device.tui.screens.library import LibraryPage
from device.tui.screens.manual import ManualPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.ready import ReadyPage
from device.tui.screens.reasons import ReasonsPage
from device.tui.widgets.heading import Heading
from device.tui.widgets.table import RowTable
from tests.laptops import Writes
from tests.tui.asking import NX, TORQUE, asking, asks
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.looks import alarmed, faint, inks, strips
from tests.tui.world import World

Go = Callable[[Person], Awaitable[object]]
AnyPage = type[Page[Any]]
#: Every key that can be typed into a line.
TYPED = "".join(each for each in string.printable if each.isprintable() and each != " ")


def classes() -> list[type[DOMNode]]:
    """Every class of the screen's own that has a place on it."""
    modules = [
        importlib.import_module(each.name) for each in pkgutil.walk_packages(device.tui.__path__, "device.tui.")
    ]
    found = {
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, DOMNode) and item.__module__.startswith("device.tui.")
    }
    return sorted(found, key=lambda each: each.__qualname__)


def every_page() -> list[AnyPage]:
    """Every page that can be opened."""
    return [each for each in classes() if issubclass(each, Page) and not _lacks_something(each)]


def _lacks_something(kind: type) -> bool:
    """Whether it is only what pages have in common. Textual's classes can be made without what is abstract."""
    return any(getattr(getattr(kind, name, None), "__isabstractmethod__", False) for name in dir(kind))


# -- the way to each, from the jobs


async def to_jobs(person: Person) -> None:
    await person.arrives(JobsPage)


async def to_order(person: Person) -> None:
    await person.opens_job()


async def to_proposals(person: Person) -> None:
    await person.opens_job()
    await person.press("f")
    await person.can_confirm()


async def to_outbox(person: Person) -> None:
    await person.opens_outbox()


async def to_ask(person: Person) -> None:
    await asks(person, TORQUE)
    page = await person.arrives(AskPage)
    await person.until(lambda: bool(page.talk.turns) and page.talk.running is None and page.up_to_date, "an answer")


async def to_manual(person: Person) -> None:
    await to_ask(person)
    await person.press("down", "enter")
    await person.arrives(ManualPage)


async def to_reasons(person: Person) -> None:
    await to_ask(person)
    await person.press("e")
    await person.arrives(ReasonsPage)


async def to_library(person: Person) -> None:
    await person.press("m")
    await person.arrives(LibraryPage)


async def to_search(person: Person) -> None:
    await to_library(person)
    await person.press("slash")
    await person.types("casing")
    await person.sees("near to that")
    await person.press("enter")


async def to_laptop(person: Person) -> None:
    await person.press("i")
    await person.arrives(LaptopPage)


async def to_consents(person: Person) -> None:
    await to_laptop(person)
    await person.press("o")
    await person.arrives(ConsentsPage)


async def to_decisions(person: Person) -> None:
    await to_ask(person)
    await to_laptop(person)
    await person.press("e")
    await person.arrives(DecisionsPage)


async def to_ready(person: Person) -> None:
    await person.press("b")
    await person.arrives(ReadyPage)


WAYS: Mapping[AnyPage, Go] = {
    JobsPage: to_jobs,
    OrderPage: to_order,
    ProposalsPage: to_proposals,
    OutboxPage: to_outbox,
    AskPage: to_ask,
    ManualPage: to_manual,
    ReasonsPage: to_reasons,
    LibraryPage: to_library,
    LaptopPage: to_laptop,
    ConsentsPage: to_consents,
    DecisionsPage: to_decisions,
    ReadyPage: to_ready,
}


async def goes_to(person: Person, kind: AnyPage) -> Page[Any]:
    """From the jobs to the page of that kind."""
    assert kind in WAYS, f"a new page: say in tests/tui/everywhere.py how {kind.__name__} is reached"
    await person.arrives(JobsPage)
    await WAYS[kind](person)
    page = await person.arrives(kind)
    await person.until(lambda: "Keys" in person.text.splitlines()[-1], "the last line")
    return page


# -- what is met there


@dataclass(frozen=True)
class Met:
    """One page as it was met.

    Args:
        lines: what stood on the screen.
        crumb: what the page calls itself.
        trail: the way to it, as the first line shows it.
        faint: words that stand out too little.
        bar: how the words of the second line look.
        loud: the lines with something in the colour of what needs the person.
        keys: the right edges of the keys in the last line.
        palette: where the palette's key begins there.
        listed: whether it shows rows in columns.
        restless: widgets that move by themselves.
        outside: widgets of which a part is not on the screen.
        fired: lines in which a typed key did more than be typed; looked for in the first theme alone.
        levels: how deep it was, before and after each Esc.
    """

    lines: list[str]
    crumb: str
    trail: str
    faint: list[str]
    bar: set[Style]
    loud: list[str]
    keys: list[int]
    palette: int
    listed: bool
    restless: list[Widget]
    outside: list[Widget]
    fired: list[str]
    levels: list[int]


#: What was met on a walk, by the theme.
_MET: dict[str, dict[AnyPage, Met]] = {}


async def met(make_world: MakeWorld, theme: str = "sun") -> Mapping[AnyPage, Met]:
    """Every page, each opened from the jobs and left by Esc, on a laptop with something on each. Walked once."""
    if theme not in _MET:
        world = lived_in(make_world)
        async with sitting_at(world, theme=theme) as person:
            _MET[theme] = {kind: await _meet(person, kind, typing=theme == "sun") for kind in every_page()}
    return _MET[theme]


def lived_in(make_world: MakeWorld) -> World:
    """A laptop with a manual, a model, and something in its outbox."""
    world, _ = asking(make_world, NX, model=Writes())
    world.device.workbench.note(JOB, "one")
    return world


async def _meet(person: Person, kind: AnyPage, *, typing: bool) -> Met:
    page = await goes_to(person, kind)
    lines, trail = person.text.splitlines(), str(page.query_one(Heading).trail)
    keys = list(page.query_one(Footer).query(FooterKey))
    (palette,) = (key for key in keys if key.has_class("-command-palette"))
    return Met(
        lines=lines,
        crumb=page.crumb,
        trail=trail,
        faint=list(faint(person.app)),
        bar=inks(strips(person.app)[1]),
        loud=list(alarmed(person.app)),
        keys=[key.region.right for key in keys if key is not palette],
        palette=palette.region.x,
        listed=bool(page.query(RowTable)),
        restless=[each for each in page.query("*") if _moves(each)],
        outside=[each for each in page.children if each.display and not _whole(each, page)],
        fired=[str(line.id) for line in page.query(Input) if typing and await _fires(person, page, line)],
        levels=await _leaves(person),
    )


def _moves(widget: Widget) -> bool:
    return bool(getattr(widget, "cursor_blink", False) or widget.auto_refresh or widget.loading)


def _whole(widget: Widget, page: Page[Any]) -> bool:
    return widget.region.height > 0 and page.region.contains_region(widget.region)


async def _fires(person: Person, page: Page[Any], line: Input) -> bool:
    """Whether a key typed into `line` does anything but stand there."""
    theme, saved, before = person.app.theme, len(person.outbox()), line.value
    shown = [(each, each.display) for each in (line, *line.ancestors) if isinstance(each, Widget)]
    for each, _ in shown:
        each.display = True
    page.set_focus(line)
    line.value = ""
    await person.types(TYPED)
    fired = (person.app.screen, line.value, person.app.theme, len(person.outbox())) != (page, TYPED, theme, saved)
    line.value = before
    for each, display in shown:
        each.display = display
    await person.settles()
    return fired


async def _leaves(person: Person) -> list[int]:
    """How deep it was before and after each Esc, until the jobs are in front."""
    levels = [len(person.app.screen_stack)]
    while levels[-1] > 1 and len(levels) < 20:
        await person.press("escape")
        levels.append(len(person.app.screen_stack))
    await person.press("escape")
    return levels
