"""Once faults heal, every command is settled, or parked with a reason that somebody can act on."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


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
        elif here.answer and here.answer["outcome"] == "expired":
            yield Finding(command, "expired within hours")


CHECKER = Checker("everything-ends", judge)
