"""How much a tenant and each of its people and programs may use in a window: what one process was given of it.

Rules
1. A task counts for its tenant and for its actor; both must have room, or it takes nothing from either.
2. Tokens are taken before the task runs, as many as it may take, and put right when it is known what it took.
3. A window is counted in the store, for all server processes together. A process is given a share of it at a time
   (`SHARE` of the whole, or what the task at hand needs), spends that by itself, and brings back what it does not
   use. So nobody ever uses more than the quota; a process may refuse a little early, by what the others hold and have
   not brought back yet.
4. When its window ends a share is worth nothing any more.

Pure; the store's side is `sync_server.store.quotas`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

#: A process is given this part of a quota at a time.
SHARE = 1 / 50
#: What was not touched for so long is brought back.
IDLE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used within `window_s` seconds."""

    requests: int
    tokens: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """There is no room for `who`, until `retry_after_s` whole seconds are over."""

    who: str
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a process asks for `who`: at least `requests_min` and `tokens_min`, rather a share of the allowance."""

    who: str
    told: Allowance
    requests_min: int
    tokens_min: int

    @property
    def requests(self) -> int:
        """How many requests it would rather have."""
        return max(1, int(self.told.requests * SHARE))

    @property
    def tokens(self) -> int:
        """How many tokens it would rather have."""
        return max(self.tokens_min, int(self.told.tokens * SHARE))


@dataclass(frozen=True, slots=True)
class Given:
    """What a process holds of the window of `who` that ends at `ends_at`; it may owe tokens."""

    who: str
    ends_at: datetime
    requests: int
    tokens: int


class Book(Protocol):
    """Where windows are counted for everybody."""

    async def draw(self, wanted: Sequence[Wanted], now: datetime) -> Sequence[Given] | Spent:
        """A share for each, or for none of them."""

    async def bring_back(self, unused: Sequence[Given]) -> None:
        """What is not used; of a window that ended it is worth nothing."""


@dataclass(slots=True)
class _Purse:
    ends_at: datetime
    requests: int
    tokens: int
    used_at: datetime


class Quotas:
    """What this process holds. `who` is any name, such as ``tenant`` and ``tenant/actor``."""

    def __init__(self) -> None:
        self._purses: dict[str, _Purse] = {}

    def take(self, whom: Iterable[tuple[str, Allowance]], tokens: int, now: datetime) -> list[Wanted]:
        """Count a task that may take `tokens`; if there is too little of something, nothing is counted.

        Returns:
            What has to be drawn first; nothing if it was counted.
        """
        asked = [(self._purse(who, now), who, told) for who, told in whom]
        short = [
            Wanted(
                who,
                told,
                requests_min=max(1 - (purse.requests if purse else 0), 0),
                tokens_min=max(tokens - (purse.tokens if purse else 0), 0),
            )
            for purse, who, told in asked
            if purse is None or purse.requests < 1 or purse.tokens < tokens
        ]
        if short:
            return short
        for purse, _, _ in asked:
            assert purse is not None, "none is short"
            purse.requests, purse.tokens, purse.used_at = purse.requests - 1, purse.tokens - tokens, now
        return []

    def add(self, given: Iterable[Given], now: datetime) -> None:
        """Put what was drawn into the purses."""
        for each in given:
            purse = self._purses.get(each.who)
            if purse is None or purse.ends_at != each.ends_at:
                self._purses[each.who] = _Purse(each.ends_at, each.requests, each.tokens, now)
            else:
                purse.requests, purse.tokens = purse.requests + each.requests, purse.tokens + each.tokens

    def put_right(self, whom: Iterable[str], reserved: int, taken: int) -> None:
        """The task took `taken` tokens of those `reserved`. A window that ended since is left alone."""
        for who in whom:
            if purse := self._purses.get(who):
                purse.tokens += reserved - taken

    def unused(self, now: datetime, idle: timedelta = IDLE) -> list[Given]:
        """What nobody touched for `idle`, taken out of the purses; whoever asks brings it back."""
        left = [who for who, purse in self._purses.items() if abs(now - purse.used_at) >= idle]
        purses = [(who, self._purses.pop(who)) for who in left]
        return [Given(who, each.ends_at, each.requests, each.tokens) for who, each in purses if now < each.ends_at]

    def _purse(self, who: str, now: datetime) -> _Purse | None:
        purse = self._purses.get(who)
        return purse if purse is not None and now < purse.ends_at else None


def retry_after_s(ends_at: datetime, now: datetime) -> int:
    """Whole seconds until a window ends, at least one."""
    return max(math.ceil((ends_at - now).total_seconds()), 1)


class OneProcess:
    """A book for a server that is alone: windows in memory."""

    def __init__(self) -> None:
        self._windows: dict[str, Given] = {}

    async def draw(self, wanted: Sequence[Wanted], now: datetime) -> Sequence[Given] | Spent:
        """As `Book`."""
        given = []
        for each in wanted:
            share = share_of(each, self._windows.get(each.who), now)
            if isinstance(share, Spent):
                return share
            given.append(share)
        for each, share in zip(wanted, given, strict=True):
            before = self._windows.get(each.who)
            known = before if before and before.ends_at == share.ends_at else Given(each.who, share.ends_at, 0, 0)
            self._windows[each.who] = added(known, share)
        return given

    async def bring_back(self, unused: Sequence[Given]) -> None:
        """As `Book`."""
        for each in unused:
            known = self._windows.get(each.who)
            if known and known.ends_at == each.ends_at:
                self._windows[each.who] = added(known, Given(each.who, each.ends_at, -each.requests, -each.tokens))


def share_of(wanted: Wanted, counted: Given | None, now: datetime) -> Given | Spent:
    """What may be given for `wanted`, when `counted` was given out already; a window that ended counts nothing."""
    told, ends_at = wanted.told, now + timedelta(seconds=wanted.told.window_s)
    running = counted is not None and now < counted.ends_at <= ends_at  # one further off is of a clock set back
    if counted is None or not running:
        counted = Given(wanted.who, ends_at, 0, 0)
    requests, tokens = told.requests - counted.requests, told.tokens - counted.tokens
    if requests < wanted.requests_min or tokens < wanted.tokens_min:
        return Spent(wanted.who, retry_after_s(counted.ends_at, now))
    share = min(wanted.requests, requests), min(wanted.tokens, tokens)
    return Given(wanted.who, counted.ends_at, max(share[0], 0), max(share[1], 0))


def added(known: Given, more: Given) -> Given:
    """Both together."""
    return Given(known.who, known.ends_at, known.requests + more.requests, known.tokens + more.tokens)
