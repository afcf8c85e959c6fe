"""Trends: what counts as a jump, and a plot that any terminal can show."""

from datetime import UTC, datetime, timedelta

import pytest

from device.core.trend import Point, Trend, jump, outside, plot, trends
from shared.records import Limit, Quantity, Reading

BAND = Limit(quantity=Quantity.PRESSURE, unit="bar", low=3.0, high=5.0)
OPEN = Limit(quantity=Quantity.PRESSURE, unit="bar", high=5.0)
START = datetime(2026, 8, 1, tzinfo=UTC)


def trend(*values: float, limit: Limit | None = BAND) -> Trend:
    points = (Point(START + timedelta(days=day), value, "bar") for day, value in enumerate(values))
    return Trend(Quantity.PRESSURE, limit, tuple(points))


@pytest.mark.parametrize(
    ("before", "value", "jumps"),
    [
        (trend(), 4.6, False),
        (trend(3.1, 3.1, 3.2, 3.1, 3.3, 3.2, 3.1), 4.6, True),
        (trend(3.1, 3.1, 3.2, 3.1, 3.3, 3.2, 3.1), 3.3, False),
        (trend(3.1, 4.6, 3.1, 4.6), 3.1, False),  # that is how this one goes
        (trend(3.1), 4.6, True),
        (trend(3.1), 3.5, False),
        (trend(4.0, limit=OPEN), 4.5, True),
        (trend(4.0, limit=None), 4.3, False),
        (trend(3.5, 3.5), 3.9, False),  # a step where there never was one, and still a small one
        (trend(3.0, 3.0), 1.0, True),
    ],
)
def test_what_jumps(before: Trend, value: float, jumps: bool) -> None:
    found = jump(before, value)
    assert (found is not None) == jumps
    if found:
        assert found.by == pytest.approx(value - before.points[-1].value)
        assert found.since == before.points[-1]


@pytest.mark.parametrize(
    ("limit", "value", "where"),
    [(BAND, 2.9, "below"), (BAND, 3.0, None), (BAND, 5.1, "above"), (OPEN, 1.0, None), (None, 9.0, None)],
)
def test_outside_the_normal_range(limit: Limit | None, value: float, where: str | None) -> None:
    assert outside(limit, value) == where


def test_the_plot_shows_limits_and_the_newest_value() -> None:
    assert plot(trend(3.1, 3.2, 4.6), rows=5) == [
        "      5 |--------- high",
        "        |       @",
        "        |",
        "        |",
        "      3 |-*--*---- low",
    ]


def test_the_plot_is_ascii_and_never_wider_or_higher_than_asked() -> None:
    for each in (trend(1e6, -1e6, 0.0), trend(4.0, limit=None), trend(3.0, 3.0, limit=None), trend(*range(40))):
        drawn = plot(each, rows=6)
        assert len(drawn) == 6
        assert all(line.isascii() and len(line) <= 40 for line in drawn)
        assert sum(line.count("@") for line in drawn) == 1


def test_nothing_measured_is_no_plot() -> None:
    assert plot(trend()) == []


def test_trends_take_one_unit_and_put_limits_first() -> None:
    def reading(quantity: Quantity, value: float, unit: str, day: int) -> Reading:
        return Reading(
            asset="asset/P-7",
            quantity=quantity,
            value=value,
            unit=unit,
            author="a.okafor",
            taken_at=START + timedelta(days=day),
        )

    found = trends(
        [BAND],
        [
            reading(Quantity.TEMPERATURE, 60, "C", 3),
            reading(Quantity.PRESSURE, 4.2, "bar", 2),
            reading(Quantity.PRESSURE, 420, "kPa", 4),
            reading(Quantity.PRESSURE, 4.1, "bar", 1),
        ],
    )
    assert [(each.quantity, [point.value for point in each.points], each.unit) for each in found] == [
        (Quantity.PRESSURE, [4.1, 4.2], "bar"),
        (Quantity.TEMPERATURE, [60], "C"),
    ]
