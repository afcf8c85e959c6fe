"""A conflict on the laptop: what was said on each side, what stands, what the office decided, what it asks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from device import clashes
from device.tui.screens.conflict import ConflictDialog
from device.tui.screens.dialogs import Read, YesNo
from device.tui.screens.outbox import OutboxPage
from shared.outcomes import Outcome
from shared.records import Clash, Record, Side, check_fields
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.test_outbox import FIELD, confirm
from tests.tui.world import BIRTH, NOW, World

QUESTION = "0193a000-0000-7000-8000-0000000000cc"


def conflict(command: str, **other: Any) -> Record:
    mine = Side(value="high", actor="a.okafor", device="TB-07", at=NOW)
    theirs = Side(value="urgent", actor="m.reyes", device="office", at=NOW - timedelta(minutes=54))
    clash = Clash(record=FIELD.record, field="priority", base="normal", mine=mine, theirs=theirs, version=2)
    due = clash.model_copy(
        update={
            "field": "due_on",
            "base": "2026-11-22",
            "mine": mine.model_copy(update={"value": "2026-11-30"}),
            "theirs": theirs.model_copy(update={"value": "2026-11-25"}),
        }
    )
    both = [each.model_dump(mode="json") for each in (clash, due)]
    fields: dict[str, Any] = {"record": FIELD.record, "command": command, "clashes": both, **other}
    return Record(f"conflict/{command}", 1, check_fields("conflict", fields), BIRTH)


def settled(**other: Any) -> dict[str, Any]:
    entry = {"record": FIELD.record, "field": "priority", "choice": "take_theirs", "value": "urgent"}
    return {**entry, "author": "m.reyes", "reason": "leak was reported", **other}


async def in_conflict(make_world: MakeWorld) -> tuple[World, str]:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Outcome.CONFLICT}
    confirm(world, FIELD)
    command = world.device.store.items()[0].command.id
    world.server.changes = [conflict(command)]
    await world.device.agent.settle()
    world.device.workbench.go(online=False)
    return world, command


async def opens(person: Person) -> ConflictDialog:
    await person.opens_outbox()
    await person.press("enter")
    return await person.arrives(ConflictDialog)


async def test_conflict_is_told_field_by_field_with_every_side_and_what_stands(make_world: MakeWorld) -> None:
    world, _ = await in_conflict(make_world)
    async with sitting_at(world, size=(120, 40)) as person:
        await opens(person)
        for words in (
            "WO-1043: two people changed the same",
            "2 of 2 wait for the office.",
            "? WO-1043 priority",
            "? WO-1043 due on",
            "you saw      normal",
            "you          high",
            "08:14, on TB-07",
            "m.reyes      urgent",
            "07:20, at the office",
            "stands now   normal",
            "the office decides; your value is kept until then",
        ):
            assert words in person.text, words


async def test_conflict_is_told_with_what_the_office_decided_and_why(make_world: MakeWorld) -> None:
    world, command = await in_conflict(make_world)
    decided = replace(conflict(command, settled=[settled()]), version=2)
    world.device.store.absorb([decided], "1:9")
    async with sitting_at(world, size=(120, 40)) as person:
        await opens(person)
        assert "1 of 2 waits for the office." in person.text
        assert "+ WO-1043 priority" in person.text
        assert "decided by m.reyes: their value, urgent. “leak was reported”" in person.text
        assert "you          high" in person.text, "what was entered here is never dropped"


async def test_conflict_is_told_whole_at_80_by_24_by_scrolling(make_world: MakeWorld) -> None:
    world, _ = await in_conflict(make_world)
    async with sitting_at(world) as person:
        await opens(person)
        await person.press("end")
        await person.sees("Command #1, id")
        await person.press("escape")
        await person.arrives(OutboxPage)


async def test_what_the_office_asks_about_a_conflict_is_answered_from_there(make_world: MakeWorld) -> None:
    world, command = await in_conflict(make_world)
    asked = {"id": QUESTION, "text": "Did it leak?", "author": "m.reyes", "at": NOW.isoformat()}
    world.device.store.absorb([replace(conflict(command, questions=[asked]), version=2)], "1:9")
    async with sitting_at(world) as person:
        await opens(person)
        await person.press("a")
        await person.sees("WO-1043  Did it leak?")
        assert not isinstance(person.app.screen, ConflictDialog)
        await person.types("no")
        await person.press("enter")
        await person.arrives(YesNo)
        await person.press("y")
        await person.until(lambda: len(person.outbox()) == 2, "saved")
        assert [item.summary for item in person.outbox() if "answered" in item.summary] == ["WO-1043: answered “no”"]


async def test_a_command_without_a_conflict_is_explained_as_before(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    confirm(world, FIELD)
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("enter")
        await person.arrives(Read)


async def test_the_command_line_tells_the_same_lines(make_world: MakeWorld) -> None:
    world, command = await in_conflict(make_world)
    records = world.device.workbench.view().records
    said = clashes.lines(clashes.told(records[f"conflict/{command}"], records, world.clock.now()))
    assert said[1] == "2 of 2 wait for the office."
    assert any("m.reyes" in line and "urgent" in line for line in said)
