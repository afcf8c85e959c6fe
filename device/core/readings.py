"""What a note could mean, read as it stands and with its shorthand spelled out.

Rules
1. Words as they stand come first. Spelled out, a note adds what was not found; only of the kinds of work the
   spelled-out text has the say, because it knows what a short word of this organisation means ("REP").
2. Where no word says the work that was done, a rarer reading of a word may (`activities`), unless it was not done.
3. Every span is of the words that were said.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from device.core import candidates
from device.core.candidates import Measure, Part, Span, Step, Work
from device.core.candidates.activities import first_activity
from device.core.candidates.works import was_done
from device.core.shorthand import SpelledOut, spelled_out
from shared.records import Record
from shared.vocabulary import Vocabulary


class _Found(Protocol):
    @property
    def span(self) -> Span: ...


C = TypeVar("C", bound=_Found)


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything that the words of a note point to."""

    works: tuple[Work, ...]
    parts: tuple[Part, ...]
    measures: tuple[Measure, ...]
    steps: tuple[Step, ...]


#: Of a note that is not read.
NOTHING = Readings((), (), (), ())


def readings(
    text: str,
    stock: Sequence[Record],
    asset: Record | None,
    limits: Sequence[Mapping[str, Any]],
    allowed: Iterable[str],
    vocabulary: Vocabulary | None,
) -> Readings:
    """What `text` could mean. Arguments as of `candidates`; `text` is plain."""
    states = frozenset(allowed)

    def read(words: str) -> Readings:
        return Readings(
            _works(words),
            candidates.parts(words, stock, asset),
            candidates.measures(words, limits),
            candidates.steps(words, states),
        )

    plain = read(text)
    if vocabulary is None:
        return plain
    spelled = spelled_out(text, vocabulary)
    return _both(plain, read(spelled.text), spelled) if spelled.text != text else plain


def _works(text: str) -> tuple[Work, ...]:
    if found := candidates.works(text):
        return found
    first = first_activity(text)
    return (first,) if first and was_done(text, first.span) else ()


def _both(plain: Readings, normal: Readings, spelled: SpelledOut) -> Readings:
    said = spelled.said
    works = tuple(replace(each, span=said(each.span)) for each in normal.works)
    parts = (replace(each, span=said(each.span), counted=said(each.counted)) for each in normal.parts)
    measures = (replace(each, span=said(each.span), number=said(each.number)) for each in normal.measures)
    steps = (replace(each, span=said(each.span)) for each in normal.steps)
    return Readings(
        works or plain.works,
        _added(plain.parts, parts, lambda part: part.item.ref),
        _added(plain.measures, measures, lambda measure: (measure.quantity, measure.value)),
        _added(plain.steps, steps, lambda step: step.to),
    )


def _added(first: Sequence[C], more: Iterable[C], what: Callable[[C], object]) -> tuple[C, ...]:
    """Those of `first`, and of `more` those that say something else on other words."""
    here, spans = {what(each) for each in first}, [each.span for each in first]
    return (*first, *(each for each in more if what(each) not in here and not candidates.overlaps(each.span, spans)))
