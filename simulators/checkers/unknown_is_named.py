"""Whatever did not take effect says why, and a kind that nobody here says has no effect."""

from collections.abc import Iterator

from shared.commands import CATALOGUE
from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received

_SILENT = frozenset({"applied", "merged", "conflict"})


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Held and refused commands are named; nothing takes effect under another name than it was said under."""
    for each in evidence.brought():
        if each.effective and not _known(each):
            words = f"{each.command['kind']} version {each.command['schema_version']}"
            yield Finding(each.id, f"took effect as {words}, which nobody here knows")
        if each.hold in {"unreadable", "quarantined"} and not each.problem:
            yield Finding(each.id, f"is {each.hold} without a reason")
        if each.answer and each.answer["outcome"] == "rejected" and not each.answer["reason"]:
            yield Finding(each.id, "was rejected without a reason")
        if each.answer and each.answer["outcome"] not in _SILENT and not each.answer["detail"]:
            yield Finding(each.id, f"was {each.answer['outcome']} without a word")
        said = evidence.said.get(each.id)
        if said and each.effective and said.kind != each.command["kind"]:
            yield Finding(each.id, f"was said as {said.kind} and took effect as {each.command['kind']}")


def _known(each: Received) -> bool:
    kind = CATALOGUE.get(each.command["kind"])
    return kind is not None and int(each.command["schema_version"]) <= kind.kind.version


CHECKER = Checker("unknown-is-named", judge)
