"""Once faults heal, every command and what it began is settled, or parked with a reason that somebody can act on."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received

#: What a command began and somebody else has to bring to its end, in the states that are none.
_ON_THE_WAY = {"external_write": frozenset({"queued", "sending"}), "assist_task": frozenset({"queued", "running"})}


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Nothing waits without a reason, and nothing that was said long before its time expires."""
    for words in evidence.unsettled:
        yield Finding(words.partition(":")[0], f"still waits:{words.partition(':')[2]}")
    for command in evidence.said:
        here = evidence.here(command)
        if here is None:
            yield Finding(command, "never reached the server")
        elif here.answer is None and here.hold in {None, "waiting"}:
            yield Finding(command, "waits, and nothing stands in its way")
        elif here.answer is None and not here.problem:
            yield Finding(command, f"is {here.hold} without a reason")
        elif here.answer and here.answer["outcome"] == "expired" and not _was_due(here):
            yield Finding(command, "expired long before its time")
    for ref, body in evidence.server.records.items():
        kind, status = ref.partition("/")[0], body["fields"].get("status")
        nobody_there = kind == "external_write" and evidence.booked is None
        if status in _ON_THE_WAY.get(kind, ()) and not nobody_there:
            yield Finding(ref, f"is {status}, and nothing comes of it")


def _was_due(here: Received) -> bool:
    """Whether its time was over when it was settled, or would have been by a clock that is a day off."""
    assert here.answer is not None, "it is settled"
    at, until = here.answer["settled_at"], here.command["expires_at"]
    return datetime.fromisoformat(at) > datetime.fromisoformat(until) - timedelta(days=1)


CHECKER = Checker("everything-ends", judge)
