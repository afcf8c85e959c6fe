"""What a trace of a laptop looks like as a span: the same for the laptop that writes them and for the server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.contract import to_instant
from shared.evidence import Attempted, Decided, Facts, Told
from shared.routing import Route
from shared.spans import Inference, Span, lasting, span_id, trace_of

#: What runs a model behind the server, as a laptop sees it.
_CLUSTER = "tailboard"
_HERE = "llama.cpp"


@dataclass(frozen=True, slots=True)
class Known:
    """A trace, and where it stands: `hash` tells it from all others, `at` is ISO 8601."""

    hash: str
    at: str
    kind: str
    told: Told


def spans_of(traces: Iterable[Known], models: Mapping[str, str] | None = None) -> list[Span]:
    """A span for each decision that was followed, and for each try; of the same task they are one trace.

    Args:
        traces: in their order.
        models: by a try's hash, the name of its model, where that is known.
    """
    known = [*traces]
    tasks: dict[str, str] = {}
    facts: dict[str, Facts] = {}
    for each in known:
        if isinstance(each.told, Attempted) and each.told.task:
            tasks[each.told.decision] = each.told.task
        elif isinstance(each.told, Decided):
            facts[each.told.ref] = each.told.facts
    spans = []
    for each in known:
        if isinstance(each.told, Decided) and each.kind == "decision":
            spans.append(_decided(each.told, tasks.get(each.told.ref)))
        elif isinstance(each.told, Attempted):
            model = (models or {}).get(each.hash, "")
            spans.append(_attempted(each, each.told, model, facts.get(each.told.decision)))
    return spans


def root_of(ref: str) -> str:
    """The id of the span of a decision, which its tries are under."""
    return span_id("decision", ref)


def _decided(told: Decided, task: str | None) -> Span:
    at, facts = told.decided_at, told.facts
    attributes = (
        ("tailboard.route", str(told.route)),
        ("tailboard.purpose", facts.purpose),
        ("tailboard.data_class", str(told.data_class)),
        ("tailboard.link", str(facts.link)),
        ("tailboard.bundle", told.bundle),
        ("tailboard.policies", told.policies),
    )
    refused = "route_refused" if told.route is Route.REFUSE else ""
    trace = trace_of(task or told.ref)
    return Span(trace, root_of(told.ref), "", "route", "internal", at, at, attributes, refused)


def _attempted(known: Known, told: Attempted, model: str, facts: Facts | None) -> Span:
    here = told.route is Route.DEVICE
    exchange = Inference(
        provider=_HERE if here else _CLUSTER,
        model=model,
        conversation=facts.conversation if facts else None,
        output_tokens=facts.output_tokens if facts else 0,
        tokens_down=told.tokens,
        first_token_s=told.first_token_s,
        error=told.problem,
    )
    own = (
        ("tailboard.route", str(told.route)),
        ("tailboard.data_class", str(told.data_class)),
        ("tailboard.fallback", told.fallback),
        ("tailboard.bytes_up", told.bytes_up),
        ("tailboard.bytes_down", told.bytes_down),
    )
    begun_at, ended_at = lasting(to_instant(known.at), told.took_s)
    return Span(
        trace=trace_of(told.task or told.decision),
        id=span_id("attempt", known.hash),
        parent=root_of(told.decision),
        name=exchange.name,
        kind="internal" if here else "client",
        begun_at=begun_at,
        ended_at=ended_at,
        attributes=(*exchange.attributes(), *own),
        error=told.problem,
    )
