"""What the model that ships makes of real notes: by itself, and where it chooses among what the rules read.

It takes seconds a note, so that an evenly spread sample is asked; every figure has the rules alone on the same notes
beside it, and the sample's size is counted. By itself the model is shown the note and examples, and is held to a
schema: an activity out of the catalogue's, the words of things, a part in stock and how many, a reading, a state.
"Both" is what the laptop does: the rules read, the model chooses, the last check drops what has no source; beside it
stands the rules' draft as it was. It proposes only work that was done, and so codes fewer notes than the rules alone.
For the words of things "both" is those that both name; the laptop does not ask the model for them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from device.core.candidates.activities import first_activity
from device.core.certainty import sure_answer
from device.core.interpret import Ask, Interpretation, Proposal, read
from device.core.prompt import NOTE_CHARS_SHOWN, REFUSAL, one_line
from device.model.port import LanguageModel
from shared.commands.field_updated import FieldUpdated
from shared.commands.part_consumed import PartConsumed
from shared.commands.reading_recorded import ReadingRecorded
from shared.commands.status_changed import StatusChanged
from shared.records import Activity
from simulators.bench.assistant.activities import Annotated, annotated_notes, f1_of, named_by, tokens_of
from simulators.bench.assistant.proposing import ASSET, ITEM, ITEM_NAME, JOB, STEPS, asked, is_grounded, is_valid
from simulators.bench.assistant.proposing import proposed as drafted
from simulators.bench.figures import Figures, figure, say

T = TypeVar("T")
TOKENS_MAX = 160
_UNITS = ("bar", "C", "h")
_QUANTITIES = {"bar": "pressure", "C": "temperature", "h": "run_hours"}
_TEXT = {"type": "string"}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "activity": {"enum": [*(each.value for each in Activity), REFUSAL]},
    "things": _TEXT,
    "part": {"enum": [ITEM_NAME, REFUSAL]},
    "pieces": _TEXT,
    "reading": _TEXT,
    "unit": {"enum": [*_UNITS, REFUSAL]},
    "state": {"enum": [*STEPS, REFUSAL]},
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": _FIELDS,
    "required": list(_FIELDS),
    "additionalProperties": False,
}
_EXAMPLES = (
    ("KP2201 RENEW BRG LHS, waiting on crane", ("replace", "BRG", REFUSAL, "", "", REFUSAL, "on_hold")),
    (
        "Fitted 2 mech seals to pump, 4.2 bar, done",
        ("replace", "mech seals pump", ITEM_NAME, "2", "4.2", "bar", "done"),
    ),
    ("oil temp 71 C", (REFUSAL, "oil", REFUSAL, "", "71", "C", REFUSAL)),
    ("Check conveyor belt tracking", ("inspect", "conveyor belt", REFUSAL, "", "", REFUSAL, REFUSAL)),
)
_LEAD = "Turn the technician's note into JSON. Use only words and numbers that the note has; else none.\n\n"


def prompt_for(note: str) -> str:
    """What a model is shown of a note where no rules read it before."""
    told = "".join(
        f"Note: {said}\n{json.dumps(dict(zip(_FIELDS, values, strict=True)))}\n\n" for said, values in _EXAMPLES
    )
    return f"{_LEAD}{told}Note: {one_line(note)[:NOTE_CHARS_SHOWN]}\n"


@dataclass(frozen=True, slots=True)
class Written:
    """What a model by itself made of a note. `is_whole` is false if it broke off, or is not of the schema."""

    activity: str
    things: str
    proposals: tuple[Proposal, ...]
    is_whole: bool


def written(text: str) -> Written:
    """What a model's answer says. Whatever `text` is, this returns."""
    try:
        said = json.loads(text)
        fields = [str(said[name]) for name in _FIELDS]
    except (ValueError, KeyError, TypeError):
        return Written(REFUSAL, "", (), is_whole=False)
    activity, things, part, pieces, reading, unit, state = fields
    proposals: list[Proposal] = []
    if activity != REFUSAL:
        proposals.append(Proposal(FieldUpdated.kind.name, JOB, {"field": "activity", "value": activity}, {}))
    if part != REFUSAL:
        payload = {"stock_item": ITEM, "quantity": _number(pieces, int)}
        proposals.append(Proposal(PartConsumed.kind.name, JOB, payload, {}))
    if unit != REFUSAL:
        told = {
            "asset": ASSET,
            "quantity": _QUANTITIES.get(unit, unit),
            "value": _number(reading, float),
            "unit": unit,
        }
        proposals.append(Proposal(ReadingRecorded.kind.name, JOB, told, {}))
    if state != REFUSAL:
        proposals.append(Proposal(StatusChanged.kind.name, JOB, {"to": state}, {}))
    return Written(activity, things, tuple(proposals), is_whole=True)


