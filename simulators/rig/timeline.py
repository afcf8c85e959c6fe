"""What happened on a rig, and when: its own record of time, in seconds since it was set up."""

from collections.abc import Callable

from shared.ports import Clock


class Timeline:
    """Lines that people read, as they come."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        """`clock` is the real one; `say` hears of every line."""
        self._clock, self._say, self._began_s = clock, say, clock.monotonic_s()
        self.lines: list[str] = []

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock.monotonic_s() - self._began_s

    def note(self, who: str, what: str) -> None:
        """Write something down, and say it."""
        line = f"{self.now_s:7.1f}  {who:10} {what}"
        self.lines.append(line)
        self._say(line)
