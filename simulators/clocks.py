"""The clocks of one simulated host.

Rules
1. The clock that people read may be wrong: it jumps, it runs fast or slow, somebody sets it.
2. The monotonic clock never jumps and never runs backwards. It has the same crystal, so it drifts along; while the
   host is suspended it stands still.

Source: clock_gettime(2): CLOCK_REALTIME, CLOCK_MONOTONIC.
"""

from collections.abc import Callable
from datetime import datetime, timedelta


class HostClock:
    """A `shared.ports.Clock` over virtual time."""

    def __init__(self, true_s: Callable[[], float], start: datetime) -> None:
        """`true_s` are the seconds of the world, `start` is when it began: aware, UTC."""
        self._true_s, self._start = true_s, start
        self._rate = 1.0
        self._turned_at_s, self._ran_s = true_s(), 0.0
        self._offset = timedelta(0)
        self._slept_s = 0.0

    def now(self) -> datetime:
        """What the host believes the time to be."""
        return self._start + timedelta(seconds=self._elapsed_s()) + self._offset

    def monotonic_s(self) -> float:
        """Seconds that the host has been awake."""
        return self._elapsed_s() - self._slept_s

    def _elapsed_s(self) -> float:
        return self._ran_s + (self._true_s() - self._turned_at_s) * self._rate

    def jump(self, by: timedelta) -> None:
        """The wall clock is set, forward or back."""
        self._offset += by

    def drift(self, ppm: float) -> None:
        """From now on the crystal gains `ppm` microseconds a second, or loses them."""
        self._ran_s, self._turned_at_s = self._elapsed_s(), self._true_s()
        self._rate = 1.0 + ppm / 1e6

    def put_right(self) -> None:
        """Somebody sets the wall clock by a good one, and its crystal is trimmed."""
        self.drift(0.0)
        self._offset -= self.error()

    def slept(self, seconds: float) -> None:
        """The host was suspended that long until now."""
        self._slept_s += seconds * self._rate

    def error(self) -> timedelta:
        """How far the wall clock is off."""
        return self.now() - (self._start + timedelta(seconds=self._true_s()))
