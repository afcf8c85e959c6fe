"""What a new bundle would have decided otherwise: recorded decisions, made again.

Rules
1. A decision is made again from its own record: its facts, its instant, what was steady then. Nothing else is known.
2. A record whose hash does not fit is not replayed, and is counted.
3. A flip says whether it is wider: whether a boundary would be crossed that was not crossed before. A place that may
   take over, or is waited for, counts as crossed.

Recorded decisions hold no words of anybody, so that yesterday's can be replayed anywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policies.bundle import Bundle
from policies.explain import PLACES, listed
from policies.route import choose, sealed
from shared.routing import BOUNDARIES, DataClass, Decision, Purpose, Route


@dataclass(frozen=True, slots=True)
class Flip:
    """A decision and what would have become of it."""

    before: Decision
    after: Decision

    @property
    def wider(self) -> bool:
        """Whether data could have gone where it could not go before."""
        return _reach(self.after) > _reach(self.before)

    @property
    def at(self) -> datetime:
        """When it was decided."""
        return self.before.decided_at

    @property
    def task(self) -> tuple[Purpose, DataClass]:
        """What it was about."""
        return self.before.request.purpose, self.before.data_class

    def how(self) -> str:
        """The change, in words for a person."""
        was, now = _words(self.before), _words(self.after)
        why = self.after.reason if self.before.route is not self.after.route else "the same route"
        return f"{'WIDER: ' if self.wider else ''}{was} → {now} ({why}; {_policies(self.before, self.after)})"


@dataclass(frozen=True, slots=True)
class Replay:
    """How many decisions were made again, which flipped, and the hashes of those that could not be trusted."""

    replayed: int
    flips: tuple[Flip, ...]
    damaged: tuple[str, ...]


def replay(bundle: Bundle, recorded: Iterable[Decision]) -> Replay:
    """Every one of `recorded` under `bundle`, oldest first as they come."""
    replayed, flips, damaged = 0, [], []
    for before in recorded:
        if not sealed(before):
            damaged.append(before.hash)
            continue
        replayed += 1
        after = choose(bundle, before.request, before.decided_at, before.steady)
        if _outcome(before) != _outcome(after):
            flips.append(Flip(before, after))
    return Replay(replayed, tuple(flips), tuple(damaged))


def _outcome(decision: Decision) -> tuple[object, ...]:
    """What matters to the person and to the data: where it runs, and if nowhere, what stands in the way."""
    obstacles = (
        tuple((each.route, each.obstacle) for each in decision.why_not) if decision.route is Route.REFUSE else ()
    )
    return decision.route, decision.fallbacks, decision.waits_for, decision.data_class, obstacles


def _reach(decision: Decision) -> int:
    crossed = {decision.route, *decision.fallbacks, *decision.waits_for}
    return max((index for index, place in enumerate(BOUNDARIES) if place in crossed), default=-1)


def _words(decision: Decision) -> str:
    extra = f" (else {listed(decision.fallbacks)})" if decision.fallbacks else ""
    waits = f" (waits for {listed(decision.waits_for)})" if decision.waits_for else ""
    return PLACES[decision.route] + extra + waits


def _policies(before: Decision, after: Decision) -> str:
    """Which policies speak now and did not, and the other way round."""
    old, new = ({*each.policies, *(name for no in each.why_not for name in no.policies)} for each in (before, after))
    changes = [*(f"+{name}" for name in sorted(new - old)), *(f"-{name}" for name in sorted(old - new))]
    return ", ".join(changes) or "the same policies"
