"""What is measured: one table, the same for the laptop, the server's store and the server's process.

Rules
1. A label's value is a word of a closed list, or a name that an operator gave to a thing of the organisation (a model
   server, a policy). Never an id of a person, a laptop or a job, never a word that anybody said: `UNLISTED` stands
   for anything else.
2. What is a fact of the store is computed from the store, so that several servers tell the same, and a restart loses
   nothing. What is of one process (its lines, the faults that it met) is counted there, and says so.
3. Names and units are those of Prometheus: base units, counters end in ``_total``.

Source: Prometheus, "Metric and label naming"; ADR 28.
"""

import math
from collections import Counter as Counts
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.evidence import FAILURES, Attempted, Consenting, Decided, Probed, Told
from shared.routing import BOUNDARIES, DataClass, Link, Obstacle, Route

Kind = Literal["counter", "gauge", "histogram"]
#: Where a value comes from: traces of laptops, the audit, other rows of the store, or one process alone. What is not
#: of a process has the organisation as its first label on the server.
Source = Literal["traces", "audit", "store", "process"]
UNLISTED = "unlisted"
NONE = "none"
Labels = tuple[str, ...]
#: Upper bounds of a histogram's buckets, in seconds. Source: OpenTelemetry, GenAI metrics, operation duration.
BUCKETS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
#: The same for what takes a moment with a link, and days without one.
OFFLINE_BUCKETS_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0, 10_368_000.0)
Key = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `labels` are names; their values are judged by `LISTED`. `bounds` are of a histogram."""

    name: str
    kind: Kind
    source: Source
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = BUCKETS_S


#: The values that a label may have; a label that is not here takes names that an operator gave.
LISTED: Mapping[str, frozenset[str]] = {
    "route": frozenset(map(str, Route)),
    "boundary": frozenset(map(str, BOUNDARIES)),
    "data_class": frozenset(map(str, DataClass)),
    "link": frozenset({*map(str, Link), NONE}),
    "obstacle": frozenset(map(str, Obstacle)),
    "problem": FAILURES,
    "direction": frozenset({"up", "down"}),
    "act": frozenset({"given", "used", "revoked"}),
    "outcome": frozenset({"answered", "failed"}),
    "purpose": frozenset({"propose", "answer", "summarise", "complete"}),
    "result": frozenset({"applied", "merged", "conflict", "rejected", "expired"}),
    "hold": frozenset({"waiting", "deferred", "quarantined", "unreadable"}),
    "state": frozenset({"queued", "running", "done", "failed", "expired", "refused"}),
    "asker": frozenset({"device", "task", "client"}),
    "ended": FAILURES | {"answered", "cancelled"},
    "because": frozenset({"set_back", "lost"}),
}
#: Labels whose values are names that an operator gave.
NAMED = frozenset({"policy", "upstream", "fault", "tenant"})

METRICS: tuple[Metric, ...] = (
    # -- what laptops decided and did
    Metric(
        "tailboard_decisions_total",
        "counter",
        "traces",
        "Route decisions on laptops.",
        ("route", "purpose", "data_class"),
    ),
    Metric(
        "tailboard_decision_policies_total",
        "counter",
        "traces",
        "Decisions that a policy determined.",
        ("policy", "route"),
    ),
    Metric(
        "tailboard_obstacles_total",
        "counter",
        "traces",
        "Places that were not taken, and why.",
        ("boundary", "obstacle"),
    ),
    Metric(
        "tailboard_fail_closed_total",
        "counter",
        "traces",
        "Questions that were refused, by what kept them from this laptop's model.",
        ("obstacle",),
    ),
    Metric(
        "tailboard_route_switches_total",
        "counter",
        "traces",
        "Decisions that left the place where their conversation ran.",
        ("link",),
    ),
    Metric(
        "tailboard_shadow_decisions_total",
        "counter",
        "traces",
        "What bundles in shadow would have decided.",
        ("route",),
    ),
    Metric(
        "tailboard_attempts_total",
        "counter",
        "traces",
        "Tries at a place; over no link, what worked offline.",
        ("boundary", "link", "outcome"),
    ),
    Metric(
        "tailboard_attempt_failures_total",
        "counter",
        "traces",
        "Tries that gave no answer, and why.",
        ("boundary", "problem"),
    ),
    Metric(
        "tailboard_fallbacks_total",
        "counter",
        "traces",
        "Tries after another place had failed.",
        ("boundary", "outcome"),
    ),
    Metric(
        "tailboard_capability_mismatches_total",
        "counter",
        "traces",
        "Tries at a place that could not do what it was taken for.",
        ("boundary", "problem"),
    ),
    Metric(
        "tailboard_probe_failures_total",
        "counter",
        "traces",
        "Places that did not answer when they were tried.",
        ("boundary", "problem"),
    ),
    Metric(
        "tailboard_consents_total",
        "counter",
        "traces",
        "Consents given, used and taken back.",
        ("act", "boundary", "data_class"),
    ),
    Metric(
        "tailboard_moved_bytes_total",
        "counter",
        "traces",
        "Bytes of questions and answers that crossed a boundary.",
        ("boundary", "data_class", "direction"),
    ),
    Metric(
        "tailboard_answer_tokens_total", "counter", "traces", "Tokens of answers that laptops got.", ("boundary",)
    ),
    Metric("tailboard_traces_total", "counter", "traces", "Entries of evidence that came."),
    Metric(
        "tailboard_traces_late_total",
        "counter",
        "traces",
        "Entries of evidence that came more than a day after they were made.",
    ),
    # -- what the audit says
    Metric("tailboard_commands_settled_total", "counter", "audit", "Commands by what became of them.", ("result",)),
    Metric(
        "tailboard_sync_seconds",
        "histogram",
        "audit",
        "From the confirmation on a laptop, by its clock, to the outcome here.",
        ("result",),
        OFFLINE_BUCKETS_S,
    ),
    Metric("tailboard_conflicts_resolved_total", "counter", "audit", "Conflicts that somebody settled."),
    Metric(
        "tailboard_evidence_strands_total",
        "counter",
        "audit",
        "Laptops that began a new strand of evidence, and why.",
        ("because",),
    ),
    Metric(
        "tailboard_gateway_tasks_total",
        "counter",
        "audit",
        "Tasks at the gateway to the models.",
        ("asker", "route", "ended"),
    ),
    Metric(
        "tailboard_gateway_moved_bytes_total",
        "counter",
        "audit",
        "Bytes to and from model servers.",
        ("route", "data_class", "direction"),
    ),
    Metric(
        "tailboard_gateway_tokens_total",
        "counter",
        "audit",
        "Tokens to and from model servers.",
        ("upstream", "direction"),
    ),
    Metric(
        "tailboard_gateway_fallbacks_total",
        "counter",
        "audit",
        "Tasks that another model server took over.",
        ("route",),
    ),
    Metric(
        "tailboard_gateway_duration_seconds",
        "histogram",
        "audit",
        "From the decision to the end of the answer.",
        ("upstream",),
    ),
    Metric(
        "tailboard_gateway_first_token_seconds",
        "histogram",
        "audit",
        "From the decision to the first token.",
        ("upstream",),
    ),
    Metric(
        "tailboard_gateway_queue_seconds",
        "histogram",
        "audit",
        "How long tasks waited for their turn.",
        ("upstream",),
    ),
    # -- what rows of the store say
    Metric("tailboard_spans_exported_total", "counter", "store", "Spans that the collector took."),
    Metric("tailboard_spans_rejected_total", "counter", "store", "Spans that the collector refused for good."),
    Metric(
        "tailboard_duplicates_prevented_total",
        "counter",
        "store",
        "Commands that came again and were answered from the ledger.",
    ),
    Metric("tailboard_audit_uncounted", "gauge", "store", "Links of the audit that are not counted above yet."),
    Metric("tailboard_evidence_entries", "gauge", "store", "Entries that laptops say they have made."),
    Metric("tailboard_evidence_missing", "gauge", "store", "Entries of those that did not come."),
    Metric("tailboard_evidence_lost", "gauge", "store", "Entries of those that can never come."),
    Metric("tailboard_evidence_laptops", "gauge", "store", "Laptops that told evidence."),
    Metric(
        "tailboard_evidence_silent",
        "gauge",
        "store",
        "Laptops whose evidence is incomplete, and that told nothing for a day.",
    ),
    Metric("tailboard_conflicts_open", "gauge", "store", "Conflicts that wait for a decision."),
    Metric("tailboard_commands_held", "gauge", "store", "Commands that are held.", ("hold",)),
    Metric("tailboard_tasks", "gauge", "store", "Questions that were left for the cluster.", ("state",)),
    Metric("tailboard_task_queue_age_seconds", "gauge", "store", "How long the oldest waiting question has waited."),
    Metric("tailboard_task_attempts", "gauge", "store", "How often questions that were left went to the cluster."),
    Metric("tailboard_outbox_waiting", "gauge", "store", "Commands that laptops last said they hold unsettled."),
    Metric(
        "tailboard_outbox_age_seconds",
        "gauge",
        "store",
        "Age of the oldest command that a laptop last said it holds.",
    ),
    # -- what is of one process
    Metric("tailboard_gateway_faults_total", "counter", "process", "Faults of model servers.", ("upstream", "fault")),
    Metric(
        "tailboard_gateway_probe_failures_total",
        "counter",
        "process",
        "Probes of model servers that failed.",
        ("upstream", "fault"),
    ),
    Metric("tailboard_gateway_line", "gauge", "process", "Tasks that run or wait at a model server.", ("upstream",)),
    Metric("tailboard_gateway_out", "gauge", "process", "1 while a model server is left alone.", ("upstream",)),
    Metric("tailboard_gateway_unaudited", "gauge", "process", "Tasks whose audit entry is not written yet."),
)
BY_NAME: Mapping[str, Metric] = {each.name: each for each in METRICS}
#: A place said that it could, or was thought to be able to, and could not.
_MISMATCHES = frozenset({"model_failed", "no_capacity", "prompt_too_large"})


def listed(label: str, value: str) -> str:
    """`value` as a label may show it."""
    known = LISTED.get(label)
    return value if known is None or value in known else UNLISTED


def tally(told: Iterable[tuple[str, Told]], policies: Collection[str]) -> Counts[Key]:
    """What traces come to, as counts under names and labels of the table.

    Args:
        told: kind and content of each.
        policies: names that may stand in a label, because the organisation gave them.
    """
    counts: Counts[Key] = Counts()
    for kind, each in told:
        counts["tailboard_traces_total", ()] += 1
        match each:
            case Decided() if kind == "shadow":
                counts["tailboard_shadow_decisions_total", (str(each.route),)] += 1
            case Decided():
                _decided(each, policies, counts)
            case Attempted():
                _attempted(each, counts)
            case Consenting():
                labels = (each.act, str(each.target), str(each.data_class))
                counts["tailboard_consents_total", labels] += 1
            case Probed():
                counts["tailboard_probe_failures_total", (str(each.route), each.problem)] += 1
    return counts


def _decided(each: Decided, policies: Collection[str], counts: Counts[Key]) -> None:
    route = str(each.route)
    counts["tailboard_decisions_total", (route, each.facts.purpose, str(each.data_class))] += 1
    for policy in each.policies:
        counts["tailboard_decision_policies_total", (policy if policy in policies else UNLISTED, route)] += 1
    for no in each.why_not:
        counts["tailboard_obstacles_total", (str(no.route), str(no.obstacle))] += 1
    if each.route is Route.REFUSE:
        here = next((str(no.obstacle) for no in each.why_not if no.route is Route.DEVICE), UNLISTED)
        counts["tailboard_fail_closed_total", (here,)] += 1
    if each.steady and each.steady.held and each.route in BOUNDARIES and each.route is not each.steady.held:
        counts["tailboard_route_switches_total", (str(each.facts.link),)] += 1


def _attempted(each: Attempted, counts: Counts[Key]) -> None:
    place, outcome = str(each.route), "failed" if each.problem else "answered"
    counts["tailboard_attempts_total", (place, str(each.link) if each.link else NONE, outcome)] += 1
    if each.problem:
        counts["tailboard_attempt_failures_total", (place, each.problem)] += 1
    if each.problem in _MISMATCHES:
        counts["tailboard_capability_mismatches_total", (place, each.problem)] += 1
    if each.fallback:
        counts["tailboard_fallbacks_total", (place, outcome)] += 1
    for direction, size in (("up", each.bytes_up), ("down", each.bytes_down)):
        if size:
            counts["tailboard_moved_bytes_total", (place, str(each.data_class), direction)] += size
    if each.tokens:
        counts["tailboard_answer_tokens_total", (place,)] += each.tokens


def observe(counts: Counts[Key], name: str, labels: Labels, seconds: float) -> None:
    """Count an observation of a histogram: one in each bucket that it fits into, and its microseconds."""
    for bound in (*BY_NAME[name].bounds, math.inf):
        if seconds <= bound:
            counts[f"{name}_bucket", (*labels, _bound(bound))] += 1
    counts[f"{name}_sum_us", labels] += round(seconds * 1e6)


def _bound(bound: float) -> str:
    return "+Inf" if bound == math.inf else repr(bound)
