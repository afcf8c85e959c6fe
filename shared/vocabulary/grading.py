"""How good a vocabulary is on notes that it was not learned from.

The error reduction rate is by word: (share right − share right as it is) / (1 − share right as it is).
What ought to be marked and was not is a leak. Source: Bikaun et al., MaintNorm, W-NUT 2024.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.vocabulary.forms import ID, SENSITIVE
from shared.vocabulary.history import Note, words_of
from shared.vocabulary.tokens import Mark, Reading
from shared.vocabulary.vocabulary import Vocabulary

_MASK = {Mark.ID: ID, Mark.SENSITIVE: SENSITIVE}


class Reader(Protocol):
    """What can be graded: a vocabulary, or something simpler to compare it with."""

    def readings(self, words: Sequence[str]) -> list[Reading]:
        """What each of a note's words was taken for."""


@dataclass(frozen=True, slots=True)
class Found:
    """How many of the words that ought to be marked were, how many were not, and how many others were."""

    found: int
    missed: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of what there is that was found; 1 if there is nothing."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    @property
    def precision(self) -> float:
        """Share of what was marked that ought to be; 1 if nothing was marked."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0


@dataclass(frozen=True, slots=True)
class Grade:
    """Words right, right if left as they are, and all; and what was marked of ids and of names."""

    words: int
    right: int
    right_as_is: int
    ids: Found
    sensitive: Found

    @property
    def error_reduction(self) -> float:
        """The error reduction rate; 0 if nothing needed a change."""
        wrong_as_is = self.words - self.right_as_is
        return (self.right - self.right_as_is) / wrong_as_is if wrong_as_is else 0.0


#: A word, the normal form that it ought to have, and what it was taken for.
_Graded = tuple[str, str, Reading]


def grade(reader: Reader, notes: Iterable[Note]) -> Grade:
    """How `reader` does on `notes`."""
    return _grade([each for note in notes for each in _graded(reader, note)])


def cross_validated(notes: Sequence[Note], folds: int) -> Grade:
    """How vocabularies learned from all but one of `folds` parts do, each on the part that it does not know."""
    graded: list[_Graded] = []
    for fold in range(folds):
        vocabulary = Vocabulary.learned([note for at, note in enumerate(notes) if at % folds != fold])
        graded += [each for note in notes[fold::folds] for each in _graded(vocabulary, note)]
    return _grade(graded)


def _graded(reader: Reader, note: Note) -> Iterator[_Graded]:
    readings = reader.readings(words_of(note))
    return ((word, normal, reading) for (word, normal), reading in zip(note, readings, strict=True))


def _grade(graded: Sequence[_Graded]) -> Grade:
    return Grade(
        len(graded),
        sum(normal == reading.normal for _, normal, reading in graded),
        sum(normal == word for word, normal, _ in graded),
        _found(graded, Mark.ID),
        _found(graded, Mark.SENSITIVE),
    )


def _found(graded: Sequence[_Graded], mark: Mark) -> Found:
    """A normal form that holds the mask among other words counts as well: it would be masked."""
    pairs = [(_MASK[mark] in normal, mark in reading.marks, normal) for _, normal, reading in graded]
    found = sum(ought and did for ought, did, _ in pairs)
    wrong = sum(did and not ought and bool(normal) for ought, did, normal in pairs)
    return Found(found, sum(ought and not did for ought, did, _ in pairs), wrong)
