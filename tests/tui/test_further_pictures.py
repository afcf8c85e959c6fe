"""The pages that ask and tell in every look and size, as a person last looked at them (see `test_pictures`)."""

import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from device.tui import themes
from device.tui.screens.ask import AskPage
from device.tui.screens.conflict import ConflictDialog
from device.tui.screens.consent import ConsentDialog, Leaving
from device.tui.screens.ready import ReadyPage
from shared.outcomes import Outcome
from tests.laptops import Writes
from tests.tui.asking import NX, PERSONAL, UNKNOWN, asking, asks
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.everywhere import to_ask, to_decisions, to_manual, to_reasons, to_search
from tests.tui.test_conflict import QUESTION, conflict, settled
from tests.tui.test_outbox import FIELD, confirm
from tests.tui.test_pictures import SIZES, comes_to, picture
from tests.tui.world import NOW, World

Scene = Callable[[Person], Awaitable[object]]


@dataclass
class Disk:
    """What `shutil.disk_usage` says, as far as it is asked."""

    free: int


async def ask(person: Person) -> None:
    await to_ask(person)
    await person.press("a")
    await person.pastes(UNKNOWN)
    await person.press("enter")
    page = await person.arrives(AskPage)
    await person.until(lambda: len(page.talk.turns) == 2 and page.talk.running is None and page.up_to_date)


async def consent(person: Person) -> None:
    person.app.clear_notifications()  # what stands below a dialog is not painted again
    await person.settles()
    await asks(person, PERSONAL)
    await person.arrives(ConsentDialog)


async def leaving(person: Person) -> None:
    await consent(person)
    await person.press("v")
    await person.arrives(Leaving)


async def ready(person: Person) -> None:
    await person.press("b")
    await person.arrives(ReadyPage)


async def clash(person: Person) -> None:
    await person.opens_outbox()
    await person.press("enter")
    await person.arrives(ConflictDialog)


ANSWERED: dict[str, Scene] = {
    "ask": ask,
    "manual": to_manual,
    "reasons": to_reasons,
    "search": to_search,
    "decisions": to_decisions,
    "ready": ready,
}
NOT_ANSWERED: dict[str, Scene] = {"consent": consent, "leaving": leaving}


async def in_conflict(world: World) -> None:
    """A conflict of which one part is decided, and about which the office asks."""
    world.server.verdicts = {"field.updated": Outcome.CONFLICT}
    confirm(world, FIELD)
    command = world.device.store.items()[0].command.id
    asked = {"id": QUESTION, "text": "Did it leak?", "author": "m.reyes", "at": NOW.isoformat()}
    await world.device.agent.settle()
    world.device.store.absorb([replace(conflict(command, settled=[settled()], questions=[asked]), version=2)], "1:9")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", [theme.name for theme in themes.THEMES])
async def test_complete_at_80x24_and_at_120x40_the_pages_that_ask_as_they_were_looked_at(
    make_world: MakeWorld, theme: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(free=50 << 30))
    differs = []

    async def look(world: World, name: str, scene: Scene) -> None:
        async with sitting_at(world, theme=theme, size=size) as person:
            await scene(person)
            person.app.clear_notifications()
            await person.settles()
            if not await comes_to(person, f"{name}-{theme}-{size[0]}x{size[1]}", without_chance):
                differs.append(name)

    for name, scene in ANSWERED.items():
        await look(asking(make_world, NX, model=Writes())[0], name, scene)
    for name, scene in NOT_ANSWERED.items():
        await look(asking(make_world, NX, model=None, online=True)[0], name, scene)
    world = make_world(online=True)
    await in_conflict(world)
    await look(world, "conflict", clash)
    assert differs == []


def without_chance(person: Person) -> str:
    """The screen without the hash of a decision and the id of a command, which are others in every run."""
    svg = picture(person)
    svg = re.sub(r"(decision&#160;)[0-9a-f]{12}", r"\1ABCDEF012345", svg)
    return re.sub(r"(id&#160;)[0-9a-f]{8}-[0-9a-f-]{27}", r"\1ID", svg)
