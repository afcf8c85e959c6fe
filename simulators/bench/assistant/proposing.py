"""Proposals by rules alone, on plain notes of MaintNorm: valid by construction, nothing invented.

Whatever the words point to is proposed with its likeliest answer, once as the words stand and once with a vocabulary.
Validity and origin are judged here again, by the catalogue's own payload classes and by the note's own characters.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device.core.candidates import numbers_of
from device.core.interpret import Ask, Proposal, ask_for, read
from shared.commands import CATALOGUE
from shared.ids import kind_of
from shared.records import Record, Stamp, check_fields
from shared.vocabulary import Vocabulary, read_history
from simulators.bench.figures import Figures, figure, processor_seconds

JOB, ASSET, ITEM = "work_order/WO-1", "asset/PUMP-1", "stock_item/SEAL-1"
ITEM_NAME = "Mechanical seal kit"
STEPS = ("in_progress", "on_hold", "done")
_LIMITS = [
    {"quantity": "pressure", "unit": "bar", "low": 3.0, "high": 5.0},
    {"quantity": "temperature", "unit": "C", "high": 80},
    {"quantity": "run_hours", "unit": "h"},
]


def measure(train: Path, plain: Path) -> tuple[Figures, dict[str, Any]]:
    """Figures and counts."""
    vocabulary = Vocabulary.learned(read_history(train.read_bytes()))
    notes = [line for line in plain.read_text(encoding="utf-8").splitlines() if line.strip()]
    without = [proposed(note, None) for note in notes]
    made = [proposed(note, vocabulary) for note in notes]
    took = processor_seconds(lambda: [proposed(note, vocabulary) for note in notes])
    took_without = processor_seconds(lambda: [proposed(note, None) for note in notes])
    figures = {
        "proposals_rules_valid": figure(_share(made, notes, is_valid), "share", 1.0),
        "proposals_rules_invented": figure(1 - _share(made, notes, is_grounded), "share", 0.0),
        "proposals_rules_ms": figure(1000 * took / len(notes), "ms/note", 1000 * took_without / len(notes)),
    }
    counts = {"notes": len(notes), "without_vocabulary": _kinds(without), "with_vocabulary": _kinds(made)}
    return figures, counts


def proposed(note: str, vocabulary: Vocabulary | None) -> tuple[Proposal, ...]:
    """What rules alone propose: the first answer to each question."""
    ask = asked(note, vocabulary)
    draft = {question.name: next(iter(question.options)) for question in ask.questions}
    return read(ask, json.dumps(draft)).proposals


def asked(note: str, vocabulary: Vocabulary | None) -> Ask:
    """What there is to ask about a note."""
    job = _record(
        JOB,
        title="Pump",
        status="open",
        asset=ASSET,
    )
    asset = _record(ASSET, name="Pump 1", type="pump", model="X", limits=_LIMITS)
    item = _record(ITEM, name=ITEM_NAME, part_no="SK-1", on_hand=4)
    return ask_for(note, job, asset, [item], STEPS, vocabulary)


def _record(ref: str, **fields: Any) -> Record:
    born = Stamp(1, "0", "office", "office", datetime(2026, 1, 1, tzinfo=UTC))
    return Record(ref, 1, check_fields(kind_of(ref), fields), born)


def is_valid(proposal: Proposal, _: str) -> bool:
    """Whether the catalogue takes the payload."""
    try:
        CATALOGUE[proposal.kind].model_validate(proposal.payload)
    except (KeyError, ValueError):
        return False
    return True


def is_grounded(proposal: Proposal, note: str) -> bool:
    """Whether every id is in view, and every number and all words are the note's."""
    if proposal.record not in {JOB, ASSET, ITEM}:
        return False
    said = numbers_of(note) + tuple(float(each) for each in re.findall(r"\d+(?:\.\d+)?", note))
    for name, value in proposal.payload.items():
        if name in {"asset", "stock_item"} and value not in {ASSET, ITEM}:
            return False
        one_piece = value == 1 and name == "quantity"
        if isinstance(value, int | float) and not one_piece and value not in said:
            return False
    return all(words in note for words in proposal.words.values())


def _share(made: Sequence[Sequence[Proposal]], notes: Sequence[str], holds: Any) -> float:
    right = [all(holds(each, note) for each in proposals) for proposals, note in zip(made, notes, strict=True)]
    return sum(right) / max(1, len(right))


def _kinds(made: Sequence[Sequence[Proposal]]) -> dict[str, int]:
    kinds = [each.kind for proposals in made for each in proposals]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
