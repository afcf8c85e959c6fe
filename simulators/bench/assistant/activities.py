"""The first activity of a note and the words of things in it, on MaintIE's annotated notes.

Rules were written with the even-numbered notes; the odd ones are told apart. The floors are the most frequent
activity for every note, and every word that is neither a number nor a sign.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.core.candidates.activities import first_activity
from device.core.candidates.objects import object_words
from simulators.bench.figures import Figures, figure

_ACTIVITY, _OBJECT = "Activity/MaintenanceActivity/", "PhysicalObject"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A note, its first activity or none, and which of its tokens are words of things."""

    tokens: Sequence[str]
    activity: str
    things: frozenset[int]

    @property
    def text(self) -> str:
        """The tokens in a row."""
        return " ".join(self.tokens)


def measure(annotated: Path) -> tuple[Figures, dict[str, Any]]:
    """Figures and counts."""
    notes = annotated_notes(annotated)
    halves = {"even": notes[0::2], "odd": notes[1::2]}
    most = Counter(note.activity for note in notes).most_common(1)[0][0]
    figures = {
        "activity_accuracy": figure(_accuracy(notes), "share", _share(note.activity == most for note in notes)),
        "object_words_f1": figure(_f1(notes, named_by), "share", _f1(notes, _every_word)),
    }
    for half, each in halves.items():
        common = _share(note.activity == most for note in each)
        figures[f"activity_accuracy_{half}"] = figure(_accuracy(each), "share", common)
        figures[f"object_words_f1_{half}"] = figure(_f1(each, named_by), "share", _f1(each, _every_word))
    return figures, {"classes": _classes(notes)}


def annotated_notes(file: Path) -> list[Annotated]:
    """The notes of MaintIE."""
    return [_annotated(note) for note in json.loads(file.read_text(encoding="utf-8"))]


def _annotated(note: Mapping[str, Any]) -> Annotated:
    entities = sorted(note["entities"], key=lambda each: int(each["start"]))
    kinds = [each["type"].removeprefix(_ACTIVITY).lower() for each in entities if each["type"].startswith(_ACTIVITY)]
    things = (range(each["start"], each["end"]) for each in entities if each["type"].startswith(_OBJECT))
    return Annotated(note["tokens"], kinds[0] if kinds else "none", frozenset(at for each in things for at in each))


def _told(note: Annotated) -> str:
    work = first_activity(note.text)
    return work.activity.value if work else "none"


def _accuracy(notes: Sequence[Annotated]) -> float:
    return _share(_told(note) == note.activity for note in notes)


def _share(right: Iterable[bool]) -> float:
    counted = Counter(right)
    return counted[True] / max(1, counted.total())


def _classes(notes: Sequence[Annotated]) -> dict[str, dict[str, int]]:
    """For each activity, how many notes have it, how many were told to, and how many of these rightly."""
    pairs = [(note.activity, _told(note)) for note in notes]
    names = sorted({name for pair in pairs for name in pair})
    return {
        name: {
            "notes": sum(is_ == name for is_, _ in pairs),
            "told": sum(told == name for _, told in pairs),
            "right": sum(is_ == told == name for is_, told in pairs),
        }
        for name in names
    }


def _f1(notes: Sequence[Annotated], found_in: Callable[[Annotated], frozenset[int]]) -> float:
    return f1_of(notes, [found_in(note) for note in notes])


def f1_of(notes: Sequence[Annotated], found: Sequence[frozenset[int]]) -> float:
    """F1 of the tokens found in each note."""
    right = sum(len(told & note.things) for told, note in zip(found, notes, strict=True))
    return 2 * right / max(1, sum(len(told) + len(note.things) for told, note in zip(found, notes, strict=True)))


def tokens_of(note: Annotated, words: str) -> frozenset[int]:
    """The tokens of a note that stand among `words`, in any case."""
    said = set(words.casefold().split())
    return frozenset(number for number, token in enumerate(note.tokens) if token.casefold() in said)


def named_by(note: Annotated) -> frozenset[int]:
    """The tokens that a word of a thing stands in, by the rules."""
    spans, tokens, at = object_words(note.text), set(), 0
    for number, token in enumerate(note.tokens):
        if any(span.start < at + len(token) and at < span.end for span in spans):
            tokens.add(number)
        at += len(token) + 1
    return frozenset(tokens)


def _every_word(note: Annotated) -> frozenset[int]:
    return frozenset(number for number, token in enumerate(note.tokens) if token.isalpha())
