"""When a model whose process died is started again, and when it is given up.

Rules
1. After the first crash it is started again at once, then after ever longer: a crash may have been an accident.
2. `CRASHES_MAX` crashes within `WINDOW_S` are no accident: another model takes over.
3. A crash that is longer ago than `WINDOW_S` is forgotten.

Pure: times are seconds of a monotonic clock that the caller read.
"""

from dataclasses import dataclass

WINDOW_S = 600.0
CRASHES_MAX = 3
#: Seconds to wait after the first crash, the second, and so on; after more, the last.
BACK_OFF_S = (0.0, 2.0, 15.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Crashes:
    """When the process of one model died, oldest first."""

    at_s: tuple[float, ...] = ()

    def after(self, now_s: float) -> "Crashes":
        """The same with another one, just now."""
        return Crashes((*self._lately(now_s), now_s)[-len(BACK_OFF_S) :])

    def wait_s(self, now_s: float) -> float:
        """How long it is not started again yet; 0 if it may be."""
        lately = self._lately(now_s)
        if not lately:
            return 0.0
        pause_s = BACK_OFF_S[min(len(lately), len(BACK_OFF_S)) - 1]
        return max(0.0, lately[-1] + pause_s - now_s)

    def too_many(self, now_s: float) -> bool:
        """Whether the model is to be given up for another one."""
        return len(self._lately(now_s)) >= CRASHES_MAX

    def _lately(self, now_s: float) -> tuple[float, ...]:
        return tuple(each for each in self.at_s if 0 <= now_s - each < WINDOW_S)
