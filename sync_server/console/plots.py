"""Bars, and lines over time, drawn here as SVG, each with a table that says the same.

No script draws anything: a page that is read aloud, printed, or shown without scripts has the same figures. A library
of plots would be larger than all our pages together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from sync_server.console.blocks import Picture, Said, Section, Table, Text, said

_ROW, _LABEL, _BAR, _VALUE = 26, 220, 330, 110
BARS_MAX = 12
LINES_MAX = 5
_LEFT, _WIDE, _RIGHT, _TOP, _HIGH = 70, 400, 200, 10, 110
_DASHES = ("none", "8 4", "2 3", "12 3 2 3", "5 8")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `needs`: somebody should look at it."""

    label: str
    value: float
    needs: bool = False


def plot(title: Said, bars: Sequence[Bar], unit: str, empty: Said) -> Section:
    """Bars under a heading, and their table."""
    if not bars:
        return Section(title, (Text(empty),))
    shown = sorted(bars, key=lambda each: -each.value)
    rows: tuple[tuple[Any, ...], ...] = tuple((each.label, number(each.value)) for each in shown)
    drawn = Picture(_svg(shown[:BARS_MAX]), said("Bars, the largest first; the table says the same."))
    table = Table(said("{title}, in {unit}", title=title, unit=unit), (Said("What"), Said("Value")), rows, empty)
    return Section(title, (drawn, Section(Said("As a table"), (table,), folded=True)))


def _svg(bars: Sequence[Bar]) -> str:
    width, height = _LABEL + _BAR + _VALUE, _ROW * len(bars)
    most = max((each.value for each in bars), default=0) or 1
    rows = "".join(_row(place, each, most) for place, each in enumerate(bars))
    return f'<svg class="plot" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{rows}</svg>'


def _row(place: int, bar: Bar, most: float) -> str:
    top, length = place * _ROW, max(1, round(bar.value / most * _BAR))
    tone = ' class="needs"' if bar.needs else ""
    return (
        f'<text x="{_LABEL - 8}" y="{top + 17}" text-anchor="end">{escape(bar.label[:34])}</text>'
        f'<rect{tone} x="{_LABEL}" y="{top + 4}" width="{length}" height="{_ROW - 9}"/>'
        f'<text x="{_LABEL + length + 6}" y="{top + 17}">{number(bar.value)}</text>'
    )


# -- lines


@dataclass(frozen=True, slots=True)
class Line:
    """A value for each stretch of time; None where nothing is known. `label` is empty where there is one line."""

    label: str
    values: tuple[float | None, ...]


def lines(title: Said, given: Sequence[Line], ends: Sequence[datetime], unit: Said, empty: Said) -> Section:
    """Lines under a heading, the highest first, and their table; `ends` are when each stretch ended."""
    if not given:
        return Section(title, (Text(empty),))
    highest = sorted(given, key=lambda each: -max((value or 0 for value in each.values), default=0))[:LINES_MAX]
    drawn = Picture(_drawn(highest, ends), said("Lines over time; the table says the same."))
    rows = tuple(
        (end, *("–" if each.values[place] is None else number(each.values[place] or 0) for each in highest))
        for place, end in reversed([*enumerate(ends)])
        if any(each.values[place] is not None for each in highest)
    )
    columns = (Said("Until"), *(Said(each.label or "Value") for each in highest))
    table = Table(said("{title}, in {unit}, over time", title=title, unit=unit), columns, rows, empty)
    return Section(title, (drawn, Section(Said("As a table"), (table,), folded=True)))


def _drawn(given: Sequence[Line], ends: Sequence[datetime]) -> str:
    most = max((value for each in given for value in each.values if value is not None), default=0) or 1
    bottom = _TOP + _HIGH
    frame = (
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _WIDE}" y2="{bottom}"/>'
        f'<line x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT + _WIDE}" y2="{_TOP}"/>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 5}" text-anchor="end">{number(most)}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom + 5}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{bottom + 20}">{ends[0]:%d %b %H:%M} UTC</text>'
        f'<text x="{_LEFT + _WIDE}" y="{bottom + 20}" text-anchor="end">{ends[-1]:%d %b %H:%M} UTC</text>'
    )
    drawn = "".join(_one_line(place, each, most) for place, each in enumerate(given))
    width, height = _LEFT + _WIDE + _RIGHT, bottom + 30
    return f'<svg class="plot" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{frame}{drawn}</svg>'


def _one_line(place: int, line: Line, most: float) -> str:
    """Stretches of one line between gaps, dashed in its own way, and its name in the margin."""
    step = _WIDE / max(1, len(line.values) - 1)
    paths, pen = [], False
    for at, value in enumerate(line.values):
        if value is None:
            pen = False
            continue
        paths.append(f"{'L' if pen else 'M'}{_LEFT + at * step:.1f} {_TOP + _HIGH * (1 - value / most):.1f}h0")
        pen = True
    y, dash = _TOP + 8 + place * 20, _DASHES[place % len(_DASHES)]
    key = f'<path class="dash{place}" stroke-dasharray="{dash}" d="M{_LEFT + _WIDE + 10} {y}h30"/>'
    name = f'<text x="{_LEFT + _WIDE + 46}" y="{y + 5}">{escape(line.label[:22])}</text>'
    drawn = f'<path class="dash{place}" stroke-dasharray="{dash}" d="{"".join(paths)}"/>'
    return drawn + (key + name if line.label else "")


def number(value: float) -> str:
    """A figure with as many digits as say something."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
