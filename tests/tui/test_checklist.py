"""Rows of docs/checklist.md that no other module of these tests is about."""

import re
from pathlib import Path

from device.tui.screens.order import OrderPage
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at

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
