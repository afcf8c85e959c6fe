"""The outbox never says more than is known, and *Send now* tells what became of each item."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from device.commands import item_lines
from device.core.interpret import Proposal
from device.errors import StoreError
from device.tui.screens.dialogs import Read, YesNo
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from shared.outcomes import Hold, Outcome, Standing
from shared.problems import Code
from shared.records import Clash, Record, Side, check_fields
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, sitting_at
from tests.tui.world import BIRTH, NOW, World

FIELD = Proposal("field.updated", "work_order/WO-1043", {"field": "priority", "value": "high"}, {})
STATUS = Proposal("status.changed", "work_order/WO-1039", {"to": "done"}, {})
READING = Proposal(
    "reading.recorded", JOB, {"asset": "asset/P-7", "quantity": "pressure", "value": 4.6, "unit": "bar"}, {}
)


def confirm(world: World, *proposals: Proposal) -> None:
    for proposal in proposals:
        world.device.workbench.confirm([proposal], sentence="as entered", source="form")


async def all_five(world: World) -> None:
    """One command in each of the five standings."""
    world.server.verdicts = {"field.updated": Hold.DEFERRED, "status.changed": Outcome.REJECTED}
    world.device.workbench.note(JOB, "accepted one")
    confirm(world, FIELD, STATUS)
    await world.device.agent.settle()
    world.server.fault = httpx.ReadTimeout("no answer")
    world.device.workbench.note(JOB, "sent one")
    await world.device.agent.settle()
    world.device.workbench.note(JOB, "saved one")
    world.device.workbench.go(online=False)


async def test_five_states_each_with_word_and_glyph(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        rows = [line for line in person.text.splitlines() if "WO-" in line and line.lstrip().startswith("#")]
        assert [row[8:23].strip() for row in rows] == [
            "! Refused",
            "? In review",
            "^ Sent, waiting",
            "o Saved",
            "+ Accepted",
        ]
        assert "o1 ^1 +1 ?1 !1" in person.bar
        assert "1 accepted + 1 only here + 1 sent, as of" in person.text
        assert "synced" not in person.text.lower()


async def test_counts_everywhere_in_the_second_line(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world) as person:
        for keys, kind in ((["2"], OrderPage), (["5"], OutboxPage)):
            await person.press(*keys)
            await person.arrives(kind)
            assert "o1 ^1 +1 ?1 !1" in person.text


async def test_a_refusal_says_all_rule_who_decides_and_the_next_step(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await all_five(world)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("enter")
        await person.arrives(Read)
        shown = " ".join(person.text.split())
        assert "status cannot go from closed to done" in shown
        assert "Rule: step not allowed: status cannot go" in shown
        assert "Decided by: the server's rules" in shown
        assert "Next: Look at the job's state now, then choose a step that it allows" in shown
        assert "audit position 7" in shown
        await person.press("escape")
        await person.arrives(OutboxPage)


async def test_a_conflict_shows_both_values_and_later_who_settled_it(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Outcome.CONFLICT}
    confirm(world, FIELD)
    command = world.device.store.items()[0].command
    world.server.changes = [_conflict(command.id)]
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        shown = " ".join(person.text.split())
        assert "? In review" in shown
        assert "priority: you high; m.reyes urgent at 07:20; before normal" in shown
        world.device.store.absorb([_settled(_conflict(command.id))], "1:9")
        person.app.refresh_page()
        await person.sees("+ Accepted")
        assert "decided: urgent; WO-1043: priority = " in person.text
        assert "priority = urgent (their value), m.reyes" in person.text
        lines = item_lines(world.device, world.device.store.items()[0], [])
        assert lines == ["#1    + Accepted       decided: urgent; WO-1043: priority = high"]


def _conflict(command: str) -> Record:
    mine = Side(value="high", actor="a.okafor", device="TB-07", at=NOW)
    theirs = Side(value="urgent", actor="m.reyes", device="office", at=NOW.replace(hour=7, minute=20))
    clash = Clash(record=FIELD.record, field="priority", base="normal", mine=mine, theirs=theirs, version=2)
    fields: dict[str, Any] = {"record": FIELD.record, "command": command, "clashes": [clash.model_dump(mode="json")]}
    return Record(f"conflict/{command}", 1, check_fields("conflict", fields), BIRTH)


def _settled(conflict: Record, choice: str = "take_theirs", value: str = "urgent") -> Record:
    settlement: dict[str, Any] = {
        "record": FIELD.record,
        "field": "priority",
        "choice": choice,
        "value": value,
    }
    return replace(conflict, version=2, fields={**conflict.fields, "status": "resolved", "settled": [settlement]})


# -- send now


async def test_send_tells_each_what_became_of_it(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"field.updated": Hold.DEFERRED, "status.changed": Outcome.REJECTED}
    world.device.workbench.note(JOB, "one")
    world.device.workbench.note(JOB, "two")
    confirm(world, FIELD, STATUS)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("2 accepted, 1 in review, 1 refused.")
        assert "o0 ^0 +2 ?1 !1" in person.bar


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("slow"), httpx.ConnectError("down")])
async def test_a_server_without_an_answer_is_never_a_success(make_world: MakeWorld, fault: Exception) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    world.server.fault = fault
    for text in ("one", "two", "three"):
        world.device.workbench.note(JOB, text)
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("3 no answer, kept.")
        assert "Send now, 08:14: 3 no answer, kept. No answer from the server" in person.text
        assert "+0" in person.bar
        assert [item.standing for item in person.outbox()] == [Standing.SENT] * 3
        world.server.fault = None
        await person.press("s")
        await person.sees("3 accepted.")
        assert len(world.server.received) == 3


async def test_what_was_answered_since_is_not_called_unsent(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    world.server.fault = httpx.ConnectError("down")
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world, carry=True) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("1 no answer, kept.")
        world.server.fault = None
        world.device.agent.session.send_now()
        person.app.link.ring()
        await person.sees("+ Accepted")
        await person.until(lambda: "kept" not in person.text)


async def test_a_server_that_hangs_leaves_the_screen_alive(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    answered = asyncio.Event()
    serve = world.server.__call__

    async def hang(request: httpx.Request) -> httpx.Response:
        await answered.wait()
        return await serve(request)

    world.device.client._http._transport._inner = httpx.MockTransport(hang)  # type: ignore[attr-defined]
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("Sending…")
        await person.until(lambda: person.outbox()[0].standing is Standing.SENT)
        await person.press("2")
        await person.arrives(OrderPage)
        answered.set()
        await person.until(lambda: any("1 accepted." in notice for notice in person.notices))


async def test_send_now_while_offline_tries_nothing_and_says_so(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("s")
        await person.sees("nothing was tried, 1 kept here")
        assert world.server.rounds == 0


async def test_send_now_with_nothing_to_send(make_world: MakeWorld) -> None:
    async with sitting_at(make_world(online=True)) as person:
        await person.opens_outbox()
        await person.sees("The outbox is empty")
        await person.press("s")
        await person.sees("Nothing was waiting to be sent")


async def test_a_store_fault_while_sending_is_told(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(online=True)
    world.device.workbench.note(JOB, "one")

    def busy(*args: Any) -> None:
        raise StoreError("Another program is using this device's database. Close it, or try again in a moment.")

    async with sitting_at(world) as person:
        await person.opens_outbox()
        monkeypatch.setattr(world.device.store, "mark_sent", busy)
        await person.press("s")
        await person.until(lambda: any("Another program" in notice for notice in person.notices))
        assert "Sending…" not in person.text
        assert person.outbox()[0].standing is Standing.SAVED


# -- in the background


async def test_online_the_outbox_is_carried_without_being_asked(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    async with sitting_at(world, carry=True) as person:
        await person.opens_job()
        await person.press("f")
        await person.can_confirm()
        await person.press("y")
        await person.arrives(OrderPage)
        await person.until(lambda: "+1" in person.bar, "accepted in the background")


async def test_working_offline_is_an_action_and_nothing_leaves(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    async with sitting_at(world, carry=True) as person:
        await person.until(lambda: world.server.rounds > 0)
        assert person.bar.startswith("Online")
        await person.press("w")
        await person.until(lambda: person.bar.startswith("Offline since 08:14"))
        rounds = world.server.rounds
        world.device.workbench.note(JOB, "one")
        person.app.link.ring()
        await asyncio.sleep(0.3)
        assert world.server.rounds == rounds
        assert person.app.query("StatusBar.-error").__len__() == 0
        await person.press("w")
        await person.until(lambda: "+1" in person.bar)
        assert person.bar.startswith("Online")


async def test_going_offline_ends_a_round_in_flight(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    world.device.workbench.note(JOB, "one")

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError("it was cancelled")

    world.device.client._http._transport._inner = httpx.MockTransport(hang)  # type: ignore[attr-defined]
    async with sitting_at(world, carry=True) as person:
        await person.until(lambda: person.outbox()[0].standing is Standing.SENT)
        await person.press("w")
        await person.until(lambda: person.bar.startswith("Offline"))
        assert person.outbox()[0].standing is Standing.SENT


async def test_a_link_that_fails_is_said_without_alarm(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.fault = httpx.ConnectError("down")
    async with sitting_at(world, carry=True) as person:
        await person.until(lambda: "Online, last try failed" in person.bar)
        await person.opens_outbox()
        await person.sees("No answer from the server")


async def test_what_was_not_sent_is_taken_back_after_a_yes(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("x", "enter", "escape")
        await person.arrives(OutboxPage)
        assert person.outbox()[0].withdrawal is None
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("taken back: WO-1042")
        await person.sees("You took it back. Nothing will change")
        await person.press("x")
        await person.until(lambda: any("taken back already" in notice for notice in person.notices))


async def test_a_laptop_that_is_shut_out_says_so(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.device.workbench.note(JOB, "one")
    world.server.shut = Code.DEVICE_FORKED
    await world.device.agent.settle()
    await world.device.agent.step()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        assert "? In review" in person.text
        assert "history does not fit what it sent before" in person.text


# -- what came back


async def test_what_came_back_is_given_again_after_a_yes(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"note.added": Outcome.REJECTED}
    world.device.workbench.note(JOB, "one")
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        assert "You can:  e change it and give it again   g give it again   x drop it" in person.text
        await person.press("g")
        await person.arrives(YesNo)
        await person.press("g", "enter", "escape")
        await person.arrives(OutboxPage)
        assert len(person.outbox()) == 1
        await person.press("g")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("You gave it again as #2")
        assert [item.standing for item in person.outbox()] == [Standing.REFUSED, Standing.SAVED]
        assert "You can:" not in person.text
        await person.press("g")
        await person.until(lambda: any("dealt with already" in notice for notice in person.notices))


async def test_what_came_back_is_dropped_after_a_yes_and_stays_in_the_list(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"note.added": Outcome.EXPIRED}
    world.device.workbench.note(JOB, "one")
    await world.device.agent.settle()
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("x", "enter", "escape")
        await person.arrives(OutboxPage)
        assert person.outbox()[0].dealt is None
        await person.press("x")
        await person.arrives(YesNo)
        await person.press("y")
        await person.sees("You dropped it.")
        assert person.outbox()[0].dealt == "dropped"


async def test_what_did_not_come_back_is_not_given_again(world: World) -> None:
    world.device.workbench.note(JOB, "one")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        for key in ("g", "e"):
            await person.press(key)
            await person.until(lambda: any("#1 did not come back: it is Saved" in each for each in person.notices))
            person.app.clear_notifications()
        await person.press("a")
        await person.until(lambda: any("The office asks nothing" in notice for notice in person.notices))


def ask_about(world: World, job: str, *texts: str) -> None:
    order = world.device.workbench.record(job)
    asked: list[Any] = [
        {"id": f"0193a000-0000-7000-8000-00000000b{n:03}", "text": text, "author": "m.reyes", "at": NOW.isoformat()}
        for n, text in enumerate(texts)
    ]
    moved: Any = replace(order, version=order.version + 1, fields={**order.fields, "questions": asked})
    world.device.store.absorb([moved], "1:9")


async def test_a_question_of_the_office_is_answered_after_a_yes(world: World) -> None:
    ask_about(world, JOB, "Which filter?", "Which valve?")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.sees("The office asks 2: a answers.")
        await person.press("a")
        await person.sees("Answer which question?")
        await person.press("down", "enter")
        await person.sees("WO-1042  Which valve?")
        await person.press("enter")
        await person.sees("Type the answer.")
        await person.pastes("the inlet")
        await person.press("enter")
        await person.arrives(YesNo)
        assert "“the inlet”" in person.text
        await person.press("a", "enter")
        assert person.outbox() == []
        await person.press("y")
        await person.until(lambda: len(person.outbox()) == 1)
        (item,) = person.outbox()
        assert (item.command.kind, item.command.payload["text"]) == ("question.answered", "the inlet")
        await person.sees("The office asks 1: a answers.")


async def test_an_answer_that_is_not_confirmed_is_not_saved(world: World) -> None:
    ask_about(world, JOB, "Which filter?")
    async with sitting_at(world) as person:
        await person.opens_outbox()
        await person.press("a")
        await person.sees("WO-1042  Which filter?")
        await person.pastes("the coarse one")
        await person.press("enter")
        await person.arrives(YesNo)
        await person.press("n")
        await person.arrives(OutboxPage)
        assert person.outbox() == []
