"""The clocks of one simulated host.

Rules
1. The clock that people read may be wrong: it jumps, it runs fast or slow, somebody sets it.
2. The monotonic clock never jumps and never runs backwards. It has the same crystal, so it drifts along. While the
   host is suspended it goes on, or stands still where the platform knows no better.
3. A reboot starts the monotonic clock anew, under another boot id.

Source: clock_gettime(2): CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_MONOTONIC.
"""

from collections.abc import Callable
from datetime import datetime, timedelta


class HostClock:
    """A `shared.ports.Clock` over virtual time."""

    def __init__(self, true_s: Callable[[], float], start: datetime, *, counts_sleep: bool = True) -> None:
        """`true_s` are the seconds of the world, `start` is when it began: aware, UTC."""
        self._counts_sleep, self._boots, self._booted_s = counts_sleep, 1, 0.0
        self._true_s, self._start = true_s, start
        self._rate = 1.0
        self._turned_at_s, self._ran_s = true_s(), 0.0
        self._offset = timedelta(0)
        self._slept_s = 0.0

    def now(self) -> datetime:
        """What the host believes the time to be."""
        return self._start + timedelta(seconds=self._elapsed_s()) + self._offset

    def monotonic_s(self) -> float:
        """Seconds since the last boot, or those of them that the host was awake."""
        return self._elapsed_s() - self._booted_s - self._slept_s

    def boot_id(self) -> str:
        """A name for the time since the last boot."""
        return f"boot-{self._boots}"

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
        if not self._counts_sleep:
            self._slept_s += seconds * self._rate

    def reboot(self) -> None:
        """The machine starts again."""
        self._boots += 1
        self._booted_s, self._slept_s = self._elapsed_s(), 0.0

    def error(self) -> timedelta:
        """How far the wall clock is off."""
        return self.now() - (self._start + timedelta(seconds=self._true_s()))
