"""Sends spans to a collector, where an operator configured one (``TAILBOARD_SERVER_OTLP``).

Rules
1. Spans are derived from the audit and from what laptops told. How far they were sent stands in the database: what
   the collector did not take waits there, over restarts as well, and nothing is dropped because something was slow.
2. What it refuses for good is counted as rejected, and passed over. What it may take later is sent again; a span that
   comes twice has the same id.
3. No answer of the collector is followed anywhere else, and none is believed beyond how many spans it rejected.

Several servers on one database may each send: whoever is slower finds that the place moved on, and goes on there.

Source: OTLP 1.x, OTLP/HTTP (JSON encoding, partial success, retryable codes).
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx

from shared import strict_json
from shared.evidence import read_told
from shared.metrics import Key
from shared.ports import RunBlocking
from shared.spans import Span, otlp
from shared.trace_spans import Known, spans_of
from sync_server.logs import where
from sync_server.service import Service
from sync_server.store import Tx
from sync_server.telemetry.server_spans import Engine, spans_of_links

log = logging.getLogger("tailboard.server")
EVERY_S = 10.0
#: So many records are looked at for one request.
RECORDS = 500
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 << 10
#: What laptops told is sent after this: a unit of work that began earlier may still be under way.
SETTLED_AFTER = timedelta(seconds=60)
_LATER = frozenset({408, 429, 502, 503, 504})
_EXPORTED: Key = ("tailboard_spans_exported_total", ())
_REJECTED: Key = ("tailboard_spans_rejected_total", ())
Wait = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans of one organisation and one source, and the place behind them; `full` says that more is at hand."""

    tenant: str
    source: str
    before: str
    place: str
    spans: tuple[Span, ...]
    full: bool

    @property
    def key(self) -> str:
        """Under which the place is kept."""
        return _key(self.source, self.tenant)


class Exporter:
    """Sends to one collector."""

    def __init__(
        self,
        service: Service,
        way: httpx.AsyncClient,
        endpoint: str,
        engines: Mapping[str, Engine],
        run_blocking: RunBlocking,
    ) -> None:
        """`endpoint` is the collector's address, such as ``http://localhost:4318``; `way` is closed by its maker."""
        self._service, self._way, self._engines, self._run = service, way, engines, run_blocking
        self._url = f"{endpoint.rstrip('/')}/v1/traces"

    async def step(self) -> bool:
        """Send some of what is there; whether more is at hand. Stops at the first that has to wait."""
        more = False
        for batch in await self._run(self._batches):
            rejected = await self._send(batch) if batch.spans else 0
            if rejected is None:
                return False
            await self._run(partial(self._moved_on, batch, rejected))
            more = more or batch.full
        return more

    def _batches(self) -> list[Batch]:
        store = self._service.store
        with store.transaction() as tx:
            return [batch for tenant in tx.tenants() for batch in (self._audit(tx, tenant), self._told(tx, tenant))]

    def _audit(self, tx: Tx, tenant: str) -> Batch:
        before = tx.server_value(_key("audit", tenant)) or "0"
        after = int(before)
        links = [*tx.audit(tenant, after, after + RECORDS)]
        place = str(links[-1][0]) if links else before
        return Batch(
            tenant, "audit", before, place, tuple(spans_of_links(links, self._engines)), len(links) == RECORDS
        )

    def _told(self, tx: Tx, tenant: str) -> Batch:
        before = tx.server_value(_key("traces", tenant)) or ""
        until = self._service.ports.clock.now() - SETTLED_AFTER
        rows = tx.traces_behind(tenant, tuple(json.loads(before)) if before else ("", "", ""), until, RECORDS)
        known = [Known(each.hash, each.at, each.kind, read_told(each.kind, each.told)) for each in rows]
        place = json.dumps([rows[-1].came_at, rows[-1].device, rows[-1].hash]) if rows else before
        return Batch(tenant, "traces", before, place, tuple(spans_of(known)), len(rows) == RECORDS)

    async def _send(self, batch: Batch) -> int | None:
        """How many of the spans were rejected for good; None if they have to wait."""
        resource = {"service.name": f"tailboard-{batch.source}", "tailboard.tenant": batch.tenant}
        try:
            answer = await self._way.post(
                self._url, json=otlp(batch.spans, resource), timeout=TIMEOUT_S, follow_redirects=False
            )
        except httpx.HTTPError as error:
            log.warning("spans wait", extra={"why": type(error).__name__})
            return None
        if answer.is_success:
            return min(len(batch.spans), _rejected(answer))
        if answer.status_code in _LATER or answer.status_code >= 500:
            log.warning("spans wait", extra={"why": f"status {answer.status_code}"})
            return None
        log.warning("spans rejected", extra={"status": answer.status_code, "spans": len(batch.spans)})
        return len(batch.spans)

    def _moved_on(self, batch: Batch, rejected: int) -> None:
        self._service.store.attempt(partial(_move_on, batch=batch, rejected=rejected))


def _move_on(tx: Tx, batch: Batch, rejected: int) -> None:
    """Keep the place, unless another server kept a later one meanwhile."""
    if batch.place == batch.before or (tx.server_value(batch.key) or _FIRST[batch.source]) != batch.before:
        return
    tx.set_server_value(batch.key, batch.place)
    counts = {_EXPORTED: len(batch.spans) - rejected, _REJECTED: rejected}
    tx.measure(batch.tenant, {key: number for key, number in counts.items() if number})


_FIRST = {"audit": "0", "traces": ""}


def _key(source: str, tenant: str) -> str:
    return f"spans/{source}/{tenant}"


def _rejected(answer: httpx.Response) -> int:
    try:
        told: Any = strict_json.parse(answer.content, bytes_max=ANSWER_BYTES_MAX)
        return max(0, int(told["partialSuccess"]["rejectedSpans"]))
    except (strict_json.BadJson, KeyError, TypeError, ValueError):
        return 0


async def export_for_ever(exporter: Exporter, wait: Wait) -> None:
    """Send every `EVERY_S` seconds, until cancelled; as long as there is much, without waiting."""
    while True:
        more = False
        try:
            more = await exporter.step()
        except Exception as error:  # noqa: BLE001  # the next turn tries again
            log.error("spans were not sent", extra=where(error))
        if not more:
            await wait(EVERY_S)
