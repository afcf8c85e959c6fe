"""What is odd about a reading, in words: how it is asked about, by a form and beside a proposal."""

from datetime import datetime

from device.core.trend import Trend, jump, outside
from device.plain import plain
from device.words import moment
from shared.records import Limit


def normal(limit: Limit | None) -> str:
    """The normal range, as in ``from 3 to 5``; empty where there is none."""
    if limit is None or (limit.low is None and limit.high is None):
        return ""
    if limit.low is None:
        return f"up to {limit.high:g}"
    return f"from {limit.low:g}" + (f" to {limit.high:g}" if limit.high is not None else "")


def odd(trend: Trend, value: float, unit: str, now: datetime) -> str:
    """What is odd about a value beside what is known of its quantity; empty if nothing is."""
    if trend.unit not in {unit, ""}:
        return f"Everything here is in {trend.unit}, so {value:g} {plain(unit)} cannot be compared."
    said = []
    if found := jump(trend, value):
        said.append(f"Jump of {abs(found.by):g} since {moment(found.since.at, now)} ({found.since.value:g} {unit}).")
    if side := outside(trend.limit, value):
        said.append(f"That is {side} the normal range {normal(trend.limit)}.")
    return " ".join(said)
