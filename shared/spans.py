"""Spans of inference, from what was recorded, as OpenTelemetry's OTLP/JSON writes them.

Rules
1. A span is derived from a record that is kept anyway (the laptop's evidence, the server's audit). Nothing is queued
   in between, so nothing is dropped; the same record always gives the same span, ids included.
2. Trace ids come from the task's id: what a laptop did and what the server did for it is one trace, and no header had
   to travel.
3. Attributes are those of the GenAI conventions and our own under ``tailboard.``: words of closed lists, numbers,
   names that an operator gave. Messages and instructions, which the conventions let one record, have no place here.

Source: OpenTelemetry, GenAI semantic conventions (client inference, development); OTLP 1.x, JSON encoding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.ids import sha256_hex

Value = str | bool | int | float | tuple[str, ...]
SpanKind = Literal["internal", "server", "client"]
#: Source: opentelemetry-proto, trace.proto, Span.SpanKind and Status.StatusCode.
_KINDS: Mapping[SpanKind, int] = {"internal": 1, "server": 2, "client": 3}
_STATUS_ERROR = 2
SCOPE = "tailboard"
#: What a model is asked to do, in the conventions' words.
OPERATION = "chat"


@dataclass(frozen=True, slots=True)
class Span:
    """One operation. Ids are hexadecimal, of 32 and 16 digits; `error` is a word, empty if all went well."""

    trace: str
    id: str
    parent: str
    name: str
    kind: SpanKind
    begun_at: datetime
    ended_at: datetime
    attributes: tuple[tuple[str, Value], ...] = ()
    error: str = ""


def trace_of(task: str) -> str:
    """The trace of everything about a task: its id is a UUID, which is as long."""
    digits = task.replace("-", "").lower()
    whole = len(digits) == 32 and not set(digits) - set("0123456789abcdef") and set(digits) != {"0"}
    return digits if whole else sha256_hex(task.encode())[:32]


def span_id(*parts: object) -> str:
    """The id of a span, from what tells it from all others."""
    return sha256_hex("\x1f".join(map(str, parts)).encode())[:16]


@dataclass(frozen=True, slots=True)
class Inference:
    """One exchange with a model, or the attempt; what is not known is left out.

    Args:
        provider: what runs the model.
        model: its name.
        task: the id of the question.
        address: of the engine, and its port.
        conversation: a digest of what it belongs to.
        tokens_up: of the question.
        tokens_down: of the answer.
        first_token_s: seconds to the first token.
        output_tokens: the longest answer.
        error: what went wrong, as a word.
    """

    provider: str
    model: str = ""
    task: str = ""
    address: tuple[str, int] | None = None
    conversation: str | None = None
    tokens_up: int = 0
    tokens_down: int = 0
    first_token_s: float | None = None
    output_tokens: int = 0
    error: str = ""

    @property
    def name(self) -> str:
        """The span's name."""
        return f"{OPERATION} {self.model}".rstrip()

    def attributes(self) -> tuple[tuple[str, Value], ...]:
        """The conventions' attributes, those that are known."""
        address, port = self.address or ("", 0)
        told: dict[str, Value | None] = {
            "gen_ai.operation.name": OPERATION,
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "gen_ai.response.model": "" if self.error else self.model,
            "gen_ai.conversation.id": self.conversation,
            "gen_ai.request.max_tokens": self.output_tokens,
            "gen_ai.usage.input_tokens": self.tokens_up,
            "gen_ai.usage.output_tokens": self.tokens_down,
            "gen_ai.response.time_to_first_chunk": self.first_token_s,
            "server.address": address,
            "server.port": port,
            "error.type": self.error,
        }
        return tuple((name, value) for name, value in told.items() if value not in (None, "", 0))


def lasting(ended_at: datetime, took_s: float) -> tuple[datetime, datetime]:
    """When something began and ended that took so long."""
    return ended_at - timedelta(seconds=took_s), ended_at


def otlp(spans: Iterable[Span], resource: Mapping[str, Value]) -> dict[str, Any]:
    """The body of ``POST /v1/traces``, as JSON. `resource` says whose spans they are."""
    scope = {"scope": {"name": SCOPE}, "spans": [_written(each) for each in spans]}
    return {"resourceSpans": [{"resource": {"attributes": _pairs(resource.items())}, "scopeSpans": [scope]}]}


def _written(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": _nanoseconds(span.begun_at),
        "endTimeUnixNano": _nanoseconds(span.ended_at),
        "attributes": _pairs(span.attributes),
    }
    told |= {"parentSpanId": span.parent} if span.parent else {}
    return told | ({"status": {"code": _STATUS_ERROR}} if span.error else {})


def _nanoseconds(at: datetime) -> str:
    """64-bit integers are text in OTLP/JSON."""
    return str(round(at.timestamp() * 1e6) * 1000)


def _pairs(attributes: Iterable[tuple[str, Value]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes]


def _value(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"arrayValue": {"values": [_value(each) for each in value]}}
