"""How much a tenant and each of its people and programs may use in a window, as a pure state machine.

Rules
1. A task counts for its tenant and for its actor; both must have room, or it takes nothing from either.
2. Tokens are reserved before the task runs, as many as it may take, and put right when it is known what it took.
3. A window begins with its first task and ends `window_s` later; then everything is there again.

Counts are of one process: several servers each hold their own.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: So many windows are kept before those that ended are thrown away.
KEPT_MAX = 4096


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used within `window_s` seconds."""

    requests: int
    tokens: int
    window_s: float


@dataclass(slots=True)
class _Window:
    ends_s: float
    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """There is no room for `who`, until `retry_after_s` whole seconds are over."""

    who: str
    retry_after_s: int


class Quotas:
    """The windows of everybody. `who` is any name, such as ``tenant`` and ``tenant/actor``."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def take(self, whom: Iterable[tuple[str, Allowance]], tokens: int, now_s: float) -> Spent | None:
        """Count a task that may take `tokens`; nothing is counted if one of them has no room."""
        asked = [(self._window(who, told, now_s), who, told) for who, told in whom]
        for window, who, told in asked:
            if window.requests + 1 > told.requests or window.tokens + tokens > told.tokens:
                return Spent(who, max(math.ceil(window.ends_s - now_s), 1))
        for window, _, _ in asked:
            window.requests += 1
            window.tokens += tokens
        return None

    def put_right(self, whom: Iterable[str], reserved: int, taken: int) -> None:
        """The task took `taken` tokens of those `reserved`. A window that ended since is left alone."""
        for who in whom:
            if window := self._windows.get(who):
                window.tokens = max(window.tokens + taken - reserved, 0)

    def _window(self, who: str, told: Allowance, now_s: float) -> _Window:
        window = self._windows.get(who)
        if window is None or now_s >= window.ends_s:
            self._forget(now_s)
            window = self._windows[who] = _Window(now_s + told.window_s)
        return window

    def _forget(self, now_s: float) -> None:
        if len(self._windows) >= KEPT_MAX:
            self._windows = {who: each for who, each in self._windows.items() if now_s < each.ends_s}
