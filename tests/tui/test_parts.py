"""The parts that need no screen: the draft, the count after *Send now*, the carrier, the desk, the picture."""

import asyncio
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from device.agent import Step
from device.core.interpret import Proposal
from device.errors import DeviceError, LocalError, StoreError
from device.sending import SendResult
from device.tui.desk import Desk, beside
from device.tui.draft import Draft, Row, chosen, note, see
from device.tui.link import LOOK_AGAIN_S, PAUSE_S, Link, rest_s
from device.tui.picture import View, export_picture
from shared.outcomes import Standing
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB, SENTENCE
from tests.tui.world import NOW, World

DONE = Proposal("status.changed", JOB, {"to": "done"}, {"to": "done"})
REOPEN = Proposal("status.changed", JOB, {"to": "in_progress"}, {})

# -- the draft


def test_a_models_note_is_left_out_and_its_words_are_kept() -> None:
    draft = Draft((Row(note(JOB, "mine"), "you"),)).with_proposals([note(JOB, "a model's"), DONE])
    assert [row.proposal.payload for row in draft.rows] == [{"text": "mine"}, {"to": "done"}]
    assert [row.by for row in draft.rows] == ["you", "assistant"]


def test_what_is_shown_assumes_the_ticked_rows_above_and_nothing_else(world: World) -> None:
    draft = Draft((Row(DONE, "assistant"), Row(REOPEN, "you")))
    first, second = see(draft, world.device.workbench)
    assert (first.lines, second.lines) == (
        ("WO-1042 status: in progress → done",),
        ("WO-1042 status: done → in progress",),
    )
    _, alone = see(draft.toggled(0), world.device.workbench)
    assert alone.lines == ("WO-1042 status: in progress → in progress",)
    assert world.device.store.items() == []


def test_a_row_with_an_obstacle_is_not_chosen(world: World) -> None:
    nonsense = Proposal("no.such.kind", JOB, {"x": "\x1b[2J"}, {})
    closed = Proposal("status.changed", JOB, {"to": "closed"}, {})
    seen = see(Draft(tuple(Row(each, "assistant") for each in (nonsense, closed, DONE))), world.device.workbench)
    assert chosen(seen) == [DONE]
    assert seen[0].obstacle is not None
    assert "cannot go from in_progress to closed" in str(seen[1].obstacle)


def test_editing_a_row_that_is_gone_changes_nothing() -> None:
    draft = Draft((Row(DONE, "assistant"),))
    assert draft.with_edit(draft.rows[0], REOPEN).rows == (Row(REOPEN, "you"),)
    assert draft.dropped(0).with_edit(draft.rows[0], REOPEN) == Draft()


# -- send now


def test_the_result_counts_every_item_once_and_names_what_is_kept() -> None:
    result = SendResult(NOW, tried=True, error="No answer.", changes=0, accepted=2, in_review=1, no_answer=3)
    assert result.words() == "2 accepted, 1 in review, 3 no answer, kept. No answer."
    assert result.kept == 3
    assert SendResult(NOW, True, None, 4).words() == "Nothing was waiting to be sent; 4 changes came down."
    assert "nothing was tried, 2 kept" in SendResult(NOW, False, None, 0, not_sent=2).words()


# -- the carrier


@pytest.mark.parametrize(
    ("until", "seconds"),
    [(None, LOOK_AGAIN_S), (timedelta(seconds=4), 4.0), (timedelta(hours=9), LOOK_AGAIN_S), (-timedelta(1), PAUSE_S)],
)
def test_rests_as_long_as_the_agent_says_within_bounds(until: timedelta | None, seconds: float) -> None:
    step = Step(NOW, rested=True, rest_until=None if until is None else NOW + until)
    assert rest_s(step, NOW) == seconds


async def test_never_two_rounds_at_a_time(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    flying, most = 0, 0
    serve = world.server.__call__

    async def count(request: httpx.Request) -> httpx.Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.02)
        flying -= 1
        return await serve(request)

    world.device.client._http._transport._inner = httpx.MockTransport(count)  # type: ignore[attr-defined]
    desk, device = Desk(), world.device
    link = Link(device.agent, device.workbench, device.ports.clock, desk)
    told: list[Step | DeviceError] = []
    carrying = asyncio.create_task(link.carry(told.append))
    for text in ("one", "two", "three"):
        device.workbench.note(JOB, text)
        link.ring()
        await link.send_now()
    carrying.cancel()
    desk.close()
    assert most == 1
    assert {item.standing for item in device.store.items()} == {Standing.ACCEPTED}
    assert len(world.server.received) == 3


async def test_a_store_fault_is_told_and_the_carrier_goes_on(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(online=True)
    desk, device = Desk(), world.device
    link = Link(device.agent, device.workbench, device.ports.clock, desk)
    told: asyncio.Queue[Step | DeviceError] = asyncio.Queue()

    def busy() -> None:
        raise StoreError("busy")

    monkeypatch.setattr(device.store, "queue", busy)
    carrying = asyncio.create_task(link.carry(told.put_nowait))
    assert isinstance(await told.get(), StoreError)
    monkeypatch.undo()
    link.ring()
    assert isinstance(await told.get(), Step)
    carrying.cancel()
    desk.close()


# -- the desk


async def test_what_goes_wrong_beside_is_raised_where_somebody_waits() -> None:
    def fail() -> None:
        raise LocalError("no")

    with pytest.raises(LocalError, match="no"):
        await beside(fail)
    assert await beside(lambda: 3) == 3


async def test_whoever_stops_waiting_is_not_disturbed_later() -> None:
    import threading

    gate = threading.Event()
    waiting = beside(lambda: gate.wait(5))
    waiting.cancel()
    gate.set()
    await asyncio.sleep(0.05)
    assert waiting.cancelled()


# -- the picture


@pytest.mark.parametrize("view", ["jobs", "order", "proposals", "outbox"])
async def test_the_picture_shows_the_page_and_needs_nothing_from_elsewhere(
    world: World, tmp_path: Path, view: View
) -> None:
    path = tmp_path / "picture.svg"
    await export_picture(world.device, path, view=view, job=JOB, sentence=SENTENCE, theme="night")
    svg = path.read_text(encoding="utf-8")
    ElementTree.fromstring(svg)
    assert "url(http" not in svg
    shown = " ".join(ElementTree.fromstring(svg).itertext()).replace("\N{NO-BREAK SPACE}", " ")
    expected = {"jobs": "Quarterly", "order": "History", "proposals": "Confirm 5", "outbox": "The outbox is empty"}
    assert expected[view] in shown
    assert world.device.store.items() == []
    assert world.server.rounds == 0


async def test_a_picture_of_nothing_is_refused_in_words(make_world: MakeWorld, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no work order"):
        await export_picture(make_world(records=[]).device, tmp_path / "p.svg", view="order")
