"""Laptops that all come back at once are done with few requests: no storm of retries."""

from collections.abc import Iterator

from simulators.checkers.base import Checker, Evidence, Finding

#: Bringing everything up and everything down takes a handful of rounds, and a conflict that is settled one more each.
ROUNDS_MAX = 60
#: Beyond that, one question a minute is the most that a quiet laptop may ask.
A_MINUTE_S = 60.0


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Requests of each laptop since everything healed."""
    most = ROUNDS_MAX + evidence.healed_for_s / A_MINUTE_S
    for name, count in evidence.asked_late.items():
        if count > most:
            yield Finding(name, f"asked {count} times in {evidence.healed_for_s:.0f} s after everything healed")


CHECKER = Checker("the-herd-drains", judge)
