"""A note with its shorthand spelled out, and the way back to the words that were said.

Rules
1. What is between the words stays, and so do words of which nothing is known.
2. Everything that is read from the spelled-out text is brought back to the words of the note (`said`): those are
   what the technician sees, and what every check looks at.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from device.core.candidates.spans import Span, span_of
from shared.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class SpelledOut:
    """`text` is what `note` means; each piece of it has a place here and in the note, and may be the same in both."""

    note: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    places: tuple[tuple[int, int, bool], ...]

    def said(self, span: Span) -> Span:
        """The words of the note that a span of `text` comes from."""
        first = bisect_right(self.starts, span.start) - 1
        last = bisect_left(self.starts, span.end) - 1
        start, end = self._into(first, span.start), self._into(last, span.end)
        if not self.places[first][2]:
            start = self.places[first][0]
        if not self.places[last][2]:
            end = self.places[last][1]
        return span_of(self.note, start, end)

    def _into(self, piece: int, at: int) -> int:
        return self.places[piece][0] + at - self.starts[piece]


def spelled_out(note: str, vocabulary: Vocabulary) -> SpelledOut:
    """`note` with its shorthand spelled out. `note` is plain, see `candidates.plain`."""
    texts: list[str] = []
    places: list[tuple[int, int, bool]] = []
    done = 0
    for token in vocabulary.normalise(note).tokens:
        if token.start > done:
            texts.append(note[done : token.start])
            places.append((done, token.start, True))
        words = note[token.start : token.end]
        is_same = not token.normal or token.normal.casefold() == words.casefold()
        texts.append(words if is_same else token.normal)
        places.append((token.start, token.end, is_same))
        done = token.end
    texts.append(note[done:])
    places.append((done, len(note), True))
    starts, at = [], 0
    for text in texts:
        starts.append(at)
        at += len(text)
    ends = tuple(start + len(text) for start, text in zip(starts, texts, strict=True))
    return SpelledOut(note, "".join(texts), tuple(starts), ends, tuple(places))
