"""What a note could mean: every activity, measure, step and part that its words point to, with those words.

Rules
1. Nothing comes from nowhere: every candidate has the span of the note that it was read from.
2. Numbers in names of equipment, dates, times, positions, sizes and ranges are no measures; a measure has a unit
   that fits a limit of the asset, or the name of such a quantity in front of it.
3. What a note says was not done, is still to come, or was so before, is no candidate.
4. Rival candidates are all kept, in the order of the note. Which one is meant is not decided here.
5. Time grows with the length of the note and not faster; control characters count as blanks.

It knows records only as plain fields, and neither the model nor commands.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device.core import words
from shared.records import Activity, Quantity, Record, WorkStatus

#: Candidates of one sort that are looked at; a longer list is a pasted document, not a sentence.
CANDIDATES_MAX = 6
_CONTEXT_CHARS = 48
_BLANKS = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")
_CLAUSE_END = re.compile(r"[,;!?\n]|\.(?!\d)| - | & | and | then | but ")


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the note: from `start` up to `end`, and the words that stand there."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work, and the word for it."""

    span: Span
    activity: Activity


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that may be a reading. `number` is the span of the number alone; `unit` may come from the limit."""

    span: Span
    number: Span
    value: float
    quantity: Quantity
    unit: str


@dataclass(frozen=True, slots=True)
class Step:
    """A state that the words say the job goes to."""

    span: Span
    to: WorkStatus


@dataclass(frozen=True, slots=True)
class Part:
    """A stock item that the words point to, how many, and the words that say how many."""

    span: Span
    item: Record
    quantity: int
    counted: Span


def plain(note: str) -> str:
    """`note` with every control character and odd blank as one space; as long as before, so that spans fit both."""
    return _BLANKS.sub(" ", note)


# -- work


def works(text: str) -> tuple[Work, ...]:
    """The kinds of work that `text` says were done, each once, in its order."""
    things = [match.span() for match in words.THINGS.finditer(text)]
    found: dict[Activity, Work] = {}
    for span, activity in _first_come(_all(text, words.ACTIVITY)):
        if activity not in found and not _inside(span, things) and _was_done(text, span):
            found[activity] = Work(span, activity)
    return tuple(sorted(found.values(), key=lambda work: work.span.start))[:CANDIDATES_MAX]


def _was_done(text: str, span: Span) -> bool:
    return not words.NOT_DONE.search(_before(text, span)) and not words.OTHER_DAY.match(_after(text, span))


# -- steps


def steps(text: str, allowed: Iterable[str]) -> tuple[Step, ...]:
    """The allowed states that `text` says the job goes to, in its order, neighbours that agree as one."""
    found: list[Step] = []
    for span, to in _first_come(_all(text, words.STATUS)):
        if to in allowed and not words.NO_STATE.search(_before(text, span)):
            if not found or found[-1].to != to:
                found.append(Step(span, to))
    return tuple(found[:CANDIDATES_MAX])


# -- measures

_NUMBER = r"(?<![\w.,:/#°-])(?P<number>[-−]?\d{1,7}(?:[.,]\d{1,4})*)"
_UNIT = "|".join(f"(?P<u{index}>{unit.spelled})" for index, unit in enumerate(words.UNITS))
_MEASURED = re.compile(rf"{_NUMBER} ?(?:{_UNIT})(?![A-Za-z\d/]|-\d)")
_BARE = re.compile(rf"{_NUMBER}(?![\w/:%°-]|[.,]\d| ?x\b| ?[A-Za-z]+/|(?: ?(?i:days?|weeks?|off|pcs|times|x|of)\b))")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+")
#: Between the name of a quantity and its number, for numbers without a unit.
_NAMED = re.compile(
    r"(?: (?:now|at|is|was|reads|reading|of|up|down|to|back|steady|holding|about|approx|around|ok|de|nde|inlet|outlet|"
    r"discharge|suction|level|rate|pressure|meter|run|hours|residual|chlorine))*[ :=@~]{0,3}$",
    re.IGNORECASE,
)


def measures(text: str, limits: Sequence[Mapping[str, Any]]) -> tuple[Measure, ...]:
    """The numbers of `text` that may be readings of an asset.

    Args:
        text: plain, see `plain`.
        limits: the asset's, in the JSON form of `shared.records.Limit`.
    """
    units = {Quantity(limit["quantity"]): str(limit["unit"]) for limit in limits}
    with_unit = [each for match in _MEASURED.finditer(text) for each in _measured(text, match, units)]
    taken = [(each.number.start, each.number.end) for each in with_unit]
    bare = [each for match in _BARE.finditer(text) for each in _named(text, match, units)]
    bare = [each for each in bare if not _inside(each.number, taken)]
    found = sorted(with_unit + bare, key=lambda each: each.span.start)
    return tuple(each for each in found if _was_measured(text, each))[:CANDIDATES_MAX]


def _measured(text: str, match: re.Match[str], units: Mapping[Quantity, str]) -> Iterator[Measure]:
    """The measure behind a number with a unit, if the asset has such a limit."""
    unit = next(unit for index, unit in enumerate(words.UNITS) if match[f"u{index}"])
    if unit.quantity not in units:
        return
    if unit.named_only and not words.QUANTITY[unit.quantity].search(_clause(text, match.span())):
        return
    span, number = _span(text, *match.span()), _span(text, *match.span("number"))
    own = units[unit.quantity]
    sign = own if unit.sign in {_sign(own), "°"} else unit.sign
    yield Measure(span, number, value_of(number.text), unit.quantity, sign)


def _named(text: str, match: re.Match[str], units: Mapping[Quantity, str]) -> Iterator[Measure]:
    """The measure behind a number without a unit, if the name of one of the asset's quantities stands before it."""
    lead = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
    for quantity, unit in units.items():
        names = list(words.QUANTITY[quantity].finditer(lead))
        if names and _NAMED.match(lead, names[-1].end()):
            start = match.start() - len(lead) + names[-1].start()
            number = _span(text, *match.span("number"))
            yield Measure(_span(text, start, match.end()), number, value_of(number.text), quantity, unit)
            return


