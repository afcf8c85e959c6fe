"""The smallest surroundings that a simulated host needs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from simulators.clocks import HostClock
from simulators.disks import simulated_disks
from simulators.faults import CALM, Chaos, FaultProfile
from simulators.hosts import Host, Incarnation, Surroundings, watched_commits
from simulators.loop import SeededLoop, current_loop, simulate
from simulators.streams import Stream, Streams
from simulators.trace import Trace
from simulators.wire import Wire

T = TypeVar("T")
START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


async def for_ever(_life: Incarnation) -> None:
    await asyncio.Event().wait()


@dataclass
class Scene:
    home: Path
    around: Surroundings
    wire: Wire
    loop: SeededLoop = field(default_factory=current_loop)

    def host(self, name: str = "laptop", program: Callable[[Incarnation], Any] = for_ever) -> Host:
        (self.home / name / "0").mkdir(parents=True)
        clock = HostClock(self.loop.time, START)
        return Host(name, self.home / name, program, loop=self.loop, clock=clock, world=self.around)

    @property
    def chaos(self) -> Chaos:
        return self.around.chaos


@contextmanager
def scene(home: Path, profile: FaultProfile = CALM, seed: int = 1) -> Iterator[Scene]:
    loop = current_loop()
    chaos, trace = Chaos(profile, Streams(seed)), Trace(loop.time, keep=True)
    with simulated_disks() as bay, watched_commits():
        yield Scene(home, Surroundings(chaos, trace, bay), Wire(loop, chaos, trace))


def play(home: Path, act: Callable[[Scene], Awaitable[T]], profile: FaultProfile = CALM, seed: int = 1) -> T:
    """Run `act` in a scene of its own."""

    async def main() -> T:
        with scene(home, profile, seed) as made:
            return await act(made)

    return simulate(main, Stream(seed, "order"))[0]
