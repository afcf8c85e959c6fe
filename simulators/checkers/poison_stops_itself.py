"""A command that cannot take effect takes along only what rests on it."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Whoever failed or waits because of another one really rests on it, and that one really failed or waits."""
    for each in evidence.brought():
        if each.answer and each.answer["reason"] == "dependency_failed" and not _excused(evidence, each):
            yield Finding(each.id, "failed with another command, and rests on none that failed")
        if each.answer is None and each.hold == "waiting" and not _waits(evidence, each):
            yield Finding(each.id, "waits for nothing that it rests on")


def _excused(evidence: Evidence, each: Received) -> bool:
    needs = [evidence.here(need) for need in each.needs]
    return any(need is None or (need.answer and not need.effective) for need in needs)


def _waits(evidence: Evidence, each: Received) -> bool:
    """It rests on something open, or something before it in its device's chain has not come."""
    needs = [evidence.here(need) for need in each.needs]
    return any(need is None or not need.effective for need in needs) or _gap(evidence, each)


def _gap(evidence: Evidence, each: Received) -> bool:
    place = (each.device, each.command["epoch"])
    chain = {other.command["seq"] for other in evidence.brought() if (other.device, other.command["epoch"]) == place}
    return not chain.issuperset(range(1, each.command["seq"]))


CHECKER = Checker("poison-stops-itself", judge)
