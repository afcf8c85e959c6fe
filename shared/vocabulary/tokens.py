"""A note, word by word: where each stands, what it stands for, and what it may give away."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What a word may give away."""

    ID = "id"
    SENSITIVE = "sensitive"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a word was taken for: its normal form with masks, and its marks."""

    normal: str
    marks: frozenset[Mark]


@dataclass(frozen=True, slots=True)
class Token:
    """Words of a note, from `start` up to `end`, and what they stand for; `normal` is empty if that is nothing."""

    start: int
    end: int
    normal: str
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True)
class Normalised:
    """A note and its tokens in order. `whole` is false if some of it was not looked at."""

    note: str
    tokens: tuple[Token, ...]
    whole: bool

    def marked(self) -> tuple[Token, ...]:
        """The tokens that may give something away."""
        return tuple(token for token in self.tokens if token.marks)
