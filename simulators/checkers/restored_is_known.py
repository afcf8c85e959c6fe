"""A server that was set back gets everything back that a laptop still has, byte for byte."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """By the ledgers of all its lives, and by what lies on the laptops."""
    carried = {sent.id for device in evidence.devices.values() for sent in device.outbox}
    for life in evidence.lives:
        for command, before in life.received.items():
            now = evidence.here(command)
            if now is None and command in carried:
                yield Finding(command, "was there before the server was set back, and was not brought again")
            elif now is not None and now.hash != before.hash:
                yield Finding(command, "has other bytes than before the server was set back")


CHECKER = Checker("restored-is-known", judge)
