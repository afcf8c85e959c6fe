"""How the figures of the health page went: lines over a day or a week, each with a table that says the same.

Rules
1. What is shown was kept by `sync_server.telemetry.sampling`, and ends with what is measured now.
2. A counter is shown as what was added in each stretch; where nothing was kept before, nothing is made up.
3. A latency is the bound within which 95 of 100 of that stretch lie.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from shared.metrics import BY_NAME, Key
from sync_server.console.blocks import Link, Said, Section, Several, Text, Ways, said
from sync_server.console.pages import label
from sync_server.console.plots import Line, lines
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.store.measured_then import Point
from sync_server.telemetry.readings import Readings
from sync_server.telemetry.sampling import summed

Kept = Mapping[Key, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Span:
    """How far back, and how long a stretch is."""

    name: str
    back: timedelta
    step: timedelta


DAY = Span("day", timedelta(days=1), timedelta(hours=1))
WEEK = Span("week", timedelta(days=7), timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A plot. `how`: added (of a counter), level (of a gauge), or within (95 of 100, of a histogram)."""

    metric: str
    how: str
    title: Said
    unit: Said


_PLOTS = (
    _Shown("tailboard_sync_seconds", "within", Said("From confirmation to outcome"), Said("seconds")),
    _Shown("tailboard_commands_settled_total", "added", Said("Commands by what became of them"), Said("commands")),
    _Shown("tailboard_conflicts_open", "level", Said("Open conflicts"), Said("conflicts")),
    _Shown("tailboard_duplicates_prevented_total", "added", Said("Duplicates prevented"), Said("commands")),
    _Shown("tailboard_outbox_age_seconds", "level", Said("Oldest command on a laptop, as it said"), Said("seconds")),
    _Shown("tailboard_decisions_total", "added", Said("Decisions by route"), Said("decisions")),
    _Shown("tailboard_fail_closed_total", "added", Said("Refused, by what was in the way"), Said("questions")),
    _Shown("tailboard_consents_total", "added", Said("Consents given, used, taken back"), Said("consents")),
    _Shown("tailboard_fallbacks_total", "added", Said("Fallbacks after a failure"), Said("tries")),
    _Shown("tailboard_route_switches_total", "added", Said("Conversations that changed places"), Said("times")),
    _Shown("tailboard_moved_bytes_total", "added", Said("Data moved, by boundary"), Said("bytes")),
    _Shown(
        "tailboard_gateway_tasks_total",
        "added",
        Said("Tasks by end; answered is goodput"),
        Said("tasks"),
    ),
    _Shown("tailboard_gateway_queue_seconds", "within", Said("Wait for a turn at the cluster"), Said("seconds")),
    _Shown("tailboard_gateway_first_token_seconds", "within", Said("First token from the cluster"), Said("seconds")),
    _Shown("tailboard_task_queue_age_seconds", "level", Said("Oldest question that waits"), Said("seconds")),
)
_NONE = Said("Nothing was kept of these yet. A server that runs keeps its figures every quarter of an hour.")


def over_time(office: Office, visit: Visit, readings: Readings, now: datetime) -> Section:
    """The plots; `readings` are those of now, without the organisation."""
    span = WEEK if visit.query.get("span") == WEEK.name else DAY
    other = (
        Link(Said("Over a day"), "/console/health?span=day")
        if span is WEEK
        else Link(Said("Over a week"), "/console/health?span=week")
    )
    names = [each.metric + ("_bucket" if each.how == "within" else "") for each in _PLOTS]
    with office.service.store.reading() as tx:
        kept = tx.measured_since(visit.tenant, names, now - span.back - span.step)
    for key, value in summed(readings).items():
        kept.setdefault(key, []).append((now, value))
    ends = _ends(span, now)
    drawn = [(each, tuple(_lines(each, kept, ends, span))) for each in _PLOTS]
    plots = tuple(lines(each.title, told, ends, each.unit, _NONE) for each, told in drawn if told)
    without = tuple(each.title for each, told in drawn if not told)
    told = Text(Said("One stretch is an hour.") if span is DAY else Said("One stretch is six hours."))
    nothing = Section(
        said("{n} figures without a plot", n=len(without)), (Text(_NONE), Text(Several(without))), folded=True
    )
    return Section(Said("Over time"), (Ways((other,)), told, *plots, *((nothing,) if without else ())))


def _ends(span: Span, now: datetime) -> tuple[datetime, ...]:
    number = span.back // span.step
    return tuple(now - span.step * back for back in range(number - 1, -1, -1))


def _lines(
    shown: _Shown, kept: Mapping[Key, Sequence[Point]], ends: Sequence[datetime], span: Span
) -> Iterator[Line]:
    if shown.how == "within":
        yield from _within(shown, kept, ends, span)
        return
    first = min((at for (name, _), points in kept.items() if name == shown.metric for at, _ in points), default=None)
    for (name, labels), points in sorted(kept.items()):
        if name != shown.metric or first is None:
            continue
        moments = (ends[0] - span.step, *ends)
        if shown.how == "added":  # what was never counted while others were, was nothing
            told = [_at(points, end, None) or (0.0 if end >= first else None) for end in moments]
        else:
            told = [_at(points, end, span.step) for end in moments]
        values = told[1:] if shown.how == "level" else _added(told)
        if any(value is not None for value in values):
            yield Line(", ".join(map(label, labels)), tuple(values))


def _at(points: Sequence[Point], end: datetime, fresh: timedelta | None) -> float | None:
    """The last value at `end`; None if there is none, or none as `fresh` as that."""
    known = [(at, value) for at, value in points if at <= end and (fresh is None or at > end - fresh)]
    return known[-1][1] if known else None


def _added(told: Sequence[float | None]) -> list[float | None]:
    """What was added from each value to the next; a counter that was set back began at nothing."""
    return [
        None if now is None or before is None else now - before if now >= before else now
        for before, now in pairwise(told)
    ]


def _within(shown: _Shown, kept: Kept, ends: Sequence[datetime], span: Span) -> Iterator[Line]:
    bounds = (*map(repr, BY_NAME[shown.metric].bounds), "+Inf")
    buckets = {labels[0]: points for (name, labels), points in kept.items() if name == f"{shown.metric}_bucket"}
    if "+Inf" not in buckets:
        return
    moments = (ends[0] - span.step, *ends)
    added = {bound: _added([_at(buckets.get(bound, ()), end, None) or 0.0 for end in moments]) for bound in bounds}
    first = min(at for at, _ in buckets["+Inf"])
    told = [{bound: added[bound][place] or 0.0 for bound in bounds} for place in range(len(ends))]
    values = tuple(
        bound_of(shown.metric, each) if end - span.step >= first else None
        for each, end in zip(told, ends, strict=True)
    )
    if any(value is not None for value in values):
        yield Line("", values)


def bound_of(metric: str, buckets: Mapping[str, float]) -> float | None:
    """The bound within which 95 of 100 observations lie; twice the last one if they lie beyond; None without any."""
    bounds, total = BY_NAME[metric].bounds, buckets.get("+Inf", 0)
    if not total:
        return None
    return next((each for each in bounds if buckets.get(repr(each), 0) >= 0.95 * total), 2 * bounds[-1])
