"""Where time, identity and chance come in.

The rest of the product receives these; nothing else may read a clock or draw a random byte (the linter enforces it),
so that a simulator can hold all three. The `System…` classes are the real world and are built by `bootstrap` modules
only.
"""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Protocol, TypeVar

from shared.ids import uuid7

T = TypeVar("T")
_AWAKE_OR_NOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """Two clocks: the one people read, which may jump, and one that only runs forward, from boot to boot."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed point; never runs backwards, and counts while the machine sleeps if it can."""

    def boot_id(self) -> str:
        """A name for this run of the machine, another one after each boot; empty where that cannot be known."""


class Randomness(Protocol):
    """Unpredictable bytes, for keys, salts, nonces and ids."""

    def draw(self, count: int) -> bytes:
        """`count` random bytes."""


class RunBlocking(Protocol):
    """Runs blocking work away from the event loop: on a thread in production, in place in a simulation."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """The result of `work()`."""


class Beside(Protocol):
    """Begins work whose result is wanted later: on a thread of its own in production, in place in a simulation."""

    def __call__(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin `work()`; what is returned waits for the result."""


def in_place(work: Callable[[], T]) -> Callable[[], T]:
    """A `Beside` that is done with `work()` before it returns."""
    result = work()
    return lambda: result


@dataclass(frozen=True)
class Ports:
    """The world that a shell is built on."""

    clock: Clock
    randomness: Randomness

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return uuid7(self.clock.now(), self.randomness.draw(10))


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds of the clock that sleep does not stop, where there is one."""
        return time.clock_gettime(_AWAKE_OR_NOT) if _AWAKE_OR_NOT is not None else time.monotonic()

    def boot_id(self) -> str:
        """The kernel's name for this boot. Source: Linux, random(4)."""
        return _boot_id()


class SystemRandomness:
    """The operating system's random source."""

    def draw(self, count: int) -> bytes:
        """`count` bytes of `os.urandom`."""
        return os.urandom(count)


@cache
def _boot_id() -> str:
    """Read once: no process outlives its boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def system_ports() -> Ports:
    """The real world."""
    return Ports(SystemClock(), SystemRandomness())
