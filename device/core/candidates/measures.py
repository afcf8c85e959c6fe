"""Which numbers of a note may be readings, of what, and in which unit."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device.core.candidates import units, words
from device.core.candidates.spans import CANDIDATES_MAX, CONTEXT_CHARS, Span, after, before, clause, overlaps, span_of
from shared.records import Quantity


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that may be a reading. `number` is the span of the number alone; `unit` may come from the limit."""

    span: Span
    number: Span
    value: int | float
    quantity: Quantity
    unit: str


_NUMBER = r"(?<![\w.,:/#°-])(?P<number>[-−]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]{1,7}(?:[.,][0-9]{1,4})?))"
_UNIT = "|".join(f"(?P<u{index}>{unit.spelled})" for index, unit in enumerate(units.UNITS))
_MEASURED = re.compile(rf"{_NUMBER} ?(?:{_UNIT})(?![A-Za-z\d/-])")
_BARE = re.compile(rf"{_NUMBER}(?![\w/:%°-]|[.,]\d| ?x\b| ?[A-Za-z]+/|(?: ?(?i:days?|weeks?|off|pcs|times|x|of)\b))")
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+")


def measures(text: str, limits: Sequence[Mapping[str, Any]]) -> tuple[Measure, ...]:
    """The numbers of `text` that may be readings of an asset.

    Args:
        text: plain, see `plain`.
        limits: the asset's, in the JSON form of `shared.records.Limit`.
    """
    signs = {Quantity(limit["quantity"]): str(limit["unit"]) for limit in limits}
    with_unit = [each for match in _MEASURED.finditer(text) for each in _measured(text, match, signs)]
    taken = [each.number for each in with_unit]
    bare = [each for match in _BARE.finditer(text) for each in _named(text, match, signs)]
    found = with_unit + [each for each in bare if not overlaps(each.number, taken)]
    found.sort(key=lambda each: -each.span.start)
    once = {(each.quantity, each.value, each.unit): each for each in found if _was_measured(text, each)}
    return tuple(sorted(once.values(), key=lambda each: each.span.start)[:CANDIDATES_MAX])


def _measured(text: str, match: re.Match[str], signs: Mapping[Quantity, str]) -> Iterator[Measure]:
    """The measure behind a number with a unit, if the asset has such a limit."""
    unit = next(unit for index, unit in enumerate(units.UNITS) if match[f"u{index}"])
    if unit.quantity not in signs:
        return
    span, number = span_of(text, *match.span()), span_of(text, *match.span("number"))
    if unit.named_only and not units.QUANTITY[unit.quantity].search(clause(text, span)):
        return
    own = signs[unit.quantity]
    sign = own if unit.sign in {_sign(own), "°"} else unit.sign
    yield Measure(span, number, value_of(number.text), unit.quantity, sign)


def _named(text: str, match: re.Match[str], signs: Mapping[Quantity, str]) -> Iterator[Measure]:
    """The measure behind a number without a unit, if the name of one of the asset's quantities stands before it."""
    lead = text[max(0, match.start() - CONTEXT_CHARS) : match.start()]
    for quantity, unit in signs.items():
        names = list(units.QUANTITY[quantity].finditer(lead))
        if names and units.FILLING.match(lead, names[-1].end()):
            start = match.start() - len(lead) + names[-1].start()
            number = span_of(text, *match.span("number"))
            yield Measure(span_of(text, start, match.end()), number, value_of(number.text), quantity, unit)
            return


def _was_measured(text: str, measure: Measure) -> bool:
    """Whether the number is what was found now, and not what was before, what is allowed, or the size of a part."""
    if units.NOT_MEASURED_AFTER.match(after(text, measure.span)):
        return False
    return not units.NOT_MEASURED.search(before(text, measure.number))


def value_of(number: str) -> int | float:
    """The value of a number as people write it: ``4.2``, ``4,2``, ``12,450``, ``−3``."""
    text = number.replace("−", "-")
    if _THOUSANDS.fullmatch(text):
        return int(text.replace(",", ""))
    return float(text.replace(",", ".")) if "," in text or "." in text else int(text)


def numbers_of(text: str) -> tuple[int | float, ...]:
    """Every number that `text` says, in figures or in a word."""
    figures = [value_of(match["number"]) for match in re.finditer(_NUMBER, text)]
    return (*figures, *(words.SPELLED[word] for word in text.casefold().split() if word in words.SPELLED))


def _sign(unit: str) -> str:
    """The proper sign of a unit, however it is spelled."""
    return next((each.sign for each in units.UNITS if re.fullmatch(each.spelled, unit)), unit)
