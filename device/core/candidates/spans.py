"""Where in a note something stands, and what stands around it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: How far around a word its neighbours are asked.
CONTEXT_CHARS = 48
#: Candidates of one sort that are looked at; a longer list is a pasted document, not a sentence.
CANDIDATES_MAX = 6
_BLANKS = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")
_CLAUSE_END = re.compile(r"[,;!?\n]|\.(?!\d)| - | & | and | then | but ")


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the note: from `start` up to `end`, and the words that stand there."""

    start: int
    end: int
    text: str


def plain(note: str) -> str:
    """`note` with every control character and odd blank as one space; as long as before, so that spans fit both."""
    return _BLANKS.sub(" ", note)


def span_of(text: str, start: int, end: int) -> Span:
    """The span of `text` from `start` up to `end`."""
    return Span(start, end, text[start:end])


def first_come(text: str, table: Mapping[T, re.Pattern[str]]) -> Iterator[tuple[Span, T]]:
    """What the patterns of `table` find in `text`, in its order and without overlaps.

    Of two finds that share words, the one that begins first counts, and of those that begin together the longest.
    """
    found = [(span_of(text, *match.span()), key) for key, each in table.items() for match in each.finditer(text)]
    end = -1
    for span, key in sorted(found, key=lambda each: (each[0].start, -each[0].end)):
        if span.start >= end:
            end = span.end
            yield span, key


def overlaps(span: Span, others: Sequence[Span]) -> bool:
    """Whether `span` shares words with any of `others`."""
    return any(other.start < span.end and span.start < other.end for other in others)


def before(text: str, span: Span) -> str:
    """The words of the same clause before `span`, at most `CONTEXT_CHARS`."""
    lead = text[max(0, span.start - CONTEXT_CHARS) : span.start]
    ends = list(_CLAUSE_END.finditer(lead))
    return lead[ends[-1].end() :] if ends else lead


def after(text: str, span: Span) -> str:
    """The words of the same clause after `span`, at most `CONTEXT_CHARS`."""
    tail = text[span.end : span.end + CONTEXT_CHARS]
    match = _CLAUSE_END.search(tail)
    return tail[: match.start()] if match else tail


def clause(text: str, span: Span) -> str:
    """The clause around `span`, as far as its neighbours are asked."""
    return before(text, span) + span.text + after(text, span)