def _was_measured(text: str, measure: Measure) -> bool:
    before = _before(text, measure.number)
    if words.NOT_MEASURED_AFTER.match(_after(text, measure.span)):
        return False
    return not words.NOT_MEASURED.search(before)


def value_of(number: str) -> float:
    """The value of a number as people write it: ``4.2``, ``4,2``, ``12,450``, ``−3``."""
    text = number.replace("−", "-")
    if _THOUSANDS.fullmatch(text):
        return float(text.replace(",", ""))
    whole, _, rest = text.replace(",", ".").partition(".")
    return float(f"{whole}.{rest.replace('.', '')}")


def _sign(unit: str) -> str:
    """The proper sign of a unit, however it is spelled."""
    return next((each.sign for each in words.UNITS if re.fullmatch(each.spelled, unit)), unit)


# -- parts

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9’'-]*|\d+")
_COUNT_BEFORE = re.compile(
    r"(?:^|[ (,])(?P<count>\d{1,3}|[A-Za-z]+)(?: ?(?:x|×|off|no|pcs?|sets? of|pairs? of))?"
    r"(?: (?:of|the|new|more|spare|fresh|[A-Za-z]+))?[ -]?$",
    re.IGNORECASE,
)
_COUNT_AFTER = re.compile(r"^ ?(?:[x×] ?(?P<count>\d{1,3})|\((?:x ?)?(?P<other>\d{1,3})(?: ?x| off)?\))(?!\w)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\b(?:on|from|near|at|behind|of|to|under|around|off|above|below|inside|by|beside) ", re.I)


def parts(text: str, stock: Sequence[Record]) -> tuple[Part, ...]:
    """The stock items that `text` says were used. Items that fit the same words equally well are rivals."""
    if not stock:
        return ()
    tokens = [(_stem(match[0]), match.span()) for match in _WORD.finditer(text)]
    found: list[Part] = []
    for item, span in _mentions(text, tokens, stock):
        count = _count(text, span)
        if count is not None and _was_used(text, span):
            found.append(Part(span, item, *count))
    return tuple(found[:CANDIDATES_MAX])


@dataclass(frozen=True, slots=True)
class _Name:
    """What a stock item is called: the words that say which it is, and the noun among them."""

    stems: frozenset[str]
    head: str
    part_no: str


def _mentions(
    text: str, tokens: Sequence[tuple[str, tuple[int, int]]], stock: Sequence[Record]
) -> list[tuple[Record, Span]]:
    """Each item that some words of the note name, with those words; of items on the same words only the best."""
    scored: list[tuple[int, int, int, Record]] = []
    for item in stock:
        scored.extend((*best, item) for best in _best(text, tokens, _name(item)))
    kept = []
    for score, start, end, item in scored:
        rivals = [other for other in scored if other[1] < end and start < other[2]]
        if score == max(other[0] for other in rivals):
            kept.append((item, _span(text, start, end)))
    return sorted(kept, key=lambda each: each[1].start)


