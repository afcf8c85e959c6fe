"""What a planted bug is, and how it gets into a running program."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from simulators.explore import Campaign
from simulators.faults import CALM, FaultProfile
from simulators.world import Options
from simulators.world.options import Habits

#: Enough for what settles at all: in a world that is broken on purpose nobody need wait as long as in a sound one.
PATIENCE = timedelta(minutes=30)
#: People with many questions: their bugs need not wait for hundreds of worlds.
CURIOUS = Habits(asks=0.2, wonders=0.25)


@dataclass(frozen=True, slots=True)
class Trial(Campaign):
    """Worlds with faults and habits of their own, in which a bug has a chance to show."""

    faults: FaultProfile = CALM
    habits: Habits = CURIOUS

    @property
    def options(self) -> Options:
        """What each of its worlds consists of."""
        return Options(self.devices, self.commands, self.faults, patience=PATIENCE, habits=self.habits)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug that somebody could write, and who has to find it.

    Args:
        name: what is wrong, in a few words.
        checker: the promise that it breaks, as the judge that has to find it is called.
        plant: each puts a part of it into the program of this process, before the first world is built. A server's
            fault may take a laptop that lies to show.
        trial: the worlds in which it is looked for; their number is the limit.
    """

    name: str
    checker: str
    plant: tuple[Callable[[], None], ...]
    trial: Trial


def put(owner: Any, name: str, fault: Any) -> None:
    """Replace what `owner` calls `name`. It has to be there: a bug in nothing would never be found."""
    assert hasattr(owner, name), f"{owner} has no {name}; the mutant is out of date"
    setattr(owner, name, fault)
