"""What came when its time was over takes no effect, and its author is told.

Its time is what the signed bytes say, by its laptop's clock; the ledger says when it came, by the server's clock, and
how far off the laptop's was then. What nobody may do alone, and a question for the cluster, must be in time when it
takes effect, too. What a reviewer gave again took effect as the stand-in, which has a time of its own.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from simulators.checkers.approved_is_what_happens import needs_a_yes
from simulators.checkers.base import Checker, Evidence, Finding
from simulators.evidence import Received

_WITHOUT_EFFECT = frozenset({"expired", "rejected"})


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Too late when it came, too late when it took effect, and what screens said of what had expired."""
    given_again = set(evidence.stand_ins().values())
    for each in evidence.everything().values():
        if each.answer is None or each.answer["outcome"] in _WITHOUT_EFFECT:
            continue
        until = each.command["expires_at"]
        if _over(each, each.received_at):
            yield Finding(each.id, f"is {each.answer['outcome']}, and when it came its time was over: {until}")
        elif _is_timely(evidence, each) and each.id not in given_again and _over(each, each.answer["settled_at"]):
            yield Finding(each.id, f"took effect when its time was over: {until}")
    for name, device in evidence.devices.items():
        for sent in device.outbox:
            here = evidence.here(sent.id)
            expired = here is not None and here.answer is not None and here.answer["outcome"] == "expired"
            if expired and "expired" not in evidence.shown.get(sent.id, ()):
                yield Finding(sent.id, f"expired, and {name} never said so")


def _over(each: Received, at: str) -> bool:
    """Whether its time was over at an instant of the server's clock."""
    until = datetime.fromisoformat(each.command["expires_at"])
    return datetime.fromisoformat(at) + timedelta(seconds=each.offset_s) > until


def _is_timely(evidence: Evidence, each: Received) -> bool:
    return each.command["kind"] == "assist.request" or needs_a_yes(evidence, each)


CHECKER = Checker("nothing-expires-quietly", judge)
