"""What is said to people, without a screen."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.plain import plain
from device.words import age, changes, due, moment, value_of, why
from reconciliation.preview import Change
from shared.outcomes import Hold, Outcome
from shared.problems import Code
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB
from tests.tui.world import NOW, World


@given(st.text())
def test_no_text_can_steer_the_terminal(text: str) -> None:
    shown = plain(text)
    assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 or each in "\u202a\u202e\u2066\u2028" for each in shown)
    assert plain(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])))
def test_ordinary_text_is_shown_letter_for_letter(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (61, "1 min old"), (7300, "2 h old"), (200_000, "2 d old")],
)
def test_age(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_times_name_the_day_only_when_it_was_another() -> None:
    assert moment(NOW, NOW) == "08:14"
    assert moment(NOW - timedelta(days=1), NOW) == "20 Nov 08:14"
    assert due(str(NOW.date()), NOW) == "today"
    assert due(str(date(2026, 11, 3)), NOW) == "3 Nov"
    assert due("2028-01-01", NOW) == "Jan 28"
    assert due(None, NOW) == "-"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("status", "in_progress", "in progress"),
        ("title", "in_progress", "in_progress"),
        ("safety_critical", True, "yes"),
        ("value", 4.0, "4"),
        ("due_on", None, "-"),
        ("limits", [1, 2], "2 entries"),
    ],
)
def test_values(field: str, value: Any, words: str) -> None:
    assert value_of(field, value) == words


def test_every_merge_rule_has_its_form_of_change() -> None:
    entry: dict[str, Any] = {
        "id": "x",
        "stock_item": "stock_item/S-1",
        "quantity": 2,
        "author": "a",
        "at": "2026-11-21T00:00:00Z",
    }
    assert changes([Change("work_order/W", "status", "open", "done")]) == ["W status: open → done"]
    assert changes([Change("stock_item/S-1", "on_hand", 6, 4)]) == ["S-1 on hand: 6 → 4"]
    assert changes([Change("work_order/W", "parts_used", [], [entry])]) == ["W parts used: + 2 × S-1"]
    reading: dict[str, Any] = {"asset": "asset/P", "quantity": "run_hours", "value": 12.5, "unit": "h"}
    born = [Change("reading/r", name, None, value) for name, value in reading.items()]
    assert changes(born) == ["new reading at P: run hours 12.5 h"]


async def said(world: World) -> str:
    outbox = world.device.workbench.outbox()
    return " ".join(why(outbox[0], outbox, [], world.device.workbench.view().blocked))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Hold.WAITING, "It waits for an earlier command, or for the bytes"),
        (Hold.DEFERRED, "It waits until somebody at the office approves it"),
        (Hold.QUARANTINED, "until the office has looked at it"),
        (Hold.UNREADABLE, "kept until the server is updated"),
        (Code.BAD_SIGNATURE, "The command was damaged; enter it again."),
        (Outcome.APPLIED, "Accepted as you entered it."),
        (Outcome.MERGED, "together with changes that others had made"),
        (Outcome.CONFLICT, "Both values are kept"),
        (Outcome.EXPIRED, "It came too late"),
        (Outcome.REJECTED, "Look at the job's state now"),
    ],
)
async def test_every_standing_is_explained(make_world: MakeWorld, verdict: Any, words: str) -> None:
    world = make_world(online=True)
    world.server.verdicts = {"note.added": verdict}
    world.device.workbench.note(JOB, "one")
    assert await said(world) == "Saved on this laptop. Not sent yet."
    await world.device.agent.settle()
    assert words in await said(world)


async def test_an_unseen_answer_is_never_called_failed(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await world.device.agent.settle()
    world.server.fault = httpx.ReadTimeout("slow")
    world.device.workbench.note(JOB, "one")
    await world.device.agent.settle()
    words = await said(world)
    assert "may or may not have arrived" in words
    assert "fail" not in words.lower()
