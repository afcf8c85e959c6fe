"""Is an upstream well? A window of what it did lately, ejection, and one try before it is trusted again.

Rules
1. `failures_in_a_row` failures, or half of at least `sample_min` tries within `window_s`, eject an upstream.
2. An ejected upstream gets nothing for `eject_s`, twice as long each time in a row, up to `eject_max_s`. Then one
   task, or a probe, may try it: success brings it back, failure ejects it again.
3. What the upstream answers in its own words (too busy, a request that it does not take) is no failure of it.
4. One that was started anew is on trial at once: what its predecessor did says nothing of it.

Pure: instants come in as seconds.
"""

from collections import deque
from dataclasses import dataclass

from shared.backoff import backoff


@dataclass(frozen=True, slots=True)
class Patience:
    """When an upstream is ejected and for how long; seconds and counts."""

    failures_in_a_row: int = 3
    sample_min: int = 10
    window_s: float = 30.0
    eject_s: float = 5.0
    eject_max_s: float = 120.0


class Health:
    """One upstream's."""

    def __init__(self, patience: Patience = Patience()) -> None:  # frozen
        self._patience = patience
        self._seen: deque[tuple[float, bool]] = deque(maxlen=256)
        self._in_a_row = 0
        self._ejections = 0
        self._ejected_until_s: float | None = None
        self._trying = False

    @property
    def ejected(self) -> bool:
        """Whether it is out, or on trial."""
        return self._ejected_until_s is not None

    def usable(self, now_s: float) -> bool:
        """Whether a task may be given to it now."""
        return self._ejected_until_s is None or (now_s >= self._ejected_until_s and not self._trying)

    def begin(self, now_s: float) -> None:
        """A task, or a probe, is given to it."""
        if self._ejected_until_s is not None and now_s >= self._ejected_until_s:
            self._trying = True

    def renew(self, now_s: float) -> None:
        """It was started anew."""
        self._seen.clear()
        self._in_a_row = self._ejections = 0
        self._trying, self._ejected_until_s = False, now_s

    def give_up(self) -> None:
        """Whoever tried it went away before it could be told how it is."""
        self._trying = False

    def report(self, now_s: float, *, well: bool) -> None:
        """How a task or a probe went."""
        self._trying = False
        if well:
            self._well(now_s)
        else:
            self._ill(now_s)

    def _well(self, now_s: float) -> None:
        if self._ejected_until_s is not None:
            self._ejected_until_s, self._ejections = None, 0
            self._seen.clear()
        self._in_a_row = 0
        self._seen.append((now_s, True))

    def _ill(self, now_s: float) -> None:
        self._in_a_row += 1
        self._seen.append((now_s, False))
        if self._ejected_until_s is None and not self._too_ill(now_s):
            return
        if self._ejected_until_s is not None and now_s < self._ejected_until_s:
            return  # it was given this before it was ejected
        self._ejected_until_s = now_s + backoff(self._patience.eject_s, self._patience.eject_max_s, self._ejections)
        self._ejections += 1

    def _too_ill(self, now_s: float) -> bool:
        if self._in_a_row >= self._patience.failures_in_a_row:
            return True
        while self._seen and self._seen[0][0] < now_s - self._patience.window_s:
            self._seen.popleft()
        failed = sum(not well for _, well in self._seen)
        return len(self._seen) >= self._patience.sample_min and 2 * failed >= len(self._seen)
