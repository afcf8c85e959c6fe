"""What its author took back before it left has no effect, ever."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By what people saw withdrawn, and what the ledger says took effect."""
    for command in sorted(evidence.taken_back):
        here = evidence.here(command)
        if here is not None and here.effective:
            yield Finding(command, "was taken back, and took effect")


CHECKER = Checker("withdrawn-is-withdrawn", judge)
