"""A disk that was full and has room again is written to: no error stays, and the laptop's file is whole."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Each laptop's store works once everything healed, and gives every command a place of its own."""
    for name, count in evidence.failed_late.items():
        if count:
            yield Finding(name, f"could not write {count} times after everything healed")
    for name, device in evidence.devices.items():
        ids = [sent.id for sent in device.outbox]
        if len(ids) != len(set(ids)):
            yield Finding(name, "has a command twice in its outbox")


CHECKER = Checker("full-disk-loses-nothing", judge)
