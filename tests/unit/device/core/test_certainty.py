import json

import pytest

from device.core.certainty import sure_answer
from device.core.interpret import ask_for, read
from tests.tui.world import record

JOB = record("work_order/WO-1", title="Seal of the pump", asset="asset/P-7", status="in_progress")
LIMITS = [{"quantity": "pressure", "unit": "bar", "low": 3.0, "high": 5.0}]
ASSET = record("asset/P-7", name="Raw water pump 7", type="pump", site="Works", location="Hall", limits=LIMITS)
NAMES = ("Seal of the pump", "Raw water pump 7", "pump")


def answer(note: str) -> str | None:
    return sure_answer(ask_for(note, JOB, ASSET, [], ("done", "on_hold")), NAMES)


@pytest.mark.parametrize(
    ("note", "kinds"),
    [
        ("Replaced seal, done", ["field.updated", "status.changed"]),
        ("REPAIRED, 4.2 bar now", ["field.updated", "reading.recorded"]),
        ("done", ["status.changed"]),
    ],
)
def test_what_was_understood_to_the_last_word_needs_no_model(note: str, kinds: list[str]) -> None:
    ask = ask_for(note, JOB, ASSET, [], ("done", "on_hold"))
    sure = sure_answer(ask, NAMES)
    assert sure is not None
    assert [each.kind for each in read(ask, sure).proposals] == ["note.added", *kinds]
    assert set(json.loads(sure)) == {each.name for each in ask.questions}


@pytest.mark.parametrize(
    "note",
    [
        "never replaced the seal, done",  # a word that turns it round
        "replaced seal? done",  # a sign can do that, too
        "replaced the gland, done",  # a part that nobody knows
        "gate code has changed",
        "frobbed, done",
        "🔥 done 泵",
    ],
)
def test_a_word_that_nobody_read_goes_to_the_model(note: str) -> None:
    assert answer(note) is None


def test_two_readings_go_to_the_model() -> None:
    assert answer("replaced seal") is not None
    assert answer("replaced and repaired seal") is None
