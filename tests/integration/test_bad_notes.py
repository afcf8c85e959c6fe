"""Notes that nobody should be able to write, through a real laptop: a sentence, no command, nothing lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.errors import LocalError
from tests.laptops import JOB, Place, place

PAGE = "Replaced the seal of the pump and wrote down 4.2 bar. " * 60


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    made.load()
    yield made
    made.world.device.store.close()


@pytest.mark.parametrize(
    "note",
    [
        "Dichtung gewechselt, Service nicht gemacht, 4,2 bar",
        "Joint remplacé, inspection pas faite, 4,2 bar",
        "replaced seal. did not replace seal.",
        "rep\x00laced seal 4.2 bar",
        "replaced \u202eseal 4.2 bar",
    ],
)
def test_a_note_that_is_not_read_is_kept_with_a_sentence_and_asks_no_model(laptop: Place, note: str) -> None:
    bench = laptop.world.device.workbench
    came = bench.propose(note, JOB)
    assert [each.payload for each in came.proposals] == [{"text": note}]
    assert came.reason is not None
    assert came.reason.endswith(".")
    assert laptop.model.asked == []
    assert bench.outbox() == []


@pytest.mark.parametrize("note", ["REPLACED SEAL, 4.2 BAR", "replaced seal 😀 4.2 bar 👍"])
def test_capitals_and_emoji_change_nothing_and_create_nothing(laptop: Place, note: str) -> None:
    bench = laptop.world.device.workbench
    came = bench.propose(note, JOB)
    assert came.proposals[0].payload == {"text": note}
    assert bench.outbox() == []


def test_fifty_pages_are_refused_in_numbers_before_any_model_is_asked(laptop: Place) -> None:
    bench = laptop.world.device.workbench
    with pytest.raises(LocalError, match=r"A note holds 4,000 characters; this one has 16\d,\d{3}\. Split it\."):
        bench.propose(PAGE * 50, JOB)
    assert (laptop.model.asked, bench.outbox()) == ([], [])
