"""What the audit comes to: every link is counted once, by whoever asks first.

Rules
1. Links are counted in the order of the chain, and how far that is stands beside the counts, in one transaction.
2. Nobody's round waits for it: a transaction counts `LINKS` links at most, one call `CALL_LINKS`, a page
   `PAGE_LINKS`. What is left is told as such, and counted next time.
3. Only words of closed lists and operators' names become labels (`shared.metrics`).
"""

import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from shared.commands.base import OFFICE
from shared.contract import to_instant
from shared.ids import uuid7_at
from shared.metrics import Key, listed, observe
from sync_server.store import Link, Store, Tx

LINKS, CALL_LINKS, PAGE_LINKS = 1000, 50_000, 500
_TIMES = {
    "took_s": "tailboard_gateway_duration_seconds",
    "first_token_s": "tailboard_gateway_first_token_seconds",
    "waited_s": "tailboard_gateway_queue_seconds",
}


def count_audit(store: Store, tenant: str, most: int = CALL_LINKS) -> None:
    """Count what the audit says that is not counted yet, `most` links at most. Raises `Refused`: `busy`."""
    for done in range(0, most, LINKS):
        if not store.attempt(partial(_count_some, tenant=tenant, most=min(LINKS, most - done))):
            return


def _count_some(tx: Tx, tenant: str, most: int) -> bool:
    """Count some links; whether more may be left."""
    after = tx.audit_counted(tenant)
    links = [*tx.audit(tenant, after, after + most)]
    if links:
        tx.measure(tenant, counts_of(links))
        tx.count_audit(tenant, len(links))
    return len(links) == most


def counts_of(links: Iterable[Link]) -> Counter[Key]:
    """What links of the audit come to."""
    counts: Counter[Key] = Counter()
    for *_, text in links:
        body: dict[str, Any] = json.loads(text)
        match body.get("act"):
            case "outcome":
                _outcome(body, counts)
            case "inference":
                _inference(body, counts)
            case "evidence strand":
                counts["tailboard_evidence_strands_total", (listed("because", str(body.get("because"))),)] += 1
            case _:
                pass
    return counts


def _outcome(body: dict[str, Any], counts: Counter[Key]) -> None:
    outcome = str(body.get("outcome"))
    counts["tailboard_commands_settled_total", (listed("result", outcome),)] += 1
    if body.get("device") != OFFICE and (took_s := _took_s(body)) is not None:
        observe(counts, "tailboard_sync_seconds", (listed("result", outcome),), took_s)
    if body.get("kind") == "conflict.resolved" and outcome in {"applied", "merged"}:
        counts["tailboard_conflicts_resolved_total", ()] += 1


def _took_s(body: dict[str, Any]) -> float | None:
    """How long after its confirmation a command was settled: its id says when that was, by the laptop's clock."""
    try:
        confirmed_at = uuid7_at(str(body["command"]))
        return max(0.0, (to_instant(str(body["at"])) - confirmed_at).total_seconds())
    except (KeyError, ValueError, OverflowError):
        return None


def _inference(body: dict[str, Any], counts: Counter[Key]) -> None:
    route, upstream = listed("route", str(body.get("route"))), str(body.get("upstream", ""))
    ended = listed("ended", str(body.get("ended")))
    counts["tailboard_gateway_tasks_total", (listed("asker", str(body.get("kind"))), route, ended)] += 1
    if body.get("attempts", 0) > 1:
        counts["tailboard_gateway_fallbacks_total", (route,)] += 1
    if not upstream:
        return
    data_class = listed("data_class", str(body.get("data_class")))
    for direction in ("up", "down"):
        if size := body.get(f"bytes_{direction}", 0):
            counts["tailboard_gateway_moved_bytes_total", (route, data_class, direction)] += size
        if tokens := body.get(f"tokens_{direction}", 0):
            counts["tailboard_gateway_tokens_total", (upstream, direction)] += tokens
    for name, metric in _TIMES.items():
        if name in body or name != "first_token_s" or ended == "answered":  # the audit leaves out what is nothing
            observe(counts, metric, (upstream,), float(body.get(name, 0.0)))
