"""The page of a work order: checklist, readings, news, files, and the way to finish."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from device.core.interpret import Proposal
from device.tui.screens.dialogs import Ask, Keep, Pick, Read, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.proposals import ProposalsPage
from device.tui.widgets.checklist import Checklist
from device.tui.widgets.tabs import TabLine
from shared.records import Record, Stamp
from shared.sync import cursor_at
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person, sitting_at
from tests.tui.routine import ITEMS, JOB, routine
from tests.tui.world import NOW, World, record


@pytest.fixture
def routine_world(make_world: MakeWorld) -> World:
    return make_world(records=routine())


def kinds(person: Person) -> list[str]:
    return [item.command.kind for item in person.outbox()]


async def test_space_marks_enter_shows_y_saves(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        page = await person.opens_job()
        assert "[x] Lock-out applied" in person.text
        assert "2 left before Finish: Oil level between marks, Seal leak looked for" in person.text
        await person.press("j", "j", "space")
        assert "[+] Oil level between marks" in person.text
        assert "1 marked, not saved" in person.text
        assert kinds(person) == []
        await person.press("enter")
        await person.can_confirm()
        assert "WO-1042 checklist: “Oil level between marks” done" in person.text
        await person.press("enter", "space", "space")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        assert kinds(person) == ["checklist_item.done"]
        await person.sees("[x] Oil level between marks")
        assert "o Saved" in person.text
        assert page.unsaved.marks == ()
        assert "1 left before Finish: Seal leak looked for" in person.text


async def test_what_the_facts_cut_is_read_in_full_by_one_key(make_world: MakeWorld) -> None:
    """A gate code at the end of a long sentence was to be had by editing alone."""
    access = "Ask at the gatehouse on the north road, then follow the yellow line past hall A; gate code 4471#"
    world = make_world(records=routine(access=access, description="Measure during a backwash. " * 120 + "Last word."))
    async with sitting_at(world) as person:
        page = await person.opens_job()
        assert "4471#" not in person.text
        assert person.text.count(" … v: all of it") == 2
        await person.press("v")
        box = await person.arrives(Read)
        assert "gate code 4471#" in " ".join(person.text.replace("┃", " ").split())
        await person.press("end")
        await person.sees("Last word.")
        await person.press("escape")
        assert await person.arrives(OrderPage) is page
        assert box not in person.app.screen_stack


async def test_a_mark_is_taken_off_by_the_same_key(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        page = await person.opens_job()
        await person.press("j", "j", "space", "space")
        assert page.unsaved.marks == ()
        await person.press("enter")
        await person.until(lambda: any("Nothing is marked" in each for each in person.notices))


async def test_what_is_done_can_be_marked_as_not_done(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("space")
        assert "[-] Lock-out applied" in person.text
        await person.press("enter")
        await person.can_confirm()
        assert "“Lock-out applied” not done" in person.text
        await person.press("y")
        await person.arrives(OrderPage)
        await person.sees("[ ] Lock-out applied")


async def test_a_routine_check_is_short_five_keys_at_most(make_world: MakeWorld) -> None:
    world = make_world(records=routine(done=0))
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        keys = ["enter", "f", "enter", "y"]
        for key in keys[:3]:
            await person.press(key)
            await person.settles()
            if key == "enter" and isinstance(person.app.screen, OrderPage):
                await person.arrives(OrderPage)
            elif key == "f":
                await person.arrives(Pick)
                assert all(item in person.text for item in ITEMS[:2])
        await person.can_confirm()
        await person.press(keys[3])
        await person.arrives(OrderPage)
        assert len(keys) <= 5
        assert kinds(person) == [*["checklist_item.done"] * len(ITEMS), "status.changed"]
        await person.sees("Status: done [o Saved]")


async def test_what_is_left_is_said_and_finishing_without_it_takes_a_reason(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("j", "j", "space", "f")
        await person.arrives(Pick)
        assert "1 left: Seal leak looked for" in person.text
        await person.press("j", "enter")
        await person.arrives(Ask)
        await person.press("enter")
        await person.sees("Say in a few words why")
        await person.types("pit is flooded")
        await person.press("enter")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        items = person.outbox()
        assert [item.command.kind for item in items] == ["checklist_item.done", "status.changed"]
        assert items[1].command.payload["reason"] == "pit is flooded"


async def test_leaving_the_question_about_what_is_left_finishes_nothing(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("f")
        await person.arrives(Pick)
        await person.press("escape")
        await person.arrives(OrderPage)
        assert kinds(person) == []


async def test_tabs_by_keys_and_by_click(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        page = await person.opens_job()
        tabs = page.query_one(TabLine)
        assert tabs.titles == ("Checklist 2/4", "History 3", "Manuals 1", "Readings 2")
        seen = []
        for _ in range(4):
            await person.press("right")
            seen.append(tabs.chosen)
        assert seen == [1, 2, 3, 0]
        await person.press("left")
        assert "Pressure, last 7 in bar: 3.1 3.1 3.2 3.1 3.3 3.2 3.1" in person.text
        assert "3 |-*--*-----*--------@- low" in person.text
        await person.pilot.click(TabLine, offset=(4, 0))
        await person.until(lambda: tabs.chosen == 0)
        assert isinstance(page.focused, Checklist)


async def test_a_jump_is_asked_about(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("r")
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        assert "Last: 3.1, 3.1, 3.2, 3.1, 3.3, 3.2, 3.1 bar" in person.text
        await person.types("4.6")
        await person.press("enter")
        await person.arrives(Keep)
        assert "Jump of 1.5 since" in person.text
        await person.press("enter", "space")
        await person.press("r")
        ask = await person.arrives(Ask)
        assert ask.query_one(Input).value == ""
        await person.types("5.6")
        await person.press("enter")
        await person.arrives(Keep)
        assert "above the normal range" in person.text
        await person.press("y")
        await person.can_confirm()
        assert "pressure 5.6 bar" in person.text
        assert kinds(person) == []


async def test_a_reading_in_another_unit_is_asked_about(routine_world: World) -> None:
    """It was taken without a word: no limit was held against it, and no list of values showed it."""
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("left", "enter")
        await person.arrives(Ask)
        await person.types("3,1 bal")
        await person.press("enter")
        await person.arrives(Keep)
        assert "Everything here is in bar, so 3.1 bal cannot be" in person.text
        await person.press("r")
        await person.arrives(Ask)
        await person.types("3,1 bar")
        await person.press("enter")
        await person.can_confirm()


async def test_a_jump_in_a_sentence_is_marked_until_somebody_keeps_it(routine_world: World) -> None:
    async with sitting_at(routine_world, size=(120, 40)) as person:
        await person.says("replaced inlet filter, pressure 190 bar now, done")
        page = await person.can_confirm()
        reading = next(at for at, row in enumerate(page.draft.rows) if row.proposal.kind == "reading.recorded")
        assert "? Jump of 186.9 since " in person.text
        assert "That is above the normal range from 3 to 5. e changes it" in person.text
        await person.press(*["j"] * reading, "e")
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        await person.press("enter")
        await person.arrives(Keep)
        await person.press("y")
        await person.arrives(ProposalsPage)
        await person.until(lambda: "Jump of" not in person.text)
        assert "pressure 190 bar" in person.text


async def test_a_reading_as_usual_is_not_asked_about(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("left", "enter")
        await person.arrives(Ask)
        await person.types("3.2")
        await person.press("enter")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        await person.sees("last 8 in bar: 3.1 3.1 3.2 3.1 3.3 3.2 3.1 3.2")


def changed_by_the_office(world: World, **fields: Any) -> None:
    """A newer version of the job arrives."""
    old = world.device.workbench.record(JOB)
    stamp = Stamp(2, "0193a000-0000-7000-8000-00000000abcd", "office", "m.reyes", NOW + timedelta(minutes=5))
    new = record(JOB, **{**old.fields, **fields})
    changed = Record(JOB, 2, new.fields, old.born, {**old.stamps, **dict.fromkeys(fields, stamp)})
    world.device.store.absorb([changed], cursor_at(1, 2))


async def test_news_is_said_until_the_page_is_left(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        assert "Changed by others" not in person.text
        await person.press("escape")
        await person.arrives(JobsPage)
        notes = routine_world.device.workbench.record(JOB).fields["notes"]
        assert isinstance(notes, list)
        said = {
            "id": "0193a000-0000-7000-8000-00000000dddd",
            "text": "spare seal is in the van",
            "author": "m.reyes",
            "at": (NOW + timedelta(minutes=6)).isoformat(),
        }
        changed_by_the_office(routine_world, due_on="2026-11-23", notes=[*notes, said])
        await person.opens_job()
        assert "Changed by others since you looked at 08:14:" in person.text
        assert "due on: 2026-11-21 → 2026-11-23 (m.reyes, 08:19)" in person.text
        assert "notes: + “spare seal is in the van” (m.reyes, 08:20)" in person.text
        await person.press("5")
        await person.arrives(OutboxPage)
        await person.press("escape")
        await person.arrives(OrderPage)
        assert "Changed by others" in person.text
        await person.press("escape")
        await person.arrives(JobsPage)
        await person.opens_job()
        assert "Changed by others" not in person.text


async def test_history_lists_what_fields_hold_and_who_set_them(routine_world: World) -> None:
    """It said "Nothing yet" after a status was changed, here and at the office."""
    changed_by_the_office(routine_world, access="Ring twice")
    started = Proposal("status.changed", JOB, {"to": "on_hold", "reason": "no spare"}, {})
    routine_world.device.workbench.confirm([started], sentence="as entered", source="form")
    field = Proposal("field.updated", JOB, {"field": "priority", "value": "high"}, {})
    routine_world.device.workbench.confirm([field], sentence="as entered", source="form")
    async with sitting_at(routine_world, size=(120, 40)) as person:
        await person.opens_job()
        await person.press("right")
        assert "m.reyes: access: Ring twice" in person.text
        assert "o Saved  08:14         a.okafor: priority: high" in person.text
        assert "a.okafor: on hold: “no spare”" in person.text
        assert person.text.count("a.okafor: on hold") == 1, "once, with its reason"


async def test_ones_own_changes_are_no_news(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("f", "enter")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        await person.press("escape")
        await person.arrives(JobsPage)
        await person.press("home", "enter")
        await person.arrives(OrderPage)
        assert "Changed by others" not in person.text


async def test_a_question_of_the_office_is_answered_from_the_job(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(records=routine(asked=True))) as person:
        await person.opens_job()
        assert "m.reyes asks: “Is the guard back on?”  o answers" in person.text
        await person.press("o")
        await person.arrives(Ask)
        await person.types("yes")
        await person.press("enter")
        await person.arrives(YesNo)
        await person.press("enter")
        assert kinds(person) == []
        await person.press("y")
        await person.arrives(OrderPage)
        await person.until(lambda: kinds(person) == ["question.answered"])
        await person.until(lambda: "asks:" not in person.text)


@pytest.mark.parametrize("written", ["{}", "'{}'", "file://{}"])
async def test_a_file_is_attached_after_a_yes(routine_world: World, tmp_path: Path, written: str) -> None:
    photo = tmp_path / "pump.jpg"
    photo.write_bytes(b"\xff\xd8" * 4000)
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("g")
        await person.arrives(Ask)
        await person.pastes(str(tmp_path / "none.jpg"))
        await person.press("enter")
        await person.sees("!")
        await person.press("ctrl+u")
        await person.pastes(written.format(photo))
        await person.press("enter")
        await person.arrives(YesNo)
        assert "pump.jpg" in person.text
        assert kinds(person) == []
        await person.press("y")
        await person.arrives(OrderPage)
        await person.until(lambda: kinds(person) == ["attachment.added"])


async def test_a_follow_up_job_is_raised_from_the_menu(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("d")
        await person.arrives(Pick)
        await person.press(*"jjjjjj", "enter")
        await person.sees("how urgent?")
        await person.press("enter")
        await person.arrives(Ask)
        await person.types("Renew shaft seal")
        await person.press("enter")
        await person.can_confirm()
        assert "“Renew shaft seal”" in person.text
        await person.press("y")
        await person.arrives(OrderPage)
        (item,) = person.outbox()
        assert item.command.payload["parent"] == JOB
        assert item.command.record.startswith("work_order/F-")
        await person.press("escape", "end")
        await person.sees("Renew shaft seal")


@pytest.mark.parametrize(("steps", "kind"), [(1, "part.ordered"), (2, "finding.added")])
async def test_orders_and_findings_by_form(routine_world: World, steps: int, kind: str) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("d")
        await person.arrives(Pick)
        await person.press(*"j" * steps, "enter")
        await person.until(lambda: "what?" not in person.text)
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        await person.press("ctrl+u", "2", "enter")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        assert kinds(person) == [kind]


async def test_a_manual_that_is_not_here_yet_says_so(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        await person.opens_job()
        await person.press("right", "right")
        assert "nx-pumps       NX pumps, service manual, revision C  for this asset" in person.text
        await person.press("enter")
        await person.until(lambda: any("None of nx-pumps was read yet" in each for each in person.notices))
        assert isinstance(person.app.screen, OrderPage)


async def test_a_large_paste_says_what_did_not_fit(routine_world: World) -> None:
    async with sitting_at(routine_world) as person:
        page = await person.opens_job()
        await person.press("n")
        await person.pastes("word\n" * 20_000)
        await person.until(lambda: any("were left out" in each for each in person.notices))
        assert len(page.query_one("#line", Input).value) == 4000


async def test_a_job_from_an_older_version_is_shown(make_world: MakeWorld) -> None:
    """A record may lack a field that came later; it holds the default then."""
    records = routine()
    index = next(index for index, each in enumerate(records) if each.ref == JOB)
    without = {name: value for name, value in records[index].fields.items() if name not in {"checklist", "questions"}}
    records[index] = replace(records[index], fields=without)
    async with sitting_at(make_world(records=records)) as person:
        await person.opens_job()
        assert "Quarterly check of raw water pump" in person.text
        await person.press("f")
        await person.arrives(ProposalsPage)
