"""Spans of the gateway's work, from the audit."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from shared.contract import to_instant
from shared.metrics import listed
from shared.spans import Inference, Span, span_id, trace_of
from sync_server.cluster.upstreams import Cluster
from sync_server.store import Link

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Engine:
    """What is known of a configured model server."""

    model: str
    address: tuple[str, int]


def engines_of(cluster: Cluster) -> dict[str, Engine]:
    """The model servers of a cluster, by name."""
    told = {each.name: (each.told.model, urlsplit(each.told.url)) for each in cluster.upstreams}
    return {
        name: Engine(model, (url.hostname or "", url.port or _PORTS.get(url.scheme, 0)))
        for name, (model, url) in told.items()
    }


def spans_of_links(links: Iterable[Link], engines: Mapping[str, Engine]) -> list[Span]:
    """A span for each task of the gateway among links of the audit."""
    spans = []
    for _, _, digest, text in links:
        body: dict[str, Any] = json.loads(text)
        if body.get("act") == "inference":
            spans.append(_task(digest, body, engines.get(str(body.get("upstream")))))
    return spans


def _task(digest: str, body: Mapping[str, Any], engine: Engine | None) -> Span:
    ended = str(body.get("ended"))
    error = "" if ended == "answered" else ended
    exchange = Inference(
        provider=str(body.get("upstream") or "none"),
        model=engine.model if engine else "",
        address=engine.address if engine else None,
        tokens_up=int(body.get("tokens_up", 0)),
        tokens_down=int(body.get("tokens_down", 0)),
        first_token_s=body.get("first_token_s"),
        error=error,
    )
    own = (
        ("tailboard.route", listed("route", str(body.get("route")))),
        ("tailboard.data_class", listed("data_class", str(body.get("data_class")))),
        ("tailboard.asker", listed("asker", str(body.get("kind")))),
        ("tailboard.bundle", str(body.get("bundle", ""))),
        ("tailboard.policies", tuple(body.get("policies", ()))),
        ("tailboard.attempts", int(body.get("attempts", 0))),
        ("tailboard.queue_seconds", float(body.get("waited_s", 0.0))),
        ("tailboard.bytes_up", int(body.get("bytes_up", 0))),
        ("tailboard.bytes_down", int(body.get("bytes_down", 0))),
    )
    begun_at: datetime = to_instant(str(body.get("asked_at")))
    ended_at = begun_at + timedelta(seconds=float(body.get("took_s", 0.0)))
    return Span(
        trace=trace_of(str(body.get("task"))),
        id=span_id("task", digest),
        parent="",
        name=exchange.name,
        kind="client",
        begun_at=begun_at,
        ended_at=ended_at,
        attributes=(*exchange.attributes(), *own),
        error=error,
    )
