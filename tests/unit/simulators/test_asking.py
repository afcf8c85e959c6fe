"""What the bench makes of a model's own words: read as they are, and judged by the catalogue and the note."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from device.model.grammar import grammar_of
from device.model.port import Generation, Watch
from simulators.bench.assistant import asking
from simulators.bench.assistant.proposing import is_grounded, is_valid

SAID = {
    "activity": "replace",
    "things": "seal pump",
    "part": "Mechanical seal kit",
    "pieces": "2",
    "reading": "4.2",
    "unit": "bar",
    "state": "done",
}
NOTE = "replaced 2 seals of the pump, 4.2 bar, done"


class Says:
    """A model that answers questions of its own with `own`, and copies a draft."""

    name, sha256, context_tokens = "says", "ab" * 32, 4096

    def __init__(self, own: str) -> None:
        self._own = own

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        draft = prompt.rpartition("Draft: ")[2].splitlines()[0] if "Draft: " in prompt else self._own
        return Generation(draft, 9, 0.1, 0.5)


def test_the_schema_can_be_held_to() -> None:
    assert grammar_of(asking.SCHEMA)


def test_an_answer_becomes_proposals_that_the_catalogue_and_the_note_bear_out() -> None:
    said = asking.written(json.dumps(SAID))
    assert (said.activity, said.things, said.is_whole) == ("replace", "seal pump", True)
    assert [each.kind for each in said.proposals] == [
        "field.updated",
        "part.consumed",
        "reading.recorded",
        "status.changed",
    ]
    assert all(is_valid(each, NOTE) and is_grounded(each, NOTE) for each in said.proposals)


@pytest.mark.parametrize(
    ("change", "valid", "grounded"),
    [
        ({"pieces": "3"}, True, False),
        ({"pieces": "several"}, False, True),
        ({"reading": "5"}, True, False),
        ({"reading": "high"}, False, True),
    ],
)
def test_what_is_made_up_and_what_is_no_payload_is_seen(
    change: Mapping[str, str], valid: bool, grounded: bool
) -> None:
    proposals = asking.written(json.dumps({**SAID, **change})).proposals
    assert all(is_valid(each, NOTE) for each in proposals) is valid
    assert all(is_grounded(each, NOTE) for each in proposals) is grounded


@pytest.mark.parametrize("text", ["", "{", "[]", '{"activity": "replace"}', '{"activity": 1'])
def test_what_broke_off_says_nothing(text: str) -> None:
    assert not asking.written(text).is_whole


def test_the_sample_is_spread_over_all_notes() -> None:
    assert asking.sampled(range(100), 4) == [0, 25, 50, 75]
    assert asking.sampled(range(3), 10) == [0, 1, 2]


def test_every_figure_has_the_rules_on_the_same_notes_beside_it(tmp_path: Path) -> None:
    annotated, plain = tmp_path / "gold.json", tmp_path / "notes.txt"
    entities = [
        {"start": 0, "end": 1, "type": "Activity/MaintenanceActivity/Replace"},
        {"start": 1, "end": 2, "type": "PhysicalObject/Sealing"},
    ]
    annotated.write_text(json.dumps([{"tokens": ["replaced", "seal"], "entities": entities}] * 3), encoding="utf-8")
    plain.write_text(f"{NOTE}\n" * 3, encoding="utf-8")
    figures, counts = asking.measure(Says(json.dumps({**SAID, "things": "pump"})), annotated, plain, 2)
    assert (counts["annotated_notes"], counts["plain_notes"]) == (2, 2)
    value = {name: (each["value"], each["floor"]) for name, each in figures.items()}
    assert value["activity_accuracy_model"] == (1.0, 1.0)
    assert value["activity_accuracy_both"] == (1.0, 1.0)
    assert value["object_words_f1_model"] == (0.0, 1.0)
    assert value["proposals_model_valid"] == value["proposals_both_valid"] == (1.0, 1.0)
    assert value["proposals_model_invented"] == value["proposals_both_invented"] == (0.0, 0.0)
