"""What a bad link does to bytes, as small pieces that compose: each turns one move of a connection into others.

Rules
1. A toxic keeps no state: what it does to a piece depends on the piece and the dice. A link puts one on and takes it
   off again while connections live.
2. Toxics stand in a row; each sees what the one before it lets pass. What ends a connection is the last thing of it.
3. No byte is made up, changed or moved before another: toxics wait, cut, swallow and hang up.

Source: the kinds are those of Shopify's Toxiproxy, which is where this trade learned them.

Not handled here: sockets, and waiting itself (`simulators.rig.relay`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.rig.plan import Act
from simulators.streams import Stream


@dataclass(frozen=True, slots=True)
class Pass:
    """These bytes go on, after `wait_s`; what comes behind them waits as well."""

    data: bytes
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes this way, after `wait_s`."""

    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Swallow:
    """So many bytes are gone, and nobody is told; `by` names the toxic that took them."""

    count: int
    by: str


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks, both ways, now."""


Heard = Pass | End
Move = Pass | End | Swallow | Reset


class Toxic(Protocol):
    """One thing that a link does to what passes."""

    @property
    def name(self) -> str:
        """Under which it is counted."""

    def treat(self, heard: Heard, dice: Stream) -> Iterable[Move]:
        """What becomes of a piece, or of the end."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Every piece waits `wait_s`."""

    wait_s: float
    name: str = "latency"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """The same, later; the end is not held up by itself."""
        yield Pass(heard.data, heard.wait_s + self.wait_s) if isinstance(heard, Pass) else heard


@dataclass(frozen=True, slots=True)
class Jitter:
    """Every piece waits up to `wait_s_max`."""

    wait_s_max: float
    name: str = "jitter"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """The same, later by chance."""
        more_s = dice.between(0.0, self.wait_s_max)
        yield Pass(heard.data, heard.wait_s + more_s) if isinstance(heard, Pass) else heard


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """At most `bytes_per_s` pass, a tenth of a second's worth at a time."""

    bytes_per_s: int
    name: str = "bandwidth"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """In portions, each as late as it is long."""
        if isinstance(heard, End):
            yield heard
            return
        portion, wait_s = max(1, self.bytes_per_s // 10), heard.wait_s
        for at in range(0, len(heard.data), portion):
            part = heard.data[at : at + portion]
            yield Pass(part, wait_s + len(part) / self.bytes_per_s)
            wait_s = 0.0


@dataclass(frozen=True, slots=True)
class Slicing:
    """Pieces of up to `size_max` bytes, each sent by itself."""

    size_max: int
    name: str = "slicing"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """The same bytes in more pieces."""
        if isinstance(heard, End):
            yield heard
            return
        at, wait_s = 0, heard.wait_s
        while at < len(heard.data):
            size = 1 + dice.below(self.size_max)
            yield Pass(heard.data[at : at + size], wait_s)
            at, wait_s = at + size, 0.0


@dataclass(frozen=True, slots=True)
class ResetHalfway:
    """Half of a piece passes, then the connection is reset."""

    name: str = "reset"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """A part, and no more."""
        if isinstance(heard, Pass):
            yield Pass(heard.data[: len(heard.data) // 2], heard.wait_s)
        yield Reset()


@dataclass(frozen=True, slots=True)
class Timeout:
    """Nothing passes, and `wait_s` later the connection closes."""

    wait_s: float
    name: str = "timeout"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """Swallowed, then the end."""
        if isinstance(heard, Pass):
            yield Swallow(len(heard.data), self.name)
        yield End(heard.wait_s + self.wait_s)


@dataclass(frozen=True, slots=True)
class SlowClose:
    """Who hangs up is heard `wait_s` later."""

    wait_s: float
    name: str = "slow_close"

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """Bytes as they come; the end later."""
        yield End(heard.wait_s + self.wait_s) if isinstance(heard, End) else heard


@dataclass(frozen=True, slots=True)
class Blackhole:
    """What comes this way is swallowed, hanging up included: nobody ever hears of it."""

    name: str

    def treat(self, heard: Heard, dice: Stream) -> Iterator[Move]:
        """Gone."""
        yield Swallow(len(heard.data) if isinstance(heard, Pass) else 0, self.name)


def toxic_of(act: Act) -> Toxic | None:
    """The toxic that an act puts on a link, as strong as it says; None if the act is something else."""
    much = act.amount
    match act.kind:
        case "latency":
            return Latency(0.05 + 0.6 * much)
        case "jitter":
            return Jitter(0.1 + 0.8 * much)
        case "bandwidth":
            return Bandwidth(int(1_000 + 20_000 * much))
        case "slicing":
            return Slicing(int(8 + 200 * much))
        case "reset":
            return ResetHalfway()
        case "timeout":
            return Timeout(0.2 + 1.5 * much)
        case "slow_close":
            return SlowClose(0.2 + 2.0 * much)
        case "blackhole_up" | "blackhole_down":
            return Blackhole(act.kind)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Treated:
    """What becomes of something that was heard: the moves in order, and which toxics had a hand in it."""

    moves: tuple[Move, ...]
    touched: tuple[str, ...]


def treat(toxics: Sequence[Toxic], heard: Heard, dice: Stream) -> Treated:
    """Lead one piece, or the end, through a row of toxics."""
    moves: list[Move] = [heard]
    touched = []
    for toxic in toxics:
        after = list(_through(toxic, moves, dice))
        if after != moves:
            touched.append(toxic.name)
        moves = after
    return Treated(tuple(moves), tuple(touched))


def _through(toxic: Toxic, moves: Sequence[Move], dice: Stream) -> Iterator[Move]:
    """A toxic has no say over what an earlier one cut; after the end of a connection there is nothing."""
    for move in moves:
        for made in toxic.treat(move, dice) if isinstance(move, Pass | End) else (move,):
            yield made
            if isinstance(made, Reset | End):
                return
