"""The route of a task: what is permitted, what is able, what is best; recorded with every why-not.

Rules
1. Every place is asked about, permitted or not, so that each that was not taken has its why-not.
2. Permitted comes first. Nothing that ranks, holds or remembers can bring back what the policies deny.
3. A conversation's class only rises: what is decided about is the highest of the task's and its conversation's. A
   missing class is `restricted`.
4. A fallback is permitted and able, and crosses no more than the route itself, unless a consent covers it: a boundary
   is never widened because something failed.
5. What cannot run now waits only for permitted places whose obstacle passes, and only if nobody waits for the answer
   or the policy lets the person queue.
6. Everything else is refused, with what the person can do.
7. The same facts give the same decision; the hash covers all of it, so that it can be made again and compared.

Source: ADR 23.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.boundary import Question, Verdict, may_run
from policies.bundle import Bundle
from policies.consent import counting
from policies.explain import PLACES, listed
from policies.ranking import Prospect, Ranked, Task, ahead_by, fits, lacks, look, rank
from policies.rulebook import Rulebook
from shared.ids import sha256_hex
from shared.routing import (
    BOUNDARIES,
    PASSING,
    Boundary,
    DataClass,
    Decision,
    Link,
    Obstacle,
    Refusal,
    Route,
    RouteRequest,
    Steady,
    highest,
)

_UNHASHED = "0" * 64
_LINKS = tuple(Link)
#: What a consent or an approval would lift.
LIFTABLE = (Obstacle.NEEDS_CONSENT, Obstacle.NEEDS_APPROVAL)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Everything that a decision is put together from."""

    bundle: Bundle
    task: Task
    verdicts: Mapping[Boundary, Verdict]
    prospects: Mapping[Boundary, Prospect]
    obstacles: Mapping[Boundary, tuple[Obstacle, str]]
    ranked: Sequence[Ranked]
    consents: Mapping[Boundary, tuple[str, ...]]


def choose(bundle: Bundle, request: RouteRequest, decided_at: datetime, steady: Steady | None = None) -> Decision:
    """The route for `request`.

    Args:
        bundle: the policies in force.
        request: the facts.
        decided_at: now; consents, capabilities and the bundle itself are judged by it.
        steady: what a while of watching adds (`policies.stability`).
    """
    weighed = _weigh(bundle, _task(bundle.rules, request, decided_at, steady))
    ranked, waits_for = weighed.ranked, _waits_for(weighed)
    fallbacks = _fallbacks(weighed)
    route: Route = ranked[0].prospect.place if ranked else Route.QUEUE if waits_for else Route.REFUSE
    policies, reason = _grounds(weighed, route, waits_for)
    draft = Decision(
        decided_at=decided_at,
        request=request,
        steady=steady,
        data_class=weighed.task.data_class,
        route=route,
        fallbacks=fallbacks,
        waits_for=waits_for,
        bundle_version=bundle.version,
        policies=policies,
        reason=reason,
        why_not=_why_not(weighed),
        consents=_rests_on(weighed, (route, *fallbacks, *waits_for)),
        disclosure=_disclosure(weighed, route, fallbacks, waits_for),
        advice="" if ranked else _advice(weighed),
        hash=_UNHASHED,
    )
    return seal_decision(draft)


def seal_decision(draft: Decision) -> Decision:
    """`draft`, whose hash counts for nothing, with the hash of everything else in it."""
    bare = draft if draft.hash == _UNHASHED else draft.model_copy(update={"hash": _UNHASHED})
    return draft.model_copy(update={"hash": sha256_hex(bare.to_bytes())})


def sealed(decision: Decision) -> bool:
    """Whether the decision's hash is that of everything else in it."""
    return decision.hash == sha256_hex(decision.model_copy(update={"hash": _UNHASHED}).to_bytes())


def class_of(request: RouteRequest) -> DataClass:
    """The class that is decided about."""
    return highest(request.data_class or DataClass.RESTRICTED, request.conversation_class)


def is_interactive(rules: Rulebook, request: RouteRequest) -> bool:
    """Whether somebody waits for the answer."""
    return request.within_s is not None or rules.purposes[request.purpose].interactive


def _task(rules: Rulebook, request: RouteRequest, at: datetime, steady: Steady | None) -> Task:
    """A link that was steady is no better than it is now; one that fluttered is no better than it was."""
    link = request.link if steady is None else min(request.link, steady.link, key=_LINKS.index)
    seen = Steady(link=link) if steady is None else steady.model_copy(update={"link": link})
    return Task(request, class_of(request), is_interactive(rules, request), seen, at)


