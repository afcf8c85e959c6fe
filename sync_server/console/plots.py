"""Bars, drawn here as SVG, each with a table that says the same.

No script draws anything: a page that is read aloud, printed, or shown without scripts has the same figures. A library
of plots would be larger than all our pages together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from sync_server.console.blocks import Picture, Said, Section, Table, Text, said

_ROW, _LABEL, _BAR, _VALUE = 26, 220, 330, 110
BARS_MAX = 12


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


def number(value: float) -> str:
    """A figure with as many digits as say something."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
