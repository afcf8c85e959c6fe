"""What a note could mean: every activity, measure, step and part that its words point to, with those words.

Rules
1. Nothing comes from nowhere: every candidate has the span of the note that it was read from.
2. Numbers in names of equipment, dates, times, positions, sizes and ranges are no measures; a measure has a unit
   that fits a limit of the asset, or the name of such a quantity in front of it.
3. What a note says was not done, is still to come, or was so before, is no candidate.
4. Rival candidates are all kept, the likelier first. Which one is meant is not decided here.
5. Time grows with the length of the note and not faster; control characters count as blanks.

It knows records only as plain fields, and neither the model nor commands.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from device.core import words
from shared.ids import id_of
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
    value: int | float
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
    """The kinds of work that `text` says were done, each once: a named service first, then what changed most."""
    things = [match.span() for match in words.THINGS.finditer(text)]
    found: dict[Activity, Work] = {}
    for span, activity in _first_come(_all(text, words.ACTIVITY)):
        if activity not in found and not _inside(span, things) and _was_done(text, span):
            found[activity] = Work(span, activity)
    return tuple(sorted(found.values(), key=_weight))


def _weight(work: Work) -> int:
    if words.NAMED_SERVICE.fullmatch(work.span.text):
        return -1
    return words.WEIGHT.index(work.activity)


def _was_done(text: str, span: Span) -> bool:
    return not words.NOT_DONE.search(_before(text, span)) and not words.OTHER_DAY.match(_after(text, span))


# -- steps


def steps(text: str, allowed: Iterable[str]) -> tuple[Step, ...]:
    """The allowed states that `text` says the job goes to, each once: a hold first, then what was said last."""
    found: dict[WorkStatus, Step] = {}
    for span, to in _first_come(_all(text, words.STATUS)):
        if to in allowed and _holds_now(text, span, to):
            found[to] = Step(span, to)
    return tuple(sorted(found.values(), key=lambda step: (step.to != WorkStatus.ON_HOLD, -step.span.start)))


def _holds_now(text: str, span: Span, to: WorkStatus) -> bool:
    return not words.NO_STATE.search(_before(text, span)) and not words.NO_STATE_AFTER[to].match(_after(text, span))


# -- measures

_NUMBER = r"(?<![\w.,:/#°-])(?P<number>[-−]?\d{1,7}(?:[.,]\d{1,4})*)"
_UNIT = "|".join(f"(?P<u{index}>{unit.spelled})" for index, unit in enumerate(words.UNITS))
_MEASURED = re.compile(rf"{_NUMBER} ?(?:{_UNIT})(?![A-Za-z\d/-])")
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


def value_of(number: str) -> int | float:
    """The value of a number as people write it: ``4.2``, ``4,2``, ``12,450``, ``−3``."""
    text = number.replace("−", "-")
    if _THOUSANDS.fullmatch(text):
        return int(text.replace(",", ""))
    whole, point, rest = text.replace(",", ".").partition(".")
    return float(f"{whole}.{rest.replace('.', '')}") if point else int(whole)


def numbers_of(text: str) -> tuple[int | float, ...]:
    """Every number that `text` says, in figures or in a word; a name without either says one."""
    figures = tuple(value_of(match["number"]) for match in re.finditer(_NUMBER, text))
    return figures or tuple(words.SPELLED.get(word, 1) for word in text.casefold().split()[:1])


def _sign(unit: str) -> str:
    """The proper sign of a unit, however it is spelled."""
    return next((each.sign for each in words.UNITS if re.fullmatch(each.spelled, unit)), unit)


# -- parts

_WORD = re.compile(r"[A-Za-z]+\d*|\d+")
#: A code in a name, not what the thing is called: VG, XPB, DN150.
_CODE = re.compile(r"[A-Z]{1,4}\d*")
_COUNT_BEFORE = re.compile(
    rf"(?:^|[ (,])(?P<count>\d{{1,3}}|{'|'.join(words.SPELLED)})"
    r"(?: ?(?P<unit>l|lit(?:re|er)s?|ltrs?|kg|m)| ?(?:x|×|off|no|pcs?|sets?|pairs?))?(?: of)?(?: [A-Za-z]+)?[ -]?$",
    re.IGNORECASE,
)
_COUNT_AFTER = re.compile(r"^ ?(?:[x×] ?(?P<count>\d{1,3})|\((?:x ?)?(?P<other>\d{1,3})(?: ?x| off)?\))(?!\w)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\b(?:on|from|near|at|behind|of|to|under|around|off|above|below|inside|by|beside) ", re.I)


def parts(text: str, stock: Sequence[Record]) -> tuple[Part, ...]:
    """The stock items that `text` says were used. Items that fit the same words equally well are rivals."""
    tokens = [token for match in _WORD.finditer(text) for token in _tokens(match)]
    found: list[Part] = []
    for item, span in _mentions(text, tokens, stock):
        pieces = item.fields["unit"] == "pcs"
        count = _count(text, span, pieces=pieces)
        if count is not None and (not pieces or _was_used(text, span)):
            found.append(Part(span, item, *count))
    return tuple(found[:CANDIDATES_MAX])


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of the note, or of what its shorthand stands for, and where it stands."""

    stem: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Name:
    """What a stock item is called: the words that say which it is, and the noun among them."""

    stems: frozenset[str]
    head: str


