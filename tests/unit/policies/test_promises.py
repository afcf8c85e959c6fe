"""What holds of every decision, whatever the facts: drawn from all of them at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.boundary import Question, may_run
from policies.bundle import Bundle
from policies.consent import counting
from policies.ranking import Task, lacks, look
from policies.route import choose, class_of, is_interactive, sealed
from shared.routing import (
    BOUNDARIES,
    PASSING,
    Boundary,
    Capability,
    Consented,
    DataClass,
    Decision,
    Link,
    Obstacle,
    Route,
    RouteRequest,
    Steady,
    Tier,
)
from tests.builders import NOW
from tests.routing import CLOUD_TENANT, cloudy, shipped

PURPOSES = ("propose", "answer", "summarise", "complete")
TOOLS = st.lists(st.sampled_from(["search", "welding"]), unique=True, max_size=2).map(tuple)
places = st.sampled_from(BOUNDARIES)
jobs = st.sampled_from([None, "WO-1", "WO-2"])
moments = st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=1)])
capabilities = st.builds(
    Capability,
    model=st.just("m"),
    tier=st.sampled_from(Tier),
    context_tokens=st.sampled_from([512, 4096, 100_000]),
    tokens_per_s=st.sampled_from([0, 5, 100]),
    tools=TOOLS,
    queue_s=st.sampled_from([0, 10, 100]),
    cost_per_1k_tokens=st.sampled_from([0, 1]),
    memory_free_mib=st.sampled_from([None, 10, 1000]),
    battery_pct=st.sampled_from([None, 3, 10, 90]),
    throttled=st.booleans(),
    measured_at=st.sampled_from([NOW - timedelta(minutes=1), NOW + timedelta(hours=1)]),
    expires_at=moments,
)
consents = st.builds(
    Consented,
    id=st.sampled_from(["c1", "c2", "c3"]),
    target=places,
    data_class=st.sampled_from(DataClass),
    purpose=st.sampled_from(PURPOSES),
    conversation=jobs,
    expires_at=moments,
)
requests = st.builds(
    RouteRequest,
    tenant=st.sampled_from(["t", CLOUD_TENANT]),
    device=st.just("d"),
    actor=st.just("a"),
    purpose=st.sampled_from(PURPOSES),
    conversation=jobs,
    data_class=st.sampled_from([None, *DataClass]),
    conversation_class=st.sampled_from(DataClass),
    input_chars=st.sampled_from([1, 5_000, 30_000, 300_000, 3_000_000]),
    output_tokens=st.sampled_from([16, 256, 4096]),
    tools=TOOLS,
    tier=st.sampled_from(Tier),
    within_s=st.sampled_from([None, 1, 30]),
    cost_max=st.sampled_from([None, 0, 10]),
    device_approved=st.booleans(),
    link=st.sampled_from(Link),
    known=st.dictionaries(places, capabilities),
    consents=st.lists(consents, max_size=3).map(tuple),
    approved=st.booleans(),
)
memories = st.one_of(
    st.none(),
    st.builds(
        Steady,
        link=st.sampled_from(Link),
        unhealthy=st.lists(places, unique=True, max_size=2).map(tuple),
        held=st.sampled_from([None, *BOUNDARIES]),
    ),
)
bundles = st.sampled_from([shipped(), cloudy()])


def permitted(bundle: Bundle, facts: RouteRequest) -> set[Route]:
    """By policies alone: no ranking, no memory."""
    consented = frozenset(counting(facts, class_of(facts), NOW))
    question = Question(facts, class_of(facts), is_interactive(bundle.rules, facts), consented)
    return {place for place, verdict in may_run(bundle, question, NOW).items() if verdict.permitted}


def obstacles(decision: Decision) -> dict[Boundary, Obstacle]:
    return {each.route: each.obstacle for each in decision.why_not}


@given(bundles, requests, memories)
def test_the_route_and_every_fallback_are_permitted_and_able(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None
) -> None:
    decision = choose(bundle, facts, NOW, steady)
    allowed = permitted(bundle, facts)
    assert {*decision.fallbacks, *decision.waits_for} <= allowed
    assert decision.route in {*allowed, Route.QUEUE, Route.REFUSE}
    link = min(facts.link, steady.link, key=list(Link).index) if steady else facts.link
    task = Task(facts, class_of(facts), True, (steady or Steady(link=link)).model_copy(update={"link": link}), NOW)
    for place in (decision.route, *decision.fallbacks):
        if place in BOUNDARIES:
            assert lacks(look(bundle.rules, task, place)) is None


@given(bundles, requests, memories)
def test_every_place_that_was_not_taken_says_why_not(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None
) -> None:
    decision = choose(bundle, facts, NOW, steady)
    assert [each.route for each in decision.why_not] == [place for place in BOUNDARIES if place is not decision.route]
    assert all(each.reason and list(each.policies) == sorted(each.policies) for each in decision.why_not)
    assert decision.route not in decision.fallbacks
    assert decision.disclosure
    assert bool(decision.advice) is (decision.route in (Route.QUEUE, Route.REFUSE))


@given(bundles, requests, memories)
def test_what_waits_waits_only_for_what_passes_and_where_it_may(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None
) -> None:
    decision = choose(bundle, facts, NOW, steady)
    assert all(obstacles(decision)[place] in PASSING for place in decision.waits_for)
    assert Route.DEVICE not in decision.waits_for
    if decision.route is Route.QUEUE:
        assert decision.waits_for
        assert facts.purpose in ("answer", "summarise")


@given(bundles, requests, memories)
def test_a_decision_is_the_same_every_time_and_after_it_was_written_down(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None
) -> None:
    decision = choose(bundle, facts, NOW, steady)
    again = Decision.model_validate_json(decision.to_bytes())
    assert again == decision == choose(bundle, again.request, again.decided_at, again.steady)
    assert sealed(again)


@given(bundles, requests, memories, st.sampled_from(DataClass))
def test_a_conversations_class_only_rises(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None, later: DataClass
) -> None:
    """However harmless the next question is: what was decided about a conversation is never decided about less."""
    first = choose(bundle, facts, NOW, steady)
    following = facts.model_copy(update={"data_class": later, "conversation_class": first.data_class})
    second = choose(bundle, following, NOW, steady)
    assert second.data_class.rank >= max(first.data_class.rank, later.rank)
    alone = facts.model_copy(update={"data_class": second.data_class, "conversation_class": DataClass.PUBLIC})
    assert permitted(bundle, following) == permitted(bundle, alone)


@given(bundles, requests, memories)
def test_a_consent_opens_no_more_than_it_says(bundle: Bundle, facts: RouteRequest, steady: Steady | None) -> None:
    with_them = permitted(bundle, facts)
    without = permitted(bundle, facts.model_copy(update={"consents": ()}))
    opened = with_them - without
    for place in opened:
        assert any(
            each.target is place
            and each.purpose == facts.purpose
            and each.conversation == facts.conversation is not None
            and each.data_class.rank >= class_of(facts).rank
            and each.expires_at > NOW
            for each in facts.consents
        )
    decision = choose(bundle, facts, NOW, steady)
    assert set(decision.consents) <= {each.id for each in facts.consents}
    assert without <= with_them


@given(bundles, requests, memories)
def test_nothing_is_widened_because_something_failed(
    bundle: Bundle, facts: RouteRequest, steady: Steady | None
) -> None:
    decision = choose(bundle, facts, NOW, steady)
    covered = counting(facts, class_of(facts), NOW)
    for place in decision.fallbacks:
        assert BOUNDARIES.index(place) < list(Route).index(decision.route) or place in covered


@given(requests, memories)
def test_sensitive_data_never_reaches_the_managed_service(facts: RouteRequest, steady: Steady | None) -> None:
    decision = choose(cloudy(), facts, NOW, steady)
    if decision.data_class is not DataClass.PUBLIC:
        assert Route.MANAGED_CLOUD not in {decision.route, *decision.fallbacks, *decision.waits_for}


@given(requests, memories, st.lists(st.sampled_from(["errors", "nothing"]), min_size=3, max_size=3))
def test_any_error_denies_exactly_there(facts: RouteRequest, steady: Steady | None, faults: list[str]) -> None:
    """Policies that err for some places: those are denied, and nothing becomes permitted by it."""
    import cedarpy
    import pytest

    asked = cedarpy.is_authorized_batch

    def flaky(*arguments: Any) -> Any:
        results = asked(*arguments)
        for result, fault in zip(results, faults, strict=True):
            if fault == "errors":
                result._authz_resp["decision"] = "Allow"
                result._authz_resp["diagnostics"]["errors"] = ["overflow"]
        return results

    sound = choose(cloudy(), facts, NOW, steady)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cedarpy, "is_authorized_batch", flaky)
        decision = choose(replace(cloudy()), facts, NOW, steady)  # which has no answer yet
    broken = {place for place, fault in zip(BOUNDARIES, faults, strict=True) if fault == "errors"}
    assert not {decision.route, *decision.fallbacks, *decision.waits_for} & broken
    before = {
        sound.route,
        *sound.fallbacks,
        *sound.waits_for,
        *(p for p, o in obstacles(sound).items() if o is Obstacle.OUTRANKED),
    }
    assert {decision.route, *decision.fallbacks} <= {*before, Route.QUEUE, Route.REFUSE}
