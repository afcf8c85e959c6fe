"""What the server dropped for its age was settled, nothing open rests on it, and it is never taken as new."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the ledger before it forgot, and the ledger in the end."""
    received = evidence.server.received
    for command, each in evidence.forgotten.items():
        if each.answer is None:
            yield Finding(command, "was dropped for its age before it was settled")
        if command in received:
            yield Finding(command, "was taken as new after it had been dropped for its age")
    for each in received.values():
        if each.answer is None:
            for need in sorted(each.needs & evidence.forgotten.keys()):
                yield Finding(each.id, f"waits for {need}, which was dropped for its age")


CHECKER = Checker("forgotten-is-not-repeated", judge)