def _mentions(text: str, tokens: Sequence[_Token], stock: Sequence[Record]) -> list[tuple[Record, Span]]:
    """Each item that some words of the note name, with those words; of items on the same words only the best."""
    scored = [(*best, item) for item in stock for best in _best(text, tokens, item)]
    kept = []
    for score, span, item in scored:
        rivals = [other for other, other_span, _ in scored if _inside(span, [(other_span.start, other_span.end)])]
        if score == max(rivals):
            kept.append((item, span))
    return sorted(kept, key=lambda each: each[1].start)


def _best(text: str, tokens: Sequence[_Token], item: Record) -> Iterator[tuple[float, Span]]:
    """The words that name an item best, and how well: by its number, or by its noun with what describes it."""
    for number in (id_of(item.ref), str(item.fields["part_no"])):
        if match := re.search(rf"(?<![\w-]){re.escape(number)}(?![\w-])", text, re.IGNORECASE):
            yield 99.0, _span(text, *match.span())
            return
    name = _name(str(item.fields["name"]))
    good = [run for run in _runs(tokens, name.stems) if _names(text, run, name)]
    if good:
        run = max(good, key=lambda run: len({token.stem for token in run}))
        matched = len({token.stem for token in run})
        yield matched + matched / len(name.stems), _span(text, run[0].start, run[-1].end)


def _names(text: str, run: Sequence[_Token], name: _Name) -> bool:
    """Whether the words name the thing itself, and neither a part of it nor another kind of it."""
    span = _span(text, run[0].start, run[-1].end)
    if run[-1].stem != name.head and name.head not in {token.stem for token in run}:
        return False
    if words.PART_OF.match(_after(text, span)):
        return False
    return len(run) > 1 or bool(words.DESCRIBING.search(_before(text, span)))


def _runs(tokens: Sequence[_Token], stems: frozenset[str]) -> Iterator[list[_Token]]:
    """The unbroken rows of tokens that are among `stems`."""
    for is_named, run in groupby(tokens, lambda token: token.stem in stems):
        if is_named:
            yield list(run)


@lru_cache(maxsize=4096)
def _name(name: str) -> _Name:
    first = re.split(r"[,(;/–]|\bfor\b|\b\d", name)[0]
    nouns = [match for match in _WORD.findall(first) if not _CODE.fullmatch(match)]
    stems = [stem for noun in nouns for stem in _stems(noun) if stem not in words.PLAIN_NAME_WORDS]
    everything = {stem for word in _WORD.findall(name) for stem in _stems(word)}
    return _Name(frozenset(everything | set(stems)) - words.PLAIN_NAME_WORDS, stems[-1] if stems else "")


def _tokens(match: re.Match[str]) -> Iterator[_Token]:
    return (_Token(stem, *match.span()) for stem in _stems(match[0]))


def _stems(word: str) -> tuple[str, ...]:
    """A word without its plural, or the words that it is short for."""
    low = word.casefold()
    if len(low) > 3 and low.endswith("s") and not low.endswith("ss") and low not in words.SHORTHAND:
        low = low[:-3] + "y" if low.endswith("ies") else low[:-1]
    return tuple(words.SHORTHAND.get(low, low).split())


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


def _count(text: str, span: Span, *, pieces: bool) -> tuple[int, Span] | None:
    """How many, and the words that say so; None if nobody says how many of several, or how much."""
    if match := _COUNT_AFTER.match(text[span.end : span.end + 12]):
        group = "count" if match["count"] else "other"
        return int(match[group]) or 1, _span(text, span.end + match.start(group), span.end + match.end(group))
    start = max(0, span.start - _CONTEXT_CHARS)
    match = _COUNT_BEFORE.search(text[start : span.start])
    if match and bool(match["unit"]) != pieces and (count := _number_word(match["count"])):
        return count, _span(text, start + match.start("count"), start + match.end("count"))
    last = span.text.split()[-1].casefold()
    plural = last.endswith("s") and not last.endswith("ss")
    return (1, span) if pieces and not plural else None


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
