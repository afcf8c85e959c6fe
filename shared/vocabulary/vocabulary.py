"""A vocabulary at work: a note's words with their normal forms and places, and what they may give away.

Rules
1. Every normal word has the span of the words that it comes from; the note itself is never changed.
2. Nothing is invented. Where a mask stands for an id or a number, the id or number of the note is filled in; a normal
   form that says another number is not used.
3. What may be an id, a person or an organisation is marked, likely or not: a mark may raise a class, and never lowers
   it.
4. Any text is bounded work: words after the first `WORDS_MAX` and words longer than anybody writes are taken as they
   stand, and the note says that it was not read as a whole.
"""

import re
from collections.abc import Sequence
from typing import Self

from shared.vocabulary.coding import decode, encode
from shared.vocabulary.forms import MASKS, NUM, masks_in
from shared.vocabulary.history import Note
from shared.vocabulary.learning import learn
from shared.vocabulary.lexicon import Lexicon
from shared.vocabulary.tokens import Normalised, Reading, Token
from shared.vocabulary.weights import Judge, Weights

#: Words of a text that are looked at; a longer one is a pasted document, not a note.
WORDS_MAX = 4000
_WORD = re.compile(r"\S+")
_EDGES = re.compile(r"^([(\[{\"“'‘]*)(.*?)([)\]}\"”’,;:!?.]*)$", re.DOTALL)
_FIGURES = re.compile(r"\d+")


class Vocabulary:
    """What was learned from a history."""

    def __init__(self, lexicon: Lexicon, weights: Weights) -> None:
        self._lexicon, self._weights = lexicon, weights
        self._judge = Judge(lexicon, weights)

    @classmethod
    def learned(cls, notes: Sequence[Note]) -> Self:
        """The vocabulary of a history."""
        return cls(*learn(notes))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The vocabulary in `raw`. Raises `BadVocabulary`."""
        return cls(*decode(raw))

    def to_bytes(self) -> bytes:
        """The vocabulary as it travels, the same bytes every time."""
        return encode(self._lexicon, self._weights)

    @property
    def entries(self) -> int:
        """How many words are known."""
        return len(self._lexicon.forms)

    def prepare(self) -> None:
        """Work out now what would be worked out for the first note: some tenths of a second."""
        self._lexicon.prepare()
        self._judge.prepare()

    def readings(self, words: Sequence[str]) -> list[Reading]:
        """What each of a note's words was taken for; nothing, for one that was merged into the word before."""
        return self._judge.readings(words)

    def normalise(self, note: str) -> Normalised:
        """`note` word by word."""
        places = [place for match in _WORD.finditer(note) for place in self._places(match)]
        words = [note[start:end] for start, end in places[:WORDS_MAX]]
        readings = self.readings(words)
        read = zip(places, words, readings, strict=False)
        tokens = [Token(*place, _filled(word, reading.normal), reading.marks) for place, word, reading in read]
        rest = (Token(start, end, note[start:end]) for start, end in places[WORDS_MAX:])
        return Normalised(note, tuple(_joined([*tokens, *rest])), len(places) <= WORDS_MAX)

    def _places(self, match: re.Match[str]) -> list[tuple[int, int]]:
        """Where the word is without the signs around it, unless it is known with them."""
        if match[0].lower() in self._lexicon.forms:
            return [match.span()]
        edges = _EDGES.match(match[0])
        assert edges is not None, "anything has edges, if empty ones"
        first, last = match.start() + edges.end(1), match.start() + edges.end(2)
        return [(first, last)] if last > first else []


def _filled(word: str, normal: str) -> str:
    """A normal form with the note's own words in the place of its masks; the word itself where they do not fit."""
    masks = masks_in(normal)
    if not masks:
        return normal
    if normal in MASKS:
        return word
    own = _FIGURES.findall(word)
    if len(own) != len(masks) or set(masks) != {NUM}:
        return word
    for figures in own:
        normal = normal.replace(NUM, figures, 1)
    return normal


def _joined(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, each that stands for nothing joined to the one before it."""
    joined: list[Token] = []
    for token in tokens:
        if token.normal or not joined or not joined[-1].normal:
            joined.append(token)
        else:
            last = joined[-1]
            joined[-1] = Token(last.start, token.end, last.normal, last.marks | token.marks)
    return joined
