"""A part is on the job exactly if it is off the shelf: the two are one act, however it was settled."""

from collections import Counter
from collections.abc import Iterator, Mapping

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Body


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the records alone: what shelves lack is what jobs list."""
    before, now = evidence.start.records, evidence.server.records
    used = _used(now) - _used(before)
    for ref in sorted(now):
        if ref.startswith("stock_item/") and ref in before:
            taken = before[ref]["fields"]["on_hand"] - now[ref]["fields"]["on_hand"]
            if taken != used[ref]:
                yield Finding(ref, f"lacks {taken} on the shelf, and jobs list {used[ref]}")


def _used(records: Mapping[str, Body]) -> Counter[str]:
    parts = [part for body in records.values() for part in body["fields"].get("parts_used", ())]
    counted: Counter[str] = Counter()
    for part in parts:
        counted[part["stock_item"]] += part["quantity"]
    return counted


CHECKER = Checker("atomic-stays-whole", judge)