def _number(text: str, kind: Callable[[str], float]) -> float | str:
    """The number that a model wrote; its text where that is none, which no payload takes."""
    try:
        return kind(text)
    except ValueError:
        return text


def sampled(notes: Sequence[T], size: int) -> list[T]:
    """`size` of the notes, evenly spread; all of them if there are no more."""
    step = max(1, len(notes) // max(1, size))
    return list(notes[::step][:size])


def alone(model: LanguageModel, note: str) -> Written:
    """What the model makes of a note by itself."""
    return written(model.generate(prompt_for(note), SCHEMA, tokens_max=TOKENS_MAX).text)


def both(model: LanguageModel, note: str) -> Interpretation:
    """What the laptop makes of a note: rules where they are sure, the model's choice elsewhere."""
    ask: Ask = asked(note, None)
    sure = sure_answer(ask, ())
    return read(ask, sure or model.generate(ask.prompt, ask.schema, tokens_max=ask.tokens_max).text)


# -- the figures


def measure(model: LanguageModel, annotated: Path, field_notes: Path, size: int) -> tuple[Figures, dict[str, Any]]:
    """Figures over `size` annotated and `size` plain notes, and counts."""
    figures: Figures = {}
    notes = sampled(annotated_notes(annotated), size)
    say(f"the model reads {len(notes)} annotated notes, twice each")
    figures |= _read_annotated(model, notes)
    lines = [line for line in field_notes.read_text(encoding="utf-8").splitlines() if line.strip()]
    texts = sampled(lines, size)
    say(f"the model proposes for {len(texts)} plain notes, twice each")
    figures |= _proposing(model, texts)
    return figures, {"model": model.name, "annotated_notes": len(notes), "plain_notes": len(texts)}


def _read_annotated(model: LanguageModel, notes: Sequence[Annotated]) -> Figures:
    own = [alone(model, note.text) for note in notes]
    chosen = [_activity(both(model, note.text).proposals) for note in notes]
    rules = [work.activity.value if (work := first_activity(note.text)) else REFUSAL for note in notes]
    drafts = [_activity(drafted(note.text, None)) for note in notes]
    by_rules = [named_by(note) for note in notes]
    by_model = [tokens_of(note, said.things) for note, said in zip(notes, own, strict=True)]
    by_both = [first & second for first, second in zip(by_rules, by_model, strict=True)]
    rules_f1 = f1_of(notes, by_rules)
    return {
        "activity_accuracy_model": figure(
            _right([said.activity for said in own], notes), "share", _right(rules, notes)
        ),
        "activity_accuracy_both": figure(_right(chosen, notes), "share", _right(drafts, notes)),
        "object_words_f1_model": figure(f1_of(notes, by_model), "share", rules_f1),
        "object_words_f1_both": figure(f1_of(notes, by_both), "share", rules_f1),
    }


def _activity(proposals: Sequence[Proposal]) -> str:
    told = [str(each.payload["value"]) for each in proposals if each.kind == FieldUpdated.kind.name]
    return told[0] if told else REFUSAL


def _right(told: Sequence[str], notes: Sequence[Annotated]) -> float:
    return sum(each == note.activity for each, note in zip(told, notes, strict=True)) / max(1, len(notes))


def _proposing(model: LanguageModel, notes: Sequence[str]) -> Figures:
    own = [alone(model, note) for note in notes]
    chosen = [both(model, note) for note in notes]
    rules = [drafted(note, None) for note in notes]
    whole = [said.is_whole and _all(said.proposals, "", is_valid) for said in own]
    good = [came.reason is None and _all(came.proposals, "", is_valid) for came in chosen]
    ours = _invented(rules, notes)
    sound = [_all(each, "", is_valid) for each in rules]
    return {
        "proposals_model_valid": figure(_share(whole), "share", _share(sound)),
        "proposals_both_valid": figure(_share(good), "share", _share(sound)),
        "proposals_model_invented": figure(_invented([said.proposals for said in own], notes), "share", ours),
        "proposals_both_invented": figure(_invented([came.proposals for came in chosen], notes), "share", ours),
    }


def _invented(made: Sequence[Sequence[Proposal]], notes: Sequence[str]) -> float:
    pairs = zip(made, notes, strict=True)
    return 1 - _share([_all(proposals, note, is_grounded) for proposals, note in pairs])


def _all(proposals: Sequence[Proposal], note: str, holds: Callable[[Proposal, str], bool]) -> bool:
    return all(holds(each, note) for each in proposals)


def _share(each: Sequence[bool]) -> float:
    return sum(each) / max(1, len(each))
