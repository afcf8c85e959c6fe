"""Routes that do not flutter: a state machine fed with what was seen, read before each decision.

Rules
1. A link gets worse at once and better only after it was better for a whole window: at the edge of coverage it is
   the worse of the two.
2. A place with so many failures in a while is unhealthy until it was left alone for a rest. One more failure after
   the rest, and it rests again.
3. A conversation stays where it runs, at least for a lifetime and as long as it goes on. By choice its route changes
   at most once in a window; what is denied, or cannot do it any more, is left at once.
4. Nothing of this permits anything: it is advice to `policies.route.choose`, which looks at permitted and able places
   only. A hold ends with the first decision that does not take it; what was denied is not held again.
5. A clock that went backwards starts a wait anew.

Every change of a conversation's place is counted here, by choice or not (`thrash`); what operators see of it is
counted from what laptops tell of their decisions (`shared.metrics`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from policies.rulebook import StabilityRules
from shared.routing import BOUNDARIES, Boundary, Decision, Link, Steady

_LINKS = tuple(Link)


@dataclass(frozen=True, slots=True)
class Hold:
    """Where a conversation runs, since when, and when it was last used."""

    place: Boundary
    since: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Stability:
    """What is remembered.

    `link` is how the link counts; `rising` is the worst it was since `rising_since`, if that is better. `failures`
    are instants by place, `holds` are by conversation. `switches` are of the last window; `switched` counts them all.
    """

    link: Link | None = None
    rising: Link | None = None
    rising_since: datetime | None = None
    failures: Mapping[Boundary, tuple[datetime, ...]] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    switches: tuple[datetime, ...] = ()
    switched: int = 0


def see_link(state: Stability, rules: StabilityRules, link: Link, at: datetime) -> Stability:
    """The link was seen to be `link`."""
    counts = _link(state, rules, at)
    if counts is None or _LINKS.index(link) <= _LINKS.index(counts):
        return replace(state, link=link, rising=None, rising_since=None)
    if state.link is not counts or state.rising is None or state.rising_since is None or at < state.rising_since:
        return replace(state, link=counts, rising=link, rising_since=at)
    return replace(state, rising=min(state.rising, link, key=_LINKS.index))


def _link(state: Stability, rules: StabilityRules, at: datetime) -> Link | None:
    risen = state.rising_since is not None and at - state.rising_since >= timedelta(seconds=rules.window_s)
    return state.rising if risen else state.link


def see_failure(state: Stability, rules: StabilityRules, place: Boundary, at: datetime) -> Stability:
    """`place` failed a task that it had taken. Tasks that go well need no telling."""
    recent = _within(state.failures.get(place, ()), rules.health_s, at)
    return replace(state, failures={**state.failures, place: (*recent, at)[-rules.failures :]})


def _within(instants: tuple[datetime, ...], spell_s: float, at: datetime) -> tuple[datetime, ...]:
    spell = timedelta(seconds=spell_s)
    return tuple(each for each in instants if timedelta() <= at - each < spell)


def _unhealthy(state: Stability, rules: StabilityRules, place: Boundary, at: datetime) -> bool:
    recent = _within(state.failures.get(place, ()), rules.health_s, at)
    return len(recent) >= rules.failures and bool(_within(recent[-1:], rules.rest_s, at))


def steady(state: Stability, rules: StabilityRules, *, conversation: str | None, link: Link, at: datetime) -> Steady:
    """What to tell a decision at `at`, when the link is seen to be `link`."""
    hold = state.holds.get(conversation) if conversation else None
    return Steady(
        link=_link(see_link(state, rules, link, at), rules, at) or link,
        unhealthy=tuple(place for place in BOUNDARIES if _unhealthy(state, rules, place, at)),
        held=hold.place if hold and _holds(hold, rules, at) else None,
    )


def _holds(hold: Hold, rules: StabilityRules, at: datetime) -> bool:
    lifetime, affinity = timedelta(seconds=max(rules.lifetime_s, rules.window_s)), timedelta(seconds=rules.affinity_s)
    return timedelta() <= at - hold.since < lifetime or timedelta() <= at - hold.used_at < affinity


def settle(state: Stability, rules: StabilityRules, decision: Decision) -> Stability:
    """Remember where the decision's conversation runs now."""
    at, conversation = decision.decided_at, decision.request.conversation
    kept = {name: hold for name, hold in state.holds.items() if _holds(hold, rules, at)}
    switches = _within(state.switches, rules.window_s, at)
    if conversation is None:
        return replace(state, holds=kept, switches=switches)
    before = kept.pop(conversation, None)
    place = next((each for each in BOUNDARIES if each is decision.route), None)
    if place is None:  # it runs nowhere: whatever held it does not any more
        return replace(state, holds=kept, switches=switches)
    moved = before is not None and before.place is not place
    kept[conversation] = Hold(place, at if before is None or moved else before.since, at)
    return replace(
        state,
        holds=kept,
        switches=(*switches, at) if moved else switches,
        switched=state.switched + moved,
    )


def thrash(state: Stability, rules: StabilityRules, at: datetime) -> int:
    """How often conversations changed their place in the window before `at`."""
    return len(_within(state.switches, rules.window_s, at))
