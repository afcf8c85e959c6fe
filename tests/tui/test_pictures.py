"""Every page in every look and size, as it was last looked at by a person.

What is meant to look otherwise is written anew with ``TAILBOARD_GOLDEN=write`` and looked at before it is committed.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from device.core.interpret import Proposal
from device.tui import themes
from device.tui.picture import _FONT_FROM_ELSEWHERE
from device.tui.screens.dialogs import Ask, Keep, Pick, Read
from device.tui.screens.jobs import JobsPage
from device.tui.screens.library import LibraryPage
from shared.outcomes import Hold, Outcome
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.routine import routine
from tests.tui.world import World

GOLDEN = Path(__file__).parent / "golden"
PAGE = Path(__file__).parents[2] / "docs" / "screen.md"
SIZES = ((80, 24), (120, 40))
Scene = Callable[[Person], Awaitable[None]]


async def jobs(person: Person) -> None:
    await person.arrives(JobsPage)


async def checklist(person: Person) -> None:
    await person.opens_job()
    await person.press("j", "j", "space")


async def history(person: Person) -> None:
    await person.opens_job()
    await person.press("right")


async def readings(person: Person) -> None:
    await person.opens_job()
    await person.press("left")


async def jump(person: Person) -> None:
    await person.opens_job()
    await person.press("r")
    await person.arrives(Pick)
    await person.press("enter")
    await person.arrives(Ask)
    await person.types("4.6")
    await person.press("enter")
    await person.arrives(Keep)


async def proposals(person: Person) -> None:
    await person.says()
    await person.can_confirm()


async def outbox(person: Person) -> None:
    await person.arrives(JobsPage)
    await person.opens_outbox()


async def keys(person: Person) -> None:
    await person.opens_job()
    await person.press("question_mark")
    await person.arrives(Read)


async def library(person: Person) -> None:
    await person.arrives(JobsPage)
    await person.press("m")
    await person.arrives(LibraryPage)


SCENES: dict[str, Scene] = {
    each.__name__: each for each in (jobs, checklist, history, readings, jump, proposals, outbox, keys, library)
}


async def lived_in(make_world: MakeWorld) -> World:
    """A laptop with a command in each standing, and a question of the office."""
    world = make_world(records=routine(asked=True), online=True)
    world.server.verdicts = {"field.updated": Hold.DEFERRED, "status.changed": Outcome.REJECTED}
    bench = world.device.workbench
    bench.note("work_order/WO-1039", "belt checked, noise stays")
    field = Proposal("field.updated", "work_order/WO-1043", {"field": "priority", "value": "high"}, {})
    status = Proposal("status.changed", "work_order/WO-1051", {"to": "done"}, {})
    for proposal in (field, status):
        bench.confirm([proposal], sentence="as entered", source="form")
    await world.device.agent.settle()
    world.server.fault = httpx.ReadTimeout("no answer")
    bench.note("work_order/WO-1039", "bearing warm")
    await world.device.agent.settle()
    bench.note(JOB, "seal weeping a bit")
    bench.go(online=False)
    return world


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", [theme.name for theme in themes.THEMES])
async def test_complete_at_80x24_and_at_120x40_as_it_was_looked_at(
    make_world: MakeWorld, theme: str, size: tuple[int, int]
) -> None:
    world = await lived_in(make_world)
    differs = []
    for name, scene in SCENES.items():
        async with sitting_at(world, theme=theme, size=size) as person:
            await scene(person)
            person.app.clear_notifications()
            await person.settles()
            if not await comes_to(person, f"{name}-{theme}-{size[0]}x{size[1]}"):
                differs.append(name)
        world.device.store.drop_meta(f"draft:{JOB}")
    assert differs == []


def test_complete_at_80x24_in_the_documents_too() -> None:
    """The page of pictures shows the five pages in each look, from the very files that are held here."""
    shown = set(re.findall(r"\]\(\.\./(tests/tui/golden/[\w-]+\.svg)\)", PAGE.read_text(encoding="utf-8")))
    wanted = {
        f"tests/tui/golden/{scene}-{theme.name}-{columns}x{rows}.svg"
        for scene in ("jobs", "checklist", "ask", "proposals", "outbox")
        for theme in themes.THEMES
        for columns, rows in SIZES
    }
    assert shown == wanted
    assert [each for each in wanted if not (PAGE.parents[1] / each).is_file()] == []


async def test_too_small_looks_as_it_was_looked_at(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(), size=(60, 20)) as person:
        await person.sees("need 80×24")
        assert same("small-sun-60x20", picture(person))


def picture(person: Person) -> str:
    """The screen as SVG, without what is different in every run."""
    svg = _FONT_FROM_ELSEWHERE.sub("", person.app.export_screenshot(title="Tailboard"))
    return re.sub(r"terminal-\d+", "terminal", re.sub(r"0193a[0-9a-f-]{31}", "ID", svg)) + "\n"


def same(name: str, svg: str) -> bool:
    """Whether the picture is the one that was looked at; with ``TAILBOARD_GOLDEN=write`` it is that from now on."""
    path = GOLDEN / f"{name}.svg"
    if os.environ.get("TAILBOARD_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    return path.is_file() and path.read_text(encoding="utf-8") == svg


async def comes_to(person: Person, name: str, shown: Callable[[Person], str] | None = None) -> bool:
    """Whether the page is as it was looked at, in the end: one that is read again shows that a moment later."""
    for _ in range(100):
        if same(name, (shown or picture)(person)):
            return True
        await asyncio.sleep(0.02)
        await person.settles()
    return False
