"""Which of the places can do a task, and which of those is best.

Rules
1. `CHECKS` is the order in which a place is looked at; the first thing that it lacks is its obstacle. What never
   passes stands before what does, so that nothing waits for a place that could not do it anyway.
2. What a place can do is believed until its statement expires, and not if it comes from the future.
3. `CRITERIA` are what places are compared by; the rule book says in which order (`rank_by`).

Not handled here: whether data may go there (`policies.boundary`); only permitted places are ranked.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from policies.rulebook import Criterion, Prefer, Rulebook, When
from shared.routing import (
    Boundary,
    Capability,
    DataClass,
    Link,
    Obstacle,
    Route,
    RouteRequest,
    Steady,
)


@dataclass(frozen=True, slots=True)
class Task:
    """A request as it is ranked: with its effective class, and the facts that a while of watching gave."""

    request: RouteRequest
    data_class: DataClass
    interactive: bool
    steady: Steady
    at: datetime


@dataclass(frozen=True, slots=True)
class Prospect:
    """One place, looked at for one task. `wait_s`: until the answer is there. `whole`: it can take the whole text."""

    place: Boundary
    task: Task
    rules: Rulebook
    known: Capability | None
    away: bool
    stale: bool
    whole: bool
    tokens: int
    wait_s: float


def look(rules: Rulebook, task: Task, place: Boundary) -> Prospect:
    """`place`, as a prospect for `task`."""
    request, known, estimate = task.request, task.request.known.get(place), rules.estimate
    tokens = ceil(request.input_chars / estimate.chars_per_token) + request.output_tokens
    away = place is not Route.DEVICE
    if known is None:
        return Prospect(place, task, rules, None, away, False, True, tokens, 0.0)
    ahead = known.measured_at - task.at > timedelta(seconds=estimate.clock_tolerance_s)
    weak = rules.marginal.extra_s if away and task.steady.link is Link.MARGINAL else 0.0
    speed = known.tokens_per_s or estimate.tokens_per_s[place]
    wait_s = known.queue_s + estimate.round_trip_s[place] + weak + request.output_tokens / speed
    stale = known.expires_at <= task.at or ahead
    return Prospect(place, task, rules, known, away, stale, tokens <= known.context_tokens, tokens, wait_s)


def fits(when: When, task: Task, route: Route | None = None, *, whole: bool = True) -> bool:
    """Whether a rule is about `task`, and about `route` if it names routes."""
    request = task.request
    return (
        (when.classes is None or task.data_class in when.classes)
        and (when.purposes is None or request.purpose in when.purposes)
        and (when.routes is None or route in when.routes)
        and (when.links is None or task.steady.link in when.links)
        and (when.interactive is None or when.interactive is task.interactive)
        and (when.whole is None or when.whole is whole)
        and when.chars_min <= request.input_chars
        and (when.chars_max is None or request.input_chars <= when.chars_max)
    )


# -- can it?


def _cut_off(prospect: Prospect) -> bool:
    return prospect.away and prospect.task.steady.link is Link.DOWN


def _no_link(prospect: Prospect) -> str | None:
    return "there is no link" if _cut_off(prospect) else None


def _unknown(prospect: Prospect) -> str | None:
    """Of a place that cannot be reached, the missing link is the better word."""
    if prospect.known is not None:
        return None
    return "no model is loaded on this laptop" if not prospect.away else "nothing is known of what it can do"


def _stale(prospect: Prospect) -> str | None:
    return "what is known of it is too old, or from a clock that is ahead" if prospect.stale else None


def _unheard(prospect: Prospect) -> str | None:
    return _no_link(prospect) if prospect.known is None or prospect.stale else None


def _tier(prospect: Prospect) -> str | None:
    assert prospect.known is not None
    wanted = prospect.task.request.tier
    return (
        f"its model is {prospect.known.tier}, {wanted} is asked for"
        if prospect.known.tier.rank < wanted.rank
        else None
    )


def _context(prospect: Prospect) -> str | None:
    if prospect.whole or prospect.rules.purposes[prospect.task.request.purpose].partial:
        return None
    assert prospect.known is not None
    return f"about {prospect.tokens} tokens do not fit into its {prospect.known.context_tokens}"


def _tools(prospect: Prospect) -> str | None:
    assert prospect.known is not None
    missing = set(prospect.task.request.tools) - set(prospect.known.tools)
    return f"it does not have {', '.join(sorted(missing))}"[:400] if missing else None


def _cost(prospect: Prospect) -> str | None:
    limit = prospect.task.request.cost_max
    if limit is None or (price := _price(prospect)) <= limit:
        return None
    return f"it would cost about {price:.4g}, at most {limit:.4g} is allowed"


def _price(prospect: Prospect) -> float:
    return prospect.tokens / 1000 * (prospect.known.cost_per_1k_tokens if prospect.known else 0.0)


def _weak_link(prospect: Prospect) -> str | None:
    weak = prospect.away and prospect.task.steady.link is Link.MARGINAL
    too_much = prospect.task.request.input_chars > prospect.rules.marginal.chars_max
    return "the link is too weak for so much text" if weak and too_much else None


def _unhealthy(prospect: Prospect) -> str | None:
    known, limits = prospect.known, prospect.rules.device
    assert known is not None
    if prospect.place in prospect.task.steady.unhealthy:
        return "its last answers were failures"
    if known.battery_pct is not None and known.battery_pct < limits.battery_pct_min:
        return f"the battery is at {known.battery_pct} %"
    if known.memory_free_mib is not None and known.memory_free_mib < limits.memory_free_mib_min:
        return f"{known.memory_free_mib} MiB of memory are free"
    return None


def _deadline(prospect: Prospect) -> str | None:
    within = prospect.task.request.within_s
    if within is None or prospect.wait_s <= within:
        return None
    return f"the answer would take about {prospect.wait_s:.3g} s, {within:.3g} s are left"


#: What each check finds, in the order of looking.
CHECKS: tuple[tuple[Obstacle, Callable[[Prospect], str | None]], ...] = (
    (Obstacle.NO_LINK, _unheard),
    (Obstacle.UNKNOWN, _unknown),
    (Obstacle.STALE, _stale),
    (Obstacle.TIER, _tier),
    (Obstacle.CONTEXT, _context),
    (Obstacle.TOOLS, _tools),
    (Obstacle.COST, _cost),
    (Obstacle.NO_LINK, _no_link),
    (Obstacle.NO_LINK, _weak_link),
    (Obstacle.UNHEALTHY, _unhealthy),
    (Obstacle.DEADLINE, _deadline),
)


def lacks(prospect: Prospect) -> tuple[Obstacle, str] | None:
    """What keeps the place from doing the task, with the reason; None if it can."""
    for obstacle, check in CHECKS:
        if reason := check(prospect):
            return obstacle, reason
    return None


# -- is it better?


def _spared(prospect: Prospect) -> int:
    known = prospect.known
    low = known is not None and known.battery_pct is not None and (
        known.battery_pct < prospect.rules.device.battery_pct_spare
    )  # fmt: skip
    return int(low or (known is not None and known.throttled))


#: How a place does by each criterion, less is better; and how it is put when one comes before another.
CRITERIA: Mapping[Criterion, tuple[Callable[[Prospect, Prefer], float], str]] = {
    "held": (lambda p, _: p.place is not p.task.steady.held, "this conversation runs there"),
    "whole": (lambda p, _: not p.whole, "it can take the whole text"),
    "spared": (lambda p, _: _spared(p), "the battery is low or the processor hot"),
    "marginal": (lambda p, _: p.away and p.task.steady.link is Link.MARGINAL, "the link is weak"),
    "preference": (lambda p, rule: rule.order.index(p.place), "the policy prefers it"),
    "tier": (lambda p, _: -(p.known.tier.rank if p.known else 0), "its model is better"),
    "wait": (lambda p, _: p.wait_s, "it answers sooner"),
    "cost": (lambda p, _: _price(p), "it costs less"),
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A place with how it did by every criterion of the rule book; sorts best first."""

    key: tuple[float, ...]
    prospect: Prospect


def rank(rules: Rulebook, task: Task, prospects: Iterable[Prospect]) -> list[Ranked]:
    """`prospects`, best first."""
    rule = next(each for each in rules.prefer if fits(each.when, task))
    measures = [CRITERIA[name][0] for name in rules.rank_by]
    ranked = [
        Ranked((*(measure(each, rule) for measure in measures), rule.order.index(each.place)), each)
        for each in prospects
    ]
    return sorted(ranked, key=lambda each: each.key)


def ahead_by(rules: Rulebook, first: Ranked, other: Ranked) -> str:
    """Why `first` comes before `other`."""
    for name, best, less in zip(rules.rank_by, first.key, other.key, strict=False):
        if best != less:
            return CRITERIA[name][1]
    return CRITERIA["preference"][1]
