"""Normalisation and sensitivity, learned from MaintNorm's `train.norm` and tested on its `val.norm`.

The floor is the most frequent normal form of each word, and the word itself where there is none. Times are processor
time: the work is one thread's, and waits for nothing.
"""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from shared.vocabulary import Found, Grade, Mark, Note, Reading, Vocabulary, grade, read_history
from shared.vocabulary.forms import ID, SENSITIVE
from shared.vocabulary.grading import Reader
from shared.vocabulary.history import words_of
from shared.vocabulary.lexicon import count
from simulators.bench.figures import Figures, figure, processor_seconds

T = TypeVar("T")
PASSES = 5


class MostFrequent:
    """What each word stood for most often."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self._usual = count(notes).usual

    def readings(self, words: Sequence[str]) -> list[Reading]:
        """Each word by itself."""
        return [self._reading(word) for word in words]

    def _reading(self, word: str) -> Reading:
        normal = self._usual.get(word.lower(), word.lower())
        marks = {mark for mark, mask in ((Mark.ID, ID), (Mark.SENSITIVE, SENSITIVE)) if mask in normal}
        return Reading(normal, frozenset(marks))


def measure(train: Path, test: Path) -> tuple[Figures, dict[str, Any]]:
    """Figures and counts."""
    history, unseen = read_history(train.read_bytes()), read_history(test.read_bytes())
    counted_s, simple = _timed(lambda: MostFrequent(history))
    learned_s, learned = _timed(lambda: Vocabulary.learned(history))
    raw = learned.to_bytes()
    vocabulary = Vocabulary.from_bytes(raw)
    prepared_s = processor_seconds(vocabulary.prepare)
    first = _notes_per_s(vocabulary, unseen, passes=1)
    done, plain = grade(vocabulary, unseen), grade(simple, unseen)
    figures = {
        "normalise_error_reduction": figure(done.error_reduction, "share", plain.error_reduction),
        "normalise_notes_per_s": figure(_notes_per_s(vocabulary, unseen), "notes/s", _notes_per_s(simple, unseen)),
        "normalise_first_pass": figure(first, "notes/s", _notes_per_s(simple, unseen)),
        "prepare_ms": figure(1000 * prepared_s, "ms", 1000 * processor_seconds(lambda: Vocabulary.from_bytes(raw))),
        "learn_s": figure(learned_s, "s", counted_s),
        "vocabulary_bytes": figure(len(raw), "bytes", train.stat().st_size),
        **_marks("id", done.ids, plain.ids),
        **_marks("sensitive", done.sensitive, plain.sensitive),
    }
    return figures, {"notes": len(unseen), **_counts(done)}


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    made: list[T] = []
    took = processor_seconds(lambda: made.append(work()))
    return took, made[0]


def _notes_per_s(reader: Reader, notes: Sequence[Note], passes: int = PASSES) -> float:
    """The median of several passes; the first is the one in which words are met for the first time.

    What the bench has piled up before, the history and what was learned from it, is put aside: else the collector
    walks over it inside the measurement.
    """
    words = [words_of(note) for note in notes]
    gc.collect()
    gc.freeze()
    return statistics.median(
        len(words) / processor_seconds(lambda: [reader.readings(each) for each in words]) for _ in range(passes)
    )


def _marks(name: str, done: Found, plain: Found) -> Figures:
    return {
        f"{name}_recall": figure(done.recall, "share", plain.recall),
        f"{name}_precision": figure(done.precision, "share", plain.precision),
    }


def _counts(grade: Grade) -> dict[str, Any]:
    told = {mark: asdict(found) for mark, found in (("ids", grade.ids), ("sensitive", grade.sensitive))}
    return {
        "words": grade.words,
        "wrong": grade.words - grade.right,
        "wrong_as_is": grade.words - grade.right_as_is,
        "leaks": grade.ids.missed + grade.sensitive.missed,
        **told,
    }
