"""Rounds that leave before the answers to those in front of them are dealt with.

Rules
1. Answers are dealt with in the order in which their rounds left.
2. Whoever stops waiting for an answer calls nothing back: what was sent is in doubt, as the outbox says.

A settling laptop, time to the right (`Agent._answer` and what it calls)::

    round 1   sent ... the server works ... answer 1 | read, believed | written down
    round 2     drafted: marked as sent, packed      | sent ... the server works ... answer 2 | read, believed | ...
    round 3                                            drafted ...                            | sent ...

A draft leaves when the answer in front of it is here and its end allows it (`_led`, `_follow`); round 3 also waits
until answer 1 is believed. If that never comes to be, what was drafted and never left is saved again (`_keep_back`).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass

from device.core.session import Act, Push, Queue
from device.core.trust import Trust
from device.store import Outgoing
from device.transport import Begun


@dataclass(frozen=True, slots=True)
class Draft:
    """The next round while another is on its way: marked as sent and packed, but for the cursor that it will show.

    `queue` is what is left without the round before it; `trust` and `incarnation` are what the answer to that one is
    held against.
    """

    action: Push
    items: list[Outgoing]
    queue: Queue
    request: Begun
    trust: Trust
    incarnation: int


@dataclass(slots=True)
class Round:
    """A round on its way: what it does, what it carries, the cursor that it shows, and the answer to come.

    `draft` is the round that may follow it; `leads`, that it does follow as soon as the answer is here.
    `taken_back` is the place of the last revocation of a consent that the server hears of with it.
    """

    action: Act
    items: list[Outgoing]
    shown: str | None
    queue: Queue
    answer: Awaitable[bytes]
    draft: Draft | None = None
    leads: bool = False
    taken_back: int = 0


class Ahead:
    """The rounds on their way behind the one that is dealt with now, in their order."""

    def __init__(self) -> None:
        self._rounds: deque[Round] = deque()
        self._awaited: list[asyncio.Future[bytes]] = []

    @property
    def first(self) -> Round | None:
        """The one whose answer is dealt with next; None if nothing is on its way."""
        return self._rounds[0] if self._rounds else None

    @property
    def last(self) -> Round | None:
        """The one that left last; None if nothing is on its way."""
        return self._rounds[-1] if self._rounds else None

    def next(self) -> Round | None:
        """Take the first out, to deal with it."""
        return self._rounds.popleft() if self._rounds else None

    def add(self, following: Round) -> None:
        """A round has left behind all the others."""
        self._rounds.append(following)

    def awaiting(self, answer: Awaitable[bytes]) -> asyncio.Future[bytes]:
        """Begin to wait for an answer."""
        future = asyncio.ensure_future(answer)
        future.add_done_callback(_noticed)
        self._awaited = [*(each for each in self._awaited if not each.done()), future]
        return future

    def forget(self) -> None:
        """Wait for nothing any more."""
        for answer in self._awaited:
            answer.cancel()
        self._awaited.clear()
        self._rounds.clear()


def _noticed(answer: "asyncio.Future[bytes]") -> None:
    """If nobody waits for it any more, it is nobody's business that it went wrong."""
    if not answer.cancelled():
        answer.exception()
