"""What a system of record did for a command it did once, as ordered, and only for a command that took effect."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received, Said

#: The kinds of commands that are carried to a system of record.
CARRIED = frozenset({"part.ordered"})


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By what the system itself has under each key; a key is the id of a command."""
    if evidence.booked is None:
        return
    yield from _done(evidence, evidence.booked)
    meant = evidence.meant()
    for key, order in evidence.ordered:
        if key in meant and not _as_said(order, meant[key]):
            yield Finding(key, "was ordered otherwise than its author said")
    for ref, body in evidence.server.records.items():
        key = ref.partition("/")[2]
        if ref.startswith("external_write/") and body["fields"]["status"] == "done" and not evidence.booked.get(key):
            yield Finding(key, "stands as done, and the system of record knows nothing of it")


def _as_said(order: Mapping[str, Any], said: Said) -> bool:
    part, job = (ref.partition("/")[2] for ref in (said.payload["stock_item"], said.record))
    return (order["part"], order["quantity"], order["work_order"]) == (part, said.payload["quantity"], job)


def _done(evidence: Evidence, booked: Mapping[str, int]) -> Iterator[Finding]:
    commands = evidence.everything()
    for key, count in booked.items():
        each = commands.get(key)
        if count > 1:
            yield Finding(key, f"was done {count} times in the system of record")
        why = "no command asked for it" if each is None else _out_of_place(each)
        if why and not _once_effective(evidence, key):
            yield Finding(key, f"was done in the system of record, and {why}")


def _once_effective(evidence: Evidence, command: str) -> bool:
    """Whether it took effect on a server that was set back since: what was done outside stays done.

    Nobody may be left to bring the command again: the laptop that knew of it was put away.
    """
    return any((each := life.received.get(command)) and each.effective for life in evidence.lives)


def _out_of_place(each: Received) -> str | None:
    if each.command["kind"] not in CARRIED:
        return f"it is a {each.command['kind']}"
    if each.answer is None:
        return "it is not settled"
    return None if each.effective else f"it was {each.answer['outcome']}"


CHECKER = Checker("one-external-effect", judge)
