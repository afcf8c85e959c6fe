"""Routes and health: the figures of ``/metrics``, as bars and tables.

Rules
1. The names and numbers are those of `shared.metrics`, read by the same call; a page cannot say something else.
2. What failed is shown first, and what nobody measured yet says so.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from policies.acts import Act
from shared.metrics import BY_NAME, Labels
from shared.problems import Problem
from sync_server.console.blocks import Note, Page, Said, Section, Table, Tone, said
from sync_server.console.deciding import Sheet
from sync_server.console.history import bound_of, over_time
from sync_server.console.home import age
from sync_server.console.pages import label, shown
from sync_server.console.plots import Bar, number, plot
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.telemetry.counting import PAGE_LINKS
from sync_server.telemetry.readings import Readings, read_store

ReadProcess = Callable[[], Readings]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A metric as bars: one for each value of its labels at `by`."""

    metric: str
    by: tuple[int, ...]
    title: Said
    unit: str


_GROUPS: tuple[tuple[Said, tuple[_Drawn, ...]], ...] = (
    (
        Said("Where questions ran"),
        (
            _Drawn("tailboard_decisions_total", (0,), Said("Decisions by route"), "decisions"),
            _Drawn("tailboard_fail_closed_total", (0,), Said("Refused, by what was in the way"), "questions"),
            _Drawn("tailboard_obstacles_total", (0, 1), Said("Places not taken, and why"), "times"),
            _Drawn("tailboard_consents_total", (0, 1), Said("Consents given, used, taken back"), "consents"),
            _Drawn("tailboard_fallbacks_total", (0, 1), Said("Fallbacks after a failure"), "tries"),
            _Drawn(
                "tailboard_route_switches_total", (0,), Said("Conversations that changed places, by link"), "times"
            ),
            _Drawn("tailboard_moved_bytes_total", (0, 1), Said("Data moved, by boundary and class"), "bytes"),
        ),
    ),
    (
        Said("The cluster"),
        (
            _Drawn(
                "tailboard_gateway_tasks_total", (1, 2), Said("Tasks by route and end; answered is goodput"), "tasks"
            ),
            _Drawn("tailboard_gateway_tokens_total", (0, 1), Said("Tokens by model server"), "tokens"),
            _Drawn("tailboard_gateway_queue_seconds", (0,), Said("Wait in the queue, 95 of 100 within"), "seconds"),
            _Drawn("tailboard_gateway_first_token_seconds", (0,), Said("First token, 95 of 100 within"), "seconds"),
            _Drawn("tailboard_gateway_duration_seconds", (0,), Said("Whole answer, 95 of 100 within"), "seconds"),
            _Drawn("tailboard_tasks", (0,), Said("Questions left for the cluster"), "questions"),
        ),
    ),
    (
        Said("Work that was brought"),
        (
            _Drawn("tailboard_commands_settled_total", (0,), Said("Commands by what became of them"), "commands"),
            _Drawn("tailboard_sync_seconds", (0,), Said("From confirmation to outcome, 95 of 100 within"), "seconds"),
            _Drawn("tailboard_commands_held", (0,), Said("Commands held now"), "commands"),
            _Drawn("tailboard_gateway_faults_total", (0, 1), Said("Faults of model servers, this process"), "faults"),
        ),
    ),
)
_SINGLE = (
    "tailboard_conflicts_open",
    "tailboard_conflicts_resolved_total",
    "tailboard_duplicates_prevented_total",
    "tailboard_outbox_waiting",
    "tailboard_outbox_age_seconds",
    "tailboard_task_queue_age_seconds",
    "tailboard_evidence_laptops",
    "tailboard_evidence_missing",
    "tailboard_evidence_lost",
    "tailboard_evidence_silent",
    "tailboard_audit_uncounted",
    "tailboard_gateway_unaudited",
)
_TROUBLE = {
    "tailboard_evidence_silent": Said("{n} laptops owe evidence and told nothing for a day."),
    "tailboard_evidence_lost": Said("{n} entries of evidence can never come."),
}
_NONE = Said("Nothing was measured yet. Figures come with what laptops tell, and with what the cluster answers.")


def sheet(read_process: ReadProcess) -> Sheet:
    """The page over the store's figures and this process's."""

    def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
        told = read_store(office.service, visit.tenant, PAGE_LINKS)
        readings = {(name, labels[1:]): value for (name, labels), value in told.items()} | read_process()
        history = over_time(office, visit, readings, office.service.ports.clock.now())
        blocks = (*_blocks(readings), history)
        return shown(visit, Page(Said("Routes and health"), blocks, lead=_LEAD), problem)

    return Sheet("/console/health", Act.LOOK, show)


_LEAD = Said("The same figures as /metrics, as of now.")


def _blocks(readings: Readings) -> list[Note | Section | Table]:
    found: list[Note | Section | Table] = [
        Note(said(words.text, n=number(value)), Tone.NEEDS)
        for name, words in _TROUBLE.items()
        if (value := readings.get((name, ()), 0))
    ]
    rows = tuple(
        (Said(BY_NAME[name].help), _figure(name, readings[name, ()]), name)
        for name in _SINGLE
        if (name, ()) in readings
    )
    columns = (Said("What"), Said("Value"), Said("Name in /metrics"))
    found.append(Table(Said("At a glance"), columns, rows, _NONE))
    found += [Section(title, tuple(_drawn(each, readings) for each in group)) for title, group in _GROUPS]
    return found


def _figure(name: str, value: float) -> Said | str:
    return age(timedelta(seconds=value)) if name.endswith("_seconds") and value else number(value)


def _drawn(told: _Drawn, readings: Readings) -> Section:
    if BY_NAME[told.metric].kind == "histogram":
        return plot(told.title, _quantiles(told.metric, readings), told.unit, _NONE)
    sums: Counter[str] = Counter()
    for (name, labels), value in readings.items():
        if name == told.metric:
            sums[_words(labels, told.by)] += value  # type: ignore[assignment]  # a Counter of floats
    return plot(told.title, [Bar(name, float(value)) for name, value in sums.items()], told.unit, _NONE)


def _words(labels: Labels, by: tuple[int, ...]) -> str:
    return ", ".join(label(labels[place]) for place in by if place < len(labels))


def _quantiles(metric: str, readings: Readings) -> list[Bar]:
    """The bound within which 95 of 100 observations lie, for each value of the first label."""
    counts: dict[str, dict[str, float]] = {}
    for (name, labels), value in readings.items():
        if name == f"{metric}_bucket":
            counts.setdefault(labels[0], {})[labels[1]] = value
    return [
        Bar(name, bound)
        for name, buckets in sorted(counts.items())
        if (bound := bound_of(metric, buckets)) is not None
    ]
