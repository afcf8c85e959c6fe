"""Which work a note says was done, and to which state it says the job goes."""

from collections.abc import Iterable
from dataclasses import dataclass

from device.core.candidates import words
from device.core.candidates.spans import Span, after, before, first_come, overlaps, span_of
from shared.records import Activity, WorkStatus


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work, and the word for it."""

    span: Span
    activity: Activity


@dataclass(frozen=True, slots=True)
class Step:
    """A state that the words say the job goes to."""

    span: Span
    to: WorkStatus


def works(text: str) -> tuple[Work, ...]:
    """The kinds of work that `text` says were done, each once: a named service first, then what changed most."""
    things = [span_of(text, *match.span()) for match in words.THINGS.finditer(text)]
    found: dict[Activity, Work] = {}
    for span, activity in first_come(text, words.ACTIVITY):
        if activity not in found and not overlaps(span, things) and was_done(text, span):
            found[activity] = Work(span, activity)
    return tuple(sorted(found.values(), key=_weight))


def _weight(work: Work) -> int:
    if words.NAMED_SERVICE.fullmatch(work.span.text):
        return -1
    return words.WEIGHT.index(work.activity)


def was_done(text: str, span: Span) -> bool:
    """Whether the words around `span` say nothing against its being done."""
    return not words.NOT_DONE.search(before(text, span)) and not words.OTHER_DAY.match(after(text, span))


def steps(text: str, allowed: Iterable[str]) -> tuple[Step, ...]:
    """The allowed states that `text` says the job goes to, each once: a hold first, then what was said last."""
    found: dict[WorkStatus, Step] = {}
    for span, to in first_come(text, words.STATUS):
        if to in allowed and _holds_now(text, span, to):
            found[to] = Step(span, to)
    return tuple(sorted(found.values(), key=lambda step: (step.to != WorkStatus.ON_HOLD, -step.span.start)))


def _holds_now(text: str, span: Span, to: WorkStatus) -> bool:
    return not words.NO_STATE.search(before(text, span)) and not words.NO_STATE_AFTER[to].match(after(text, span))
