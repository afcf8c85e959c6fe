"""However bad the network is, and whoever comes back at once: no laptop asks again and again without a pause.

What a sound laptop needs was measured over 100 worlds of all kinds: at most 8 requests in ten seconds, 15 in a
minute, and 6 beyond its regular question every half minute once everything healed. Without pauses it is ten a second.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from simulators.checkers.base import Checker, Evidence, Finding

#: Seconds, and how many requests may fall into so many.
MOST = ((10.0, 20), (60.0, 30), (600.0, 120))
#: Bringing everything up and everything down, once everything healed; beyond that, a regular question.
ROUNDS_MAX = 25
REGULAR_S = 30.0


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Each laptop's requests: in any stretch of time, and after everything healed."""
    for name, times in evidence.asked_at.items():
        for spell_s, most in MOST:
            if (count := densest(times, spell_s)) > most:
                yield Finding(name, f"asked {count} times within {spell_s:.0f} s")
        late = len(times) - bisect_left(times, evidence.healed_at_s)
        if late > ROUNDS_MAX + evidence.healed_for_s / REGULAR_S:
            yield Finding(name, f"asked {late} times in {evidence.healed_for_s:.0f} s after everything healed")


def densest(times: Sequence[float], spell_s: float) -> int:
    """The most of `times`, in order, that fall into one stretch of `spell_s`."""
    return max((end - bisect_left(times, at - spell_s) for end, at in enumerate(times, 1)), default=0)


CHECKER = Checker("the-herd-drains", judge)
