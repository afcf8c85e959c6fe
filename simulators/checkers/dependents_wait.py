"""A command that rests on another takes effect only after that one did, or after a person settled it."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the signed bytes: what each rests on; by the receipts: what became of it, and in which order."""
    for each in evidence.server.received.values():
        if each.effective and each.id not in evidence.start.received:
            for need in sorted(each.needs):
                if why := _too_early(evidence, each, need):
                    yield Finding(each.id, why)


def _too_early(evidence: Evidence, each: Received, need: str) -> str | None:
    before = evidence.here(need)
    if before is None or before.answer is None:
        return f"took effect before {need} was settled"
    assert each.answer is not None, "it is effective"
    if before.answer["audit_position"] >= each.answer["audit_position"]:
        return f"took effect before {need}, on which it rests"
    conflict = evidence.server.records.get(before.answer["conflict"] or "")
    decided = conflict is not None and conflict["fields"]["status"] == "resolved"
    return None if before.effective or decided else f"took effect though {need} did not"


CHECKER = Checker("dependents-wait", judge)
