"""Exponential backoff: how long to wait after so many tries in vain, for one side and for the other.

What keeps a herd apart (jitter) is the caller's.
"""

from datetime import timedelta
from typing import TypeVar

Wait = TypeVar("Wait", float, timedelta)

#: More are never needed: a second has become more than thirty years.
_DOUBLINGS_MAX = 30


def backoff(first: Wait, longest: Wait, doublings: int) -> Wait:
    """`first`, doubled so many times, but never more than `longest`; both in seconds, or both as spells."""
    return min(longest, first * (1 << min(doublings, _DOUBLINGS_MAX)))
