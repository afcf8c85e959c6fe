"""From a sentence to saved commands: what is shown, and that only `y` saves it."""

from typing import Any

import pytest
from textual.widgets import Input

from device.core.interpret import Proposal
from device.errors import StoreError
from device.guessed import guesses
from device.tui.draft import Draft, Row, note
from device.tui.screens import proposals
from device.tui.screens.dialogs import Ask, Pick
from device.tui.screens.order import OrderPage
from device.tui.screens.proposals import Asking, ProposalsPage
from device.tui.widgets.ticks import KeyButton, Ticks
from shared.outcomes import Standing
from shared.records import Record
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, SENTENCE, sitting_at
from tests.tui.world import World, sample


async def test_note_to_command_shows_the_words_they_came_from(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.says()
        await person.until(lambda: page.asking is Asking.ANSWERED)
        await person.can_confirm()
        for shown in (
            f"notes: + “{SENTENCE}”",
            "activity: none → replace",
            "assistant, from “replaced”",
            "FLT-22 on hand: 6 → 5",
            "new reading at P-7: pressure 4.2 bar",
            "WO-1042 status: in progress → done",
            "THIS LAPTOP, scripted-1",
            "Confirm 5",
        ):
            assert shown in person.text
        assert page.draft.rows[0].proposal.payload == {"text": SENTENCE}
        assert person.outbox() == []


async def test_confirm_key_differs_and_is_never_enter(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("enter", "enter", "j", "enter", "tab", "enter")
        assert isinstance(person.app.screen, ProposalsPage)
        assert person.outbox() == []
        await person.can_confirm()
        await person.press("y")
        page = await person.arrives(OrderPage)
        assert [item.command.kind for item in person.outbox()] == [
            "note.added",
            "field.updated",
            "part.consumed",
            "reading.recorded",
            "status.changed",
        ]
        await person.sees("o Saved")
        assert "Status: done [o Saved]" in person.text
        assert page.query_one("#line", Input).value == ""
        entry = world.device.store.journal()[-1]
        assert (entry.sentence, entry.source, len(entry.commands)) == (SENTENCE, "assistant", 5)


async def test_a_y_typed_ahead_confirms_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "READ_FIRST_S", 3600.0)
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("f", "y")
        page = await person.arrives(ProposalsPage)
        await person.press("y", "y")
        assert person.outbox() == []
        page._has_been_shown()
        await person.press("y")
        await person.arrives(OrderPage)
        assert len(person.outbox()) == 1


async def test_y_confirms_nothing_that_was_not_on_the_screen(world: World) -> None:
    """Twenty rows on 24 lines: y reads on, row by row, and only then confirms."""
    many = tuple(Row(note(JOB, f"remark {number:02}"), "you") for number in range(1, 21))
    shown: set[str] = set()
    presses = 0
    async with sitting_at(world) as person:
        await person.opens_job()
        person.app.push_screen(ProposalsPage(JOB, Draft(many)))
        await person.can_confirm()
        assert "remark 20" not in person.text
        assert "y  Read on: " in person.text
        while not person.outbox():
            await person.can_confirm()
            shown |= {f"{number:02}" for number in range(1, 21) if f"remark {number:02}" in person.text}
            presses += 1
            await person.press("y")
            if isinstance(person.app.screen, OrderPage):
                break
            assert f"{20 - len(shown)} of 20 were not on the screen yet" in person.notices[-1]
        await person.arrives(OrderPage)
        assert (len(shown), len(person.outbox())) == (20, 20)
        assert presses > 2


async def test_rows_that_are_not_ticked_need_not_be_read(world: World) -> None:
    rows = tuple(Row(note(JOB, f"remark {number:02}"), "you", number == 1) for number in range(1, 21))
    async with sitting_at(world) as person:
        await person.opens_job()
        person.app.push_screen(ProposalsPage(JOB, Draft(rows)))
        await person.can_confirm()
        assert "y  Confirm 1" in person.text
        await person.press("y")
        await person.arrives(OrderPage)
        assert len(person.outbox()) == 1


async def test_the_end_alone_is_not_all_of_it(world: World) -> None:
    """End jumps over the middle; y goes back to it."""
    many = tuple(Row(note(JOB, f"remark {number:02}"), "you") for number in range(1, 31))
    async with sitting_at(world) as person:
        await person.opens_job()
        person.app.push_screen(ProposalsPage(JOB, Draft(many)))
        await person.can_confirm()
        await person.press("end")
        await person.sees("remark 30")
        assert "remark 12" not in person.text
        await person.press("y")
        await person.until(lambda: "remark 12" in person.text)
        assert person.outbox() == []


async def test_unticked_and_dropped_rows_are_left_out(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("j", "space")  # the field
        await person.sees("[ ] 2 Set field")
        await person.press("j", "x")  # the part
        await person.sees("Confirm 3")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        assert [item.command.kind for item in person.outbox()] == ["note.added", "reading.recorded", "status.changed"]


async def test_a_row_can_be_edited_by_its_form(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("j", "j", "j", "e")  # the reading
        await person.arrives(Pick)
        await person.press("enter")
        ask = await person.arrives(Ask)
        assert ask.query_one(Input).value == "4.2 bar"
        await person.press("ctrl+u")
        await person.types("4,4")
        await person.press("enter")
        page = await person.can_confirm()
        assert page.draft.rows[3].proposal.payload["value"] == 4.4
        await person.sees("pressure 4.4 bar")


async def test_n_keeps_just_the_note(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("n")
        await person.arrives(OrderPage)
        (item,) = person.outbox()
        assert item.command.payload == {"text": SENTENCE}


async def test_esc_stops_waiting_and_the_words_stay(make_world: MakeWorld) -> None:
    world = make_world()
    assert world.model
    world.model.gate.clear()
    async with sitting_at(world) as person:
        page = await person.says()
        assert "Esc stops waiting" in person.text
        await person.press("y")
        assert person.outbox() == []
        await person.press("escape")
        assert page.asking is Asking.STOPPED
        assert world.model.watch is not None
        await person.until(lambda: world.model.watch.stopped)  # type: ignore[union-attr]
        world.model.gate.set()
        await person.can_confirm()
        assert len(page.draft.rows) == 1
        await person.press("escape")
        order = await person.arrives(OrderPage)
        assert order.query_one("#line", Input).value == SENTENCE
        assert person.outbox() == []


async def test_without_a_model_the_page_says_so_and_the_forms_work(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(with_model=False)) as person:
        await person.sees("AI: no model")
        page = await person.says()
        await person.until(lambda: page.asking is Asking.FAILED)
        await person.sees("The assistant is not available")
        await person.press("a")
        await person.sees("Add what?")
        await person.press("j", "enter")
        await person.sees("It becomes:")
        await person.press("j", "enter")
        await person.until(lambda: len(page.draft.rows) == 2)
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        assert [item.command.kind for item in person.outbox()] == ["note.added", "status.changed"]


async def test_a_model_that_talks_nonsense_leaves_the_note(world: World) -> None:
    assert world.model
    async with sitting_at(world) as person:
        order = await person.opens_job()
        for answer in ("", "{}", "not json", '{"action": "rm -rf"}', "[" * 5000):
            world.model.answer = lambda schema, answer=answer: answer
            order.tell(SENTENCE)
            page = await person.can_confirm()
            assert page.asking is Asking.ANSWERED
            assert len(page.draft.rows) == 1
            assert "y saves what is ticked" in " ".join(person.text.split())
            await person.press("escape")
            await person.arrives(OrderPage)


async def test_a_full_disk_is_told_and_nothing_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise StoreError("The disk is full. Nothing that was saved is lost; free some space and try again.")

    async with sitting_at(world) as person:
        await person.says()
        page = await person.can_confirm()
        monkeypatch.setattr(world.device.store, "append", full)
        await person.press("y")
        await person.until(lambda: any("The disk is full" in notice for notice in person.notices))
        assert person.app.screen is page
        assert len(page.draft.rows) == 5
        assert person.outbox() == []
        monkeypatch.undo()
        await person.press("y")
        await person.arrives(OrderPage)
        assert len(person.outbox()) == 5


async def test_what_changed_under_the_page_is_shown_again_before_it_is_confirmed(world: World) -> None:
    async with sitting_at(world) as person:
        await person.opens_job()
        await person.press("f")
        page = await person.can_confirm()
        assert "in progress → done" in person.text
        world.device.store.absorb([_on_hold()], "1:2")
        await person.press("y")
        await person.until(lambda: any("It changed meanwhile" in notice for notice in person.notices))
        await person.sees("on hold → done")
        assert person.outbox() == []
        assert person.app.screen is page


def _on_hold() -> Record:
    job = next(each for each in sample() if each.ref == JOB)
    return Record(job.ref, 2, {**job.fields, "status": "on_hold"}, job.born)


async def test_a_row_that_cannot_be_confirmed_says_why_and_cannot_be_ticked(world: World) -> None:
    done = Proposal("status.changed", "work_order/WO-1001", {"to": "done"}, {})
    async with sitting_at(world) as person:
        page = await person.arrives_at_closed_job()
        person.app.push_screen(ProposalsPage(page.job, Draft((Row(done, "you"),))))  # it was open when it was entered
        await person.sees("status cannot go from closed to done")
        assert "Confirm 0" in person.text
        await person.press("space", "y")
        assert person.outbox() == []
        await person.press("n")
        await person.arrives(OrderPage)


async def test_the_two_answers_can_be_clicked_and_take_no_focus(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        page = await person.can_confirm()
        assert all(button.region.height >= 3 and not button.can_focus for button in page.query(KeyButton))
        await person.pilot.click("#refuse")
        await person.arrives(OrderPage)
        assert len(person.outbox()) == 1


async def test_rows_can_be_ticked_by_click(world: World) -> None:
    async with sitting_at(world) as person:
        page = await person.says()
        await person.can_confirm()
        await person.pilot.click(Ticks, offset=(4, 4))
        await person.until(lambda: sum(row.ticked for row in page.draft.rows) == 4)


async def test_pending_commands_are_saved_not_sent(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        await person.until(lambda: "o5" in person.bar)
        assert {item.standing for item in person.outbox()} == {Standing.SAVED}


async def test_guesses_are_marked_until_somebody_enters_them(world: World) -> None:
    async with sitting_at(world) as person:
        await person.says()
        await person.can_confirm()
        assert "? guessed, not in your words: quantity 1. e changes it" in person.text
        assert person.text.count("guessed") == 1
        await person.press("j", "j", "e")
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        await person.press("ctrl+u", "2", "enter")
        await person.arrives(ProposalsPage)
        await person.sees("FLT-22 on hand: 6 → 4")
        assert "guessed" not in person.text


@pytest.mark.parametrize(
    ("payload", "words", "guessed"),
    [
        (
            {"stock_item": "stock_item/A", "quantity": 1},
            {"stock_item": "filter", "quantity": "filter"},
            ("quantity 1",),
        ),
        ({"stock_item": "stock_item/A", "quantity": 2}, {"stock_item": "filters", "quantity": "2"}, ()),
        ({"text": "weeps", "severity": "minor"}, {"text": "weeps"}, ("severity minor",)),
        ({"asset": "asset/A", "field": "activity", "value": "replace"}, {"value": "replaced"}, ()),
        ({"done": True, "item": "1"}, {"item": "guard"}, ("done yes",)),
    ],
)
def test_what_the_words_do_not_say_is_a_guess(
    payload: dict[str, Any], words: dict[str, str], guessed: tuple[str, ...]
) -> None:
    assert guesses(Proposal("any", JOB, payload, words)) == guessed