def _best(
    text: str, tokens: Sequence[tuple[str, tuple[int, int]]], name: _Name
) -> Iterator[tuple[int, int, int]]:
    """The words that name an item best: how well, from where, to where."""
    if name.part_no and (at := text.casefold().find(name.part_no)) >= 0:
        yield 99, at, at + len(name.part_no)
        return
    runs = list(_runs(tokens, name.stems))
    if not runs:
        return
    score, start, end, has_head = max(
        (len({stem for stem, _ in run}), run[0][1][0], run[-1][1][1], name.head in {stem for stem, _ in run})
        for run in runs
    )
    if score >= 2 or has_head:
        yield score * 2 + has_head, start, end


def _runs(
    tokens: Sequence[tuple[str, tuple[int, int]]], stems: frozenset[str]
) -> Iterator[list[tuple[str, tuple[int, int]]]]:
    run: list[tuple[str, tuple[int, int]]] = []
    for token in tokens:
        if token[0] in stems:
            run.append(token)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _name(item: Record) -> _Name:
    name, part_no = str(item.fields["name"]), str(item.fields["part_no"]).casefold()
    first = re.split(r"[,(;/–]|\bfor\b|\d", name)[0]
    nouns = [stem for stem in map(_stem, _WORD.findall(first)) if stem not in words.PLAIN_NAME_WORDS]
    stems = frozenset(map(_stem, _WORD.findall(name))) - words.PLAIN_NAME_WORDS
    return _Name(stems, nouns[-1] if nouns else "", part_no)


def _stem(word: str) -> str:
    low = word.casefold()
    low = words.SHORTHAND.get(low, low)
    if len(low) > 3 and low.endswith("s") and not low.endswith("ss"):
        low = low[:-3] + "y" if low.endswith("ies") else low[:-1]
    return words.SHORTHAND.get(low, low)


def _was_used(text: str, span: Span) -> bool:
    """Whether the clause around says that the thing was used, and not only where something was."""
    before, after = _before(text, span), _after(text, span)
    use = [match for match in words.USED.finditer(before)]
    if use and not _ELSEWHERE.search(before, use[-1].end()):
        return not words.NOT_DONE.search(before[: use[-1].start()])
    later = words.USED.search(after)
    if later is None or len(after[: later.start()].split()) > 2 or words.NOT_DONE.search(after[: later.start()]):
        return False
    return not _ELSEWHERE.search(before + " ")


def _count(text: str, span: Span) -> tuple[int, Span] | None:
    """How many, and the words that say so; None if there are several and nobody says how many."""
    if match := _COUNT_AFTER.match(text[span.end : span.end + 12]):
        group = "count" if match["count"] else "other"
        return int(match[group]) or 1, _span(text, span.end + match.start(group), span.end + match.end(group))
    start = max(0, span.start - _CONTEXT_CHARS)
    if match := _COUNT_BEFORE.search(text[start : span.start]):
        count = _number_word(match["count"])
        if count:
            return count, _span(text, start + match.start("count"), start + match.end("count"))
    last = span.text.split()[-1].casefold()
    plural = last.endswith("s") and not last.endswith("ss")
    return None if plural else (1, span)


def _number_word(word: str) -> int:
    return int(word) if word.isdigit() else words.SPELLED.get(word.casefold(), 0)


# -- spans and their surroundings


def _span(text: str, start: int, end: int) -> Span:
    return Span(start, end, text[start:end])


def _all(text: str, table: Mapping[Any, re.Pattern[str]]) -> list[tuple[Span, Any]]:
    return [(_span(text, *match.span()), key) for key, pattern in table.items() for match in pattern.finditer(text)]


def _first_come(found: list[tuple[Span, Any]]) -> Iterator[tuple[Span, Any]]:
    """Without overlaps: of two that share words, the one that begins first, and of those the longest."""
    end = -1
    for span, key in sorted(found, key=lambda each: (each[0].start, -each[0].end)):
        if span.start >= end:
            end = span.end
            yield span, key


def _inside(span: Span, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start < span.end and span.start < end for start, end in spans)


def _before(text: str, span: Span) -> str:
    """The words of the same clause before `span`, at most `_CONTEXT_CHARS`."""
    lead = text[max(0, span.start - _CONTEXT_CHARS) : span.start]
    ends = list(_CLAUSE_END.finditer(lead))
    return lead[ends[-1].end() :] if ends else lead


def _after(text: str, span: Span) -> str:
    """The words of the same clause after `span`, at most `_CONTEXT_CHARS`."""
    tail = text[span.end : span.end + _CONTEXT_CHARS]
    match = _CLAUSE_END.search(tail)
    return tail[: match.start()] if match else tail


def _clause(text: str, span: tuple[int, int]) -> str:
    whole = _span(text, *span)
    return _before(text, whole) + whole.text + _after(text, whole)
