"""Jobs and a work order: what they show, how they are filtered, and the forms on them."""

import pytest
from textual.widgets import Input

from device.tui.screens.dialogs import Ask, Pick
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.proposals import ProposalsPage
from device.tui.widgets.table import RowTable
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, Person, sitting_at
from tests.tui.world import World, record, sample

HOSTILE = "[bold red]x[/] [@click=app.quit]quit[/] \x1b[2J\x1b]52;c;aGk=\x07 \u202ecod.exe \r\n[/nope] {x} \u2028 end"


async def test_jobs_show_due_number_asset_title_state(world: World) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        row = next(line for line in person.text.splitlines() if "WO-1042" in line)
        for cell in ("today", "P-7", "Quarterly check of raw water pump", "in progress"):
            assert cell in row
        assert "5 open of 6 jobs, as of 06:14" in person.text
        assert "Offline | data 2 h old | o0 ^0 +0 ?0 !0 | AI: this laptop" in person.bar


async def test_the_filter_narrows_and_esc_clears_it(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.arrives(JobsPage)
        await person.press("slash")
        await person.types("pump noise")
        await person.sees("WO-1039")
        assert "WO-1042" not in person.text
        await person.press("enter", "enter")
        assert (await person.arrives(OrderPage)).job == "work_order/WO-1039"
        await person.press("escape")
        await person.arrives(JobsPage)
        await person.press("escape")
        await person.sees("WO-1042")
        assert page.query_one("#filter", Input).value == ""
        await person.press("slash")
        await person.types("nosuchthing")
        await person.sees("Nothing matches the filter")


async def test_empty_says_why_and_what_next(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(records=[])) as person:
        await person.arrives(JobsPage)
        assert "No work orders on this laptop yet" in person.text
        await person.press("2", "enter", "c")
        assert isinstance(person.app.screen, JobsPage)


async def test_a_work_order_shows_fields_and_history_with_standing(world: World) -> None:
    world.device.workbench.note(JOB, "bearing warm")
    async with sitting_at(world) as person:
        await person.opens_job()
        for shown in (
            "Quarterly check of raw water pump",
            "Raw water pump 7, Riverside, Hall B",
            "Status: in progress",
            "SAFETY CRITICAL",
            "lock out before opening",
            "b.lind: “slight whine at start”",
        ):
            assert shown in person.text
        note = next(line for line in person.text.splitlines() if "bearing warm" in line)
        assert note.strip().startswith("o Saved")


async def test_records_are_shown_as_plain_text(make_world: MakeWorld) -> None:
    said = {
        "id": "0193a000-0000-7000-8000-0000000000bb",
        "text": HOSTILE,
        "author": "x.y",
        "at": "2026-11-20T01:00:00Z",
    }
    job = record(JOB, title=HOSTILE[:110], asset="asset/P-7", access=HOSTILE, description=HOSTILE, notes=[said])
    others = [each for each in sample() if each.ref != JOB]
    world = make_world(records=[job, *others])
    world.device.workbench.note(JOB, HOSTILE)
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        await person.until(lambda: "[bold red]x[/]" in person.text)
        await person.press("slash")
        await person.types("1042")
        await person.press("enter", "enter")
        await person.arrives(OrderPage)
        _is_harmless(person)
        await person.press("n")
        await person.pastes("[b]mine[/b] [@click=app.quit]x[/]")
        await person.press("enter")
        await person.can_confirm()
        assert "[b]mine[/b] [@click=app.quit]x[/]" in person.text
        _is_harmless(person)
        await person.opens_outbox()
        _is_harmless(person)


def _is_harmless(person: Person) -> None:
    assert not any(ord(each) < 32 or each in "\x7f\x9b\u202e\u2028" for each in person.text.replace("\n", ""))


async def test_words_typed_and_not_saved_stay_when_the_page_is_left(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("n")
        await person.types("half a sen")
        await person.press("escape", "escape")
        await person.arrives(JobsPage)
        page = await person.opens_job()
        assert page.query_one("#line", Input).value == "half a sen"


async def test_an_empty_line_asks_for_nothing(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("n", "enter")
        assert isinstance(person.app.screen, OrderPage)
        assert world.model is not None
        assert world.model.asked == 0


# -- forms


async def test_a_reading_by_form(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("r")
        await person.sees("bar, normal from 3 to 5")
        await person.press("enter")
        await person.arrives(Ask)
        await person.types("abc")
        await person.press("enter")
        await person.sees("Type a number")
        await person.press("ctrl+u")
        await person.types("4,2")
        await person.press("enter")
        await person.can_confirm()
        assert "new reading at P-7: pressure 4.2 bar" in person.text
        assert person.outbox() == []
        await person.press("y")
        await person.arrives(OrderPage)
        (item,) = person.outbox()
        assert item.command.payload == {"asset": "asset/P-7", "quantity": "pressure", "value": 4.2, "unit": "bar"}
        assert world.device.store.journal()[-1].source == "form"


async def test_a_reading_without_a_known_unit_asks_for_one(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("r")
        await person.arrives(Pick)
        await person.press("j", "j", "enter")  # temperature
        await person.arrives(Ask)
        await person.types("61")
        await person.press("enter")
        await person.sees("Add the unit")
        await person.types(" C")
        await person.press("enter")
        await person.can_confirm()
        assert "temperature 61 C" in person.text


async def test_a_part_by_form_checks_the_shelf(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("p")
        await person.sees("inlet filter  (6 pcs in A3)")
        await person.press("enter")
        await person.arrives(Ask)
        await person.press("ctrl+u", "9", "enter")
        await person.sees("would fall to -3")
        await person.press("ctrl+u", "2", "enter")
        await person.can_confirm()
        assert "FLT-22 on hand: 6 → 4" in person.text


async def test_a_status_by_form_offers_only_steps_that_exist(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("t")
        await person.arrives(Pick)
        assert "on hold" in person.text
        assert "closed" not in person.text
        await person.press("escape", "escape")
        await person.arrives(JobsPage)
        await person.arrives_at_closed_job()
        await person.press("t")
        await person.until(lambda: any("no step leads on" in notice for notice in person.notices))


async def test_a_field_by_form(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("e")
        await person.arrives(Pick)
        await person.press("j", "enter")
        await person.sees("priority of WO-1042")
        await person.press("k", "enter")  # one step lower than normal
        await person.can_confirm()
        assert "priority: normal → low" in person.text
        await person.press("n")
        await person.arrives(OrderPage)
        await person.press("e")
        await person.arrives(Pick)
        await person.press("j", "j", "j", "enter")
        ask = await person.arrives(Ask)
        assert ask.query_one(Input).value == "2026-11-21"
        await person.press("ctrl+u")
        await person.types("tomorrow")
        await person.press("enter")
        await person.sees("due_on cannot hold")
        await person.press("ctrl+u", "enter")
        await person.can_confirm()
        assert "due on: 2026-11-21 → -" in person.text


async def test_esc_in_a_form_goes_one_step_back_and_then_out(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("r")
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        await person.press("escape")
        await person.arrives(Pick)
        await person.press("escape")
        await person.arrives(OrderPage)
        assert not any(isinstance(screen, ProposalsPage) for screen in person.app.screen_stack)


async def test_strange_words_do_no_harm(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        for text in ("x" * 100_000, "\x00\x01\x02 tab\there", "مضخة تسرب", "🔧" * 50, "ﬁ\u0301" * 40):
            await person.press("n")
            await person.pastes(text)
            await person.press("enter")
            await person.settles()
            _is_harmless(person)
            for _ in range(3):
                if not isinstance(person.app.screen, OrderPage) or person.app.screen.focused is None:
                    await person.press("escape")
            await person.arrives(OrderPage)
            person.app.screen.query_one("#line", Input).value = ""
        assert person.outbox() == []


async def test_a_job_that_left_the_laptop_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sitting_at(world) as person:
        await person.arrives(JobsPage)
        person.app.open_job("work_order/WO-9999")
        await person.until(lambda: any("There is no WO-9999" in notice for notice in person.notices))


async def test_the_keys_of_the_list_are_there_when_the_first_jobs_arrive(make_world: MakeWorld) -> None:
    world = make_world(records=[])
    async with sitting_at(world) as person:
        await person.sees("No work orders on this laptop yet")
        world.device.store.absorb(sample(), "1:2")
        person.app.refresh_page()
        await person.sees("WO-1042")
        await person.press("down", "enter")
        assert (await person.arrives(OrderPage)).job == "work_order/WO-1043"


async def test_a_long_list_leaves_room_for_its_scrollbar(make_world: MakeWorld) -> None:
    jobs = [
        record(
            f"work_order/WO-{number:04}",
            title="A title as long as titles get",
            asset="asset/P-7",
            status="in_progress",
        )
        for number in range(200)
    ]
    async with sitting_at(make_world(records=[*sample(), *jobs])) as person:
        await person.arrives(JobsPage)
        rows = [line for line in person.text.splitlines() if "A title as long as" in line]
        assert len(rows) > 8
        assert all(" in progress " in row for row in rows)
        await person.press("end")
        table = person.app.screen.query_one(RowTable)
        assert table.cursor_row == 205
        assert table.scroll_y > 180
        await person.press("pageup", "pageup", "home")
        assert (table.cursor_row, table.scroll_y) == (0, 0)
