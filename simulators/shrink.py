"""From a world that breaks a promise to a smaller one that still does.

Rules
1. A smaller world counts only if the same promise is broken in it, by the same judge.
2. First the faults: halves, quarters, and so on are left out (`ddmin`); then what technicians say, then laptops, from
   the last one; then the faults once more. What a smaller world committed no longer is left out at no cost.
3. It is bounded by tries and by real time. What was found by then is the answer, and the answer says that it stopped.

Source: A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.ports import Clock
from simulators.faults import Hit
from simulators.world import Options, template

TRIES, SECONDS = 300, 90.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much shrinking may cost: worlds, and seconds of real time."""

    tries: int = TRIES
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Case:
    """A world that may be made smaller: what each technician says, by laptop, and what happens, in order."""

    said: dict[str, int]
    hits: tuple[Hit, ...]

    def options(self, like: Options) -> Options:
        """The world, everything else being as in `like`."""
        said, script = self.said, frozenset(self.hits)
        return replace(like, devices=len(said), commands=max(said.values()), fewer=said, script=script)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What came of it. `whole` if nothing more can be left out piece by piece; else a bound ended it."""

    case: Case
    tries: int
    seconds: float
    whole: bool


#: The hits of a world in which the promise is broken; None if it holds there.
Trial = Callable[[Options], tuple[Hit, ...] | None]


class _Spent(Exception):
    """A bound is reached."""


def case_of(options: Options, hits: Sequence[Hit]) -> Case:
    """A world as it was run."""
    names = [f"TB-{n:02d}" for n in range(1, options.devices + 1)]
    return Case({name: options.fewer.get(name, options.commands) for name in names}, tuple(hits))


def shrink(case: Case, like: Options, trial: Trial, clock: Clock, bounds: Bounds | None = None) -> Shrunk:
    """Make a failing case smaller.

    Args:
        case: known to fail.
        like: everything else of its world.
        trial: runs one.
        clock: real time, for the bound.
        bounds: how much it may cost.
    """
    work = _Work(case, like, trial, clock, bounds or Bounds())
    try:
        work.fewer_hits()
        work.fewer_words()
        work.fewer_laptops()
        work.fewer_hits()
        whole = True
    except (_Spent, KeyboardInterrupt):
        whole = False
    return Shrunk(work.best, work.tries, clock.monotonic_s() - work.began_s, whole)


class _Work:
    """The smallest failing case so far, and what it cost."""

    def __init__(self, case: Case, like: Options, trial: Trial, clock: Clock, bounds: Bounds) -> None:
        self.best, self.tries = case, 0
        self._like, self._trial, self._clock, self._bounds = like, trial, clock, bounds
        self.began_s = clock.monotonic_s()

    def _fails(self, case: Case) -> bool:
        """Whether a case still fails; then it is the best one."""
        if self.tries >= self._bounds.tries or self._clock.monotonic_s() - self.began_s >= self._bounds.seconds:
            raise _Spent
        self.tries += 1
        hits = self._trial(case.options(self._like))
        if hits is None:
            return False
        self.best = replace(case, hits=hits)
        return True

    def fewer_hits(self) -> None:
        """`ddmin`, with the empty set first: what breaks in good weather needs no schedule."""
        if not self.best.hits or self._fails(replace(self.best, hits=())):
            return
        pieces = 2
        while len(self.best.hits) > 1:
            if self._without_one_of(pieces):
                pieces = max(pieces - 1, 2)
            elif pieces >= len(self.best.hits):
                return
            else:
                pieces = min(2 * pieces, len(self.best.hits))

    def _without_one_of(self, pieces: int) -> bool:
        hits = self.best.hits
        cuts = [len(hits) * n // pieces for n in range(pieces + 1)]
        left = (hits[:low] + hits[high:] for low, high in pairwise(cuts) if low < high)
        return any(self._fails(replace(self.best, hits=each)) for each in left)

    def fewer_words(self) -> None:
        """Each technician says as little as will do: from nothing up, halving the rest."""
        for name in self.best.said:
            low, high = 0, self.best.said[name]
            while low < high:
                middle = (low + high) // 2 if low else 0
                if self._says(name, middle):
                    high = middle
                else:
                    low = middle + 1

    def _says(self, name: str, count: int) -> bool:
        said = {**self.best.said, name: count}
        return any(said.values()) and self._fails(replace(self.best, said=said))

    def fewer_laptops(self) -> None:
        """Leave out the last laptop while its technician has nothing to say."""
        while len(self.best.said) > 1:
            *names, last = self.best.said
            if self.best.said[last] or not self._without(last, names):
                return

    def _without(self, last: str, names: list[str]) -> bool:
        hits = tuple(hit for hit in self.best.hits if hit.place.partition("/")[0] != last)
        template(len(names))  # what fails in here is no failure of the world
        return self._fails(Case({name: self.best.said[name] for name in names}, hits))
