"""What goes wrong on a rig, and when: a list of timed acts, which is a pure function of the seed and the options.

Rules
1. Every kind of act has dice of its own: another kind, or one more of it, moves nothing of the others.
2. Every kind comes at least once in every run, however short.
3. At one target an act of a kind ends before the next of the same kind begins.
4. What the machine does not allow is planned all the same; it is skipped where it is carried out, and said so.

Not handled here: carrying it out (`simulators.rig.course`).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from simulators.streams import Stream, Streams

LAPTOPS_MAX, SERVERS_MAX, SECONDS_MAX = 64, 9, 3600.0
#: Nothing begins in the last part of a run, where it would be healed at once.
BEGINS_BEFORE = 0.9


@dataclass(frozen=True, slots=True)
class Options:
    """What a rig consists of, and for how many `seconds` things go wrong on it.

    Raises:
        ValueError: a number is out of its bounds; the message says which, and what they are.
    """

    seed: int = 0
    laptops: int = 20
    servers: int = 3
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"A seed is a number from 0 up; {self.seed} is none.")
        if not 1 <= self.laptops <= LAPTOPS_MAX:
            raise ValueError(f"--laptops takes a number from 1 to {LAPTOPS_MAX}.")
        if not 1 <= self.servers <= SERVERS_MAX:
            raise ValueError(f"--servers takes a number from 1 to {SERVERS_MAX}.")
        if not (math.isfinite(self.seconds) and 1.0 <= self.seconds <= SECONDS_MAX):
            raise ValueError(f"--seconds takes a number from 1 to {SECONDS_MAX:.0f}.")


class Target(StrEnum):
    """What an act happens to."""

    LINK = "link"
    LAPTOP = "laptop"
    SERVER = "server"
    DATABASE = "database"


class Way(StrEnum):
    """Which way bytes go: `UP` is from the laptop to the server."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of act.

    Args:
        name: under which it is counted.
        words: what it does.
        target: what it happens to.
        every_s: how often on average to each target.
        for_s: how long it lasts, from and to; for what dies, how long it stays down.
        way: of the bytes, where it matters; either by chance if None.
    """

    name: str
    words: str
    target: Target
    every_s: float
    for_s: tuple[float, float]
    way: Way | None = None


KINDS: tuple[Kind, ...] = (
    Kind("latency", "everything takes longer on the way", Target.LINK, 20.0, (2.0, 6.0)),
    Kind("jitter", "everything takes longer, each piece by another while", Target.LINK, 20.0, (2.0, 6.0)),
    Kind("bandwidth", "only so many bytes a second pass", Target.LINK, 25.0, (2.0, 5.0)),
    Kind("slicing", "bytes come in small pieces", Target.LINK, 15.0, (2.0, 6.0)),
    Kind("reset", "half of a piece passes, then the connection is reset", Target.LINK, 20.0, (0.5, 2.0)),
    Kind("timeout", "nothing passes, and after a while the connection closes", Target.LINK, 30.0, (1.0, 3.0)),
    Kind("slow_close", "whoever hangs up is heard late", Target.LINK, 20.0, (2.0, 5.0)),
    Kind("blackhole_up", "what the laptop sends is swallowed", Target.LINK, 30.0, (1.0, 4.0), Way.UP),
    Kind("blackhole_down", "what the server answers is swallowed", Target.LINK, 30.0, (1.0, 4.0), Way.DOWN),
    Kind("link_down", "the laptop's network interface is down", Target.LINK, 30.0, (1.0, 4.0)),
    Kind("laptop_killed", "kill -9 of a laptop, started again later", Target.LAPTOP, 90.0, (0.2, 2.0)),
    Kind("laptop_stopped", "SIGSTOP of a laptop, then SIGCONT", Target.LAPTOP, 45.0, (0.5, 3.0)),
    Kind("disk_full", "a laptop's disk has no byte left", Target.LAPTOP, 45.0, (1.0, 4.0)),
    Kind("server_killed", "kill -9 of a server, started again later", Target.SERVER, 25.0, (0.2, 2.0)),
    Kind("server_stopped", "SIGSTOP of a server, then SIGCONT", Target.SERVER, 25.0, (0.5, 4.0)),
    Kind(
        "database_crash", "kill -9 of a process of PostgreSQL: all of it recovers", Target.DATABASE, 45.0, (0.0, 0.0)
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that goes wrong: when (seconds from the start of the faults), to whom, for how long, how badly.

    `amount` in [0, 1) says how strong, each kind in its own terms.
    """

    at_s: float
    kind: str
    target: str
    for_s: float
    way: Way
    amount: float

    def __str__(self) -> str:
        return f"{self.kind} {self.target} {self.way} {self.for_s:.1f} s"


def laptop_names(options: Options) -> tuple[str, ...]:
    """The laptops."""
    return tuple(f"TB-{n:02d}" for n in range(1, options.laptops + 1))


def server_names(options: Options) -> tuple[str, ...]:
    """The servers."""
    return tuple(f"server-{n}" for n in range(1, options.servers + 1))


def plan(options: Options) -> tuple[Act, ...]:
    """Everything that goes wrong in a run, in the order of time."""
    streams = Streams(options.seed)
    acts = (act for kind in KINDS for act in _apart(_acts(kind, options, streams.of(f"act/{kind.name}"))))
    return tuple(sorted(acts, key=lambda act: (act.at_s, act.kind, act.target)))


def _targets(kind: Kind, options: Options) -> tuple[str, ...]:
    match kind.target:
        case Target.LINK | Target.LAPTOP:
            return laptop_names(options)
        case Target.SERVER:
            return server_names(options)
        case Target.DATABASE:
            return ("database",)


def _acts(kind: Kind, options: Options, dice: Stream) -> list[Act]:
    targets = _targets(kind, options)
    count = max(1, round(len(targets) * options.seconds / kind.every_s))
    ways = (Way.UP, Way.DOWN)
    acts = []
    for _ in range(count):
        at_s, target = dice.between(0.0, options.seconds * BEGINS_BEFORE), dice.choice(targets)
        drawn = dice.choice(ways)
        for_s = min(dice.between(*kind.for_s), options.seconds / 2)
        acts.append(Act(at_s, kind.name, target, for_s, kind.way or drawn, dice.unit()))
    return acts


def _apart(acts: Iterable[Act]) -> Iterator[Act]:
    """Those that do not begin while another of the same kind lasts at the same target."""
    free_at: dict[str, float] = {}
    for act in sorted(acts, key=lambda each: each.at_s):
        if act.at_s >= free_at.get(act.target, 0.0):
            free_at[act.target] = act.at_s + act.for_s
            yield act