def _weigh(bundle: Bundle, task: Task) -> _Weighed:
    consents = counting(task.request, task.data_class, task.at)
    question = Question(task.request, task.data_class, task.interactive, frozenset(consents))
    verdicts = may_run(bundle, question, task.at)
    prospects = {place: look(bundle.rules, task, place) for place in BOUNDARIES}
    obstacles = {}
    for place, verdict in verdicts.items():
        found = (verdict.obstacle or Obstacle.NOT_PERMITTED, verdict.reason) if not verdict.permitted else None
        if found := found or lacks(prospects[place]):
            obstacles[place] = found
    able = [prospects[place] for place in BOUNDARIES if place not in obstacles]
    return _Weighed(bundle, task, verdicts, prospects, obstacles, rank(bundle.rules, task, able), consents)


def _fallbacks(weighed: _Weighed) -> tuple[Boundary, ...]:
    if not weighed.ranked:
        return ()
    reach = BOUNDARIES.index(weighed.ranked[0].prospect.place)
    others = [each.prospect.place for each in weighed.ranked[1:]]
    return tuple(place for place in others if BOUNDARIES.index(place) < reach or place in weighed.consents)


def _waits_for(weighed: _Weighed) -> tuple[Boundary, ...]:
    """The permitted places away from here whose obstacle passes, in the order of the policy."""
    rules, task = weighed.bundle.rules, weighed.task
    if task.interactive and not rules.purposes[task.request.purpose].queue:
        return ()
    order = next(each.order for each in rules.prefer if fits(each.when, task))
    return tuple(
        place
        for place in order
        if place is not Route.DEVICE
        and place in weighed.obstacles
        and weighed.obstacles[place][0] in PASSING  # which no denial is
    )


def _grounds(weighed: _Weighed, route: Route, waits_for: Sequence[Boundary]) -> tuple[tuple[str, ...], str]:
    """The determining policies of the route, and the reason for it."""
    if route is Route.REFUSE:
        ids = {name for verdict in weighed.verdicts.values() if not verdict.permitted for name in verdict.policies}
        reason, opens = weighed.obstacles[Route.DEVICE][1], _would_open(weighed)
        if opens not in (None, Route.DEVICE):
            reason = f"{reason}; {PLACES[opens]}: {weighed.obstacles[opens][1]}"
        return tuple(sorted(ids)), reason[:400]
    if route is Route.QUEUE:
        first = waits_for[0]
        return weighed.verdicts[first].policies, f"{PLACES[first]} cannot do it now: {weighed.obstacles[first][1]}"
    verdict = weighed.verdicts[weighed.ranked[0].prospect.place]
    return verdict.policies, verdict.reason


def _why_not(weighed: _Weighed) -> tuple[Refusal, ...]:
    refusals = []
    for place in BOUNDARIES:
        verdict = weighed.verdicts[place]
        if place in weighed.obstacles:
            obstacle, reason = weighed.obstacles[place]
            said = () if verdict.permitted else verdict.policies
            refusals.append(Refusal(route=place, obstacle=obstacle, reason=reason, policies=said))
        elif place is not (first := weighed.ranked[0]).prospect.place:
            other = next(each for each in weighed.ranked if each.prospect.place is place)
            reason = f"{PLACES[first.prospect.place]} comes first: {ahead_by(weighed.bundle.rules, first, other)}"
            refusals.append(Refusal(route=place, obstacle=Obstacle.OUTRANKED, reason=reason))
    return tuple(refusals)


def _rests_on(weighed: _Weighed, places: Sequence[Route]) -> tuple[str, ...]:
    return tuple(sorted({name for place, ids in weighed.consents.items() if place in places for name in ids}))


def _disclosure(weighed: _Weighed, route: Route, fallbacks: Sequence[Boundary], waits_for: Sequence[Boundary]) -> str:
    prospect = next((each for place, each in weighed.prospects.items() if place is route), None)
    known, whole = (prospect.known, prospect.whole) if prospect else (None, True)
    rules = weighed.bundle.rules
    text = next(each.text for each in rules.disclose if fits(each.when, weighed.task, route, whole=whole))
    queue = ("the queue",) if waits_for else ()
    return text.format(
        model=known.model if known else "no model",
        runtime=known.runtime if known else "",
        tier=known.tier if known else "",
        data_class=weighed.task.data_class,
        fallback=", then ".join((*(PLACES[each] for each in fallbacks), *queue)) or "nothing else is tried",
        waits_for=listed(waits_for),
        place=PLACES[route],
    )[:400]


def _would_open(weighed: _Weighed) -> Boundary | None:
    """The nearest place that a consent or an approval would open, and that could then do it or be waited for."""
    queues = weighed.bundle.rules.purposes[weighed.task.request.purpose].queue
    for place in BOUNDARIES:
        left = lacks(weighed.prospects[place])
        if weighed.obstacles[place][0] in LIFTABLE and (left is None or (left[0] in PASSING and queues)):
            return place
    return None


def _advice(weighed: _Weighed) -> str:
    """What would help most."""
    place = _would_open(weighed) or Route.DEVICE
    return weighed.bundle.rules.advice[weighed.obstacles[place][0]].format(place=PLACES[place])[:400]
