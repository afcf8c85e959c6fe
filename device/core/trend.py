"""Readings of one quantity over time: the last values, whether a new one jumps, and a plot out of plain characters.

Rules
1. Values are compared in one unit only: that of the limit, or of the newest value where there is no limit.
2. A new value jumps when its step is more than three times the usual one (the median of the steps before) and, where
   both limits are known, more than a quarter of the way between them; otherwise more than a tenth of the last value.
   With fewer than two earlier values there is no usual step, and the second half of the rule decides alone.
3. A jump is a question to the person who measured, and never a reason to refuse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from shared.records import Limit, Quantity, Reading

#: So many values are shown.
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value."""

    at: datetime
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A quantity of one asset: its limit, if it has one, and what was measured, oldest first."""

    quantity: Quantity
    limit: Limit | None
    points: tuple[Point, ...]

    @property
    def unit(self) -> str:
        """The unit that the values are in; empty while nothing is known."""
        return self.limit.unit if self.limit else self.points[-1].unit if self.points else ""

    @property
    def last(self) -> tuple[Point, ...]:
        """The last values, oldest first."""
        return self.points[-SHOWN:]


@dataclass(frozen=True, slots=True)
class Jump:
    """How far a value lies from the one `since`."""

    by: float
    since: Point


def trends(limits: Sequence[Limit], readings: Iterable[Reading]) -> list[Trend]:
    """One trend for each limit, then one for each other quantity that was measured, each with its values by time."""
    by_quantity: dict[Quantity, list[Reading]] = {}
    for reading in sorted(readings, key=lambda each: each.taken_at):
        by_quantity.setdefault(reading.quantity, []).append(reading)
    of = {limit.quantity: limit for limit in limits}
    others = [each for each in by_quantity if each not in of]
    return [_trend(each, of.get(each), by_quantity.get(each, [])) for each in (*of, *others)]


def _trend(quantity: Quantity, limit: Limit | None, readings: Sequence[Reading]) -> Trend:
    unit = limit.unit if limit else readings[-1].unit
    points = (Point(each.taken_at, each.value, each.unit) for each in readings if each.unit == unit)
    return Trend(quantity, limit, tuple(points))


def jump(trend: Trend, value: float) -> Jump | None:
    """The jump that `value` would be after the values of `trend`; None if it is none."""
    if not trend.points:
        return None
    last = trend.points[-1]
    by = value - last.value
    usual = [abs(after.value - before.value) for before, after in pairwise(trend.points)]
    if usual and abs(by) <= 3 * median(usual):
        return None
    return Jump(by, last) if abs(by) > _large(trend.limit, last.value) else None


def _large(limit: Limit | None, last: float) -> float:
    if limit is not None and limit.low is not None and limit.high is not None:
        return (limit.high - limit.low) / 4
    return abs(last) / 10


def outside(limit: Limit | None, value: float) -> str | None:
    """``below`` or ``above`` the normal range; None within it, or where there is none."""
    if limit is not None and limit.low is not None and value < limit.low:
        return "below"
    if limit is not None and limit.high is not None and value > limit.high:
        return "above"
    return None


# -- the plot


def plot(trend: Trend, *, rows: int = 6) -> list[str]:
    """The last values between their limits, `rows` lines high, ASCII alone: ``*`` is a value, ``@`` the newest.

    Nothing to draw gives no lines. The limits' lines are named where they lie.
    """
    values = [point.value for point in trend.last]
    marks = _marks(trend.limit)
    if not values or rows < 2:
        return []
    low, high = min([*values, *marks]), max([*values, *marks])
    reach = (high - low) or 1.0

    def row_of(value: float) -> int:
        return round((high - value) / reach * (rows - 1))

    limits = {row_of(value): (value, name) for value, name in marks.items()}
    ends = {row_of(high): high, row_of(low): low}
    newest = len(values) - 1
    return [
        _plot_row(
            {index: "@" if index == newest else "*" for index, value in enumerate(values) if row_of(value) == row},
            len(values),
            limits.get(row),
            ends.get(row),
        )
        for row in range(rows)
    ]


def _marks(limit: Limit | None) -> dict[float, str]:
    if limit is None:
        return {}
    return {value: name for value, name in ((limit.low, "low"), (limit.high, "high")) if value is not None}


def _plot_row(found: dict[int, str], count: int, limit: tuple[float, str] | None, end: float | None) -> str:
    ground = "-" if limit else " "
    cells = "".join(ground + found.get(index, ground) + ground for index in range(count))
    number = limit[0] if limit else end
    label = f"{number:g}" if number is not None else ""
    return f"{label:>7} |{cells}{f' {limit[1]}' if limit else ''}".rstrip()
