"""The decision: deny by default, the five rows of the design, and what is said of each place."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import cedarpy
import pytest

from policies.boundary import Question, may_run, questions
from policies.bundle import Bundle
from policies.route import choose, class_of, sealed
from shared.routing import (
    BOUNDARIES,
    DataClass,
    Decision,
    Link,
    Obstacle,
    Route,
    RouteRequest,
    Steady,
    Tier,
    highest,
)
from tests.builders import NOW
from tests.routing import (
    CLOUD_TENANT,
    bundle_of,
    capability,
    cloudy,
    consent,
    everywhere,
    request,
    shipped,
    shipped_files,
    without,
)

PERMIT_ALL = '@id("all") @reason("anything goes") permit (principal, action, resource);'
DEVICE, CLUSTER, CLOUD = BOUNDARIES


def decide(bundle: Bundle | None = None, steady: Steady | None = None, **given: Any) -> Decision:
    return choose(bundle or shipped(), request(**given), NOW, steady)


def obstacle(decision: Decision, place: Route) -> Obstacle | None:
    return next((each.obstacle for each in decision.why_not if each.route is place), None)


# -- the five rows


@pytest.mark.parametrize("data_class", [DataClass.PERSONAL, DataClass.RESTRICTED, None])
def test_sensitive_input_stays_on_an_approved_laptop_and_fails_closed(data_class: DataClass | None) -> None:
    decision = decide(cloudy(), tenant=CLOUD_TENANT, data_class=data_class)
    assert (decision.route, decision.fallbacks, decision.waits_for) == (DEVICE, (), ())
    assert "nothing goes to the managed cloud" in decision.disclosure
    closed = decide(cloudy(), tenant=CLOUD_TENANT, data_class=data_class, known=without(DEVICE))
    assert closed.route is Route.REFUSE
    assert "--consent" in closed.advice
    agreed = decide(data_class=data_class, known=without(DEVICE), consents=(consent(),))
    assert (agreed.route, agreed.consents) == (CLUSTER, ("consent-1",))
    both = decide(data_class=data_class, consents=(consent(),))
    assert (both.route, both.fallbacks) == (DEVICE, (CLUSTER,))


def test_a_large_public_document_goes_to_the_managed_service_with_a_smaller_summary_here() -> None:
    large: dict[str, Any] = {"purpose": "summarise", "data_class": DataClass.PUBLIC, "input_chars": 60_000}
    decision = decide(cloudy(), tenant=CLOUD_TENANT, **large)
    assert decision.route is CLOUD
    assert decision.fallbacks[-1] is DEVICE
    assert "smaller summary" in decision.disclosure
    assert "managed-xl" in decision.disclosure
    elsewhere = decide(cloudy(), tenant="t", **large)
    assert elsewhere.route is CLUSTER
    assert obstacle(elsewhere, CLOUD) is Obstacle.NOT_PERMITTED


def test_offline_it_runs_here_or_waits() -> None:
    decision = decide(link=Link.DOWN)
    assert (decision.route, decision.fallbacks, decision.waits_for) == (DEVICE, (), (CLUSTER,))
    assert "small-q4" in decision.disclosure
    assert "llama.cpp 1" in decision.disclosure
    waits = decide(link=Link.DOWN, known=without(DEVICE))
    assert (waits.route, waits.waits_for) == (Route.QUEUE, (CLUSTER,))
    assert decide(link=Link.DOWN, known=without(DEVICE), purpose="propose").route is Route.REFUSE


def test_private_documents_go_to_the_private_cluster_and_never_to_a_public_service() -> None:
    decision = decide(
        cloudy(), tenant=CLOUD_TENANT, purpose="summarise", consents=(consent(CLOUD, purpose="summarise"),)
    )
    assert (decision.route, decision.fallbacks) == (CLUSTER, (DEVICE,))
    assert obstacle(decision, CLOUD) is Obstacle.NOT_PERMITTED
    assert "stays with the organisation" in decision.disclosure
    assert "sources" in decision.disclosure


def test_an_interactive_question_runs_here_and_falls_back_only_to_what_was_chosen() -> None:
    facts: dict[str, Any] = {"tenant": CLOUD_TENANT, "data_class": DataClass.PUBLIC}
    assert decide(cloudy(), **facts).fallbacks == ()
    decision = decide(cloudy(), **facts, consents=(consent(CLOUD),))
    assert (decision.route, decision.fallbacks) == (DEVICE, (CLOUD,))
    assert "If it fails: CLOUD" in decision.disclosure


# -- what a decision says


def test_a_decision_names_its_policy_its_reason_and_every_other_place() -> None:
    decision = decide()
    assert decision.policies == ("on-device",)
    assert decision.reason == "work on this laptop crosses no boundary"
    assert [each.route for each in decision.why_not] == [CLUSTER, CLOUD]
    assert obstacle(decision, CLUSTER) is Obstacle.OUTRANKED
    assert decision.why_not[1].policies == (
        "cloud-is-off",
        "only-public-to-the-cloud",
        "questions-ask-first",
    )


def test_the_same_facts_give_the_same_decision_and_other_facts_another_hash() -> None:
    assert decide() == decide()
    assert sealed(decide())
    assert not sealed(decide().model_copy(update={"route": CLOUD}))
    assert decide().hash != decide(input_chars=201).hash
    turned = dict(reversed(everywhere().items()))
    assert decide(known=turned).hash == decide().hash


def test_a_decision_can_be_read_again_and_made_again() -> None:
    steady = Steady(link=Link.MARGINAL, unhealthy=(CLUSTER,), held=DEVICE)
    decision = decide(steady=steady, consents=(consent(),))
    again = Decision.model_validate_json(decision.to_bytes())
    assert again == decision
    assert choose(shipped(), again.request, again.decided_at, again.steady) == decision


def test_without_a_model_and_without_a_queue_nothing_runs_and_the_person_is_told() -> None:
    decision = decide(purpose="propose", known={})
    assert decision.route is Route.REFUSE
    assert decision.reason == "no model is loaded on this laptop"
    assert decision.advice


# -- errors deny


def test_a_forbid_that_errs_does_not_become_a_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = SimpleNamespace(
        allowed=True, diagnostics=SimpleNamespace(errors=["missing attribute"], reasons=["policy0"])
    )
    monkeypatch.setattr(cedarpy, "is_authorized_batch", lambda *_: [allowed] * 3)
    decision = decide(bundle_of())  # which has no answer yet
    assert decision.route is Route.REFUSE
    assert {each.obstacle for each in decision.why_not} == {Obstacle.POLICY_ERROR}


def test_cedar_really_skips_a_forbid_that_errs_which_is_why_errors_deny() -> None:
    overflow = "when {context.input_chars * 9223372036854775807 > 0}"
    bundle = bundle_of(cedar=f'{PERMIT_ALL} @id("no") @reason("no") forbid (principal, action, resource) {overflow};')
    question = Question(request(), DataClass.INTERNAL, interactive=True)
    asked = questions(bundle, question, NOW)
    assert all(each.allowed for each in cedarpy.is_authorized_batch(asked, bundle.policy_set, [], bundle.schema))
    assert not any(each.permitted for each in may_run(bundle, question, NOW).values())


def test_what_the_schema_does_not_know_is_denied() -> None:
    """A bundle for another program: its schema wants what this one does not say, or knows less than it says."""
    for old, new in (("tenant: String,", ""), ("tenant: String,", "tenant: String, shift: String,")):
        bundle = bundle_of(cedar=PERMIT_ALL, schema=shipped_files()["boundary.cedarschema"].replace(old, new))
        decision = decide(bundle)
        assert decision.route is Route.REFUSE
        assert {each.obstacle for each in decision.why_not} == {Obstacle.POLICY_ERROR}


def test_an_expired_bundle_leaves_this_laptop_whatever_its_policies_say() -> None:
    bundle = bundle_of(cedar=PERMIT_ALL)
    for at in (bundle.manifest.expires_at, bundle.manifest.valid_from - timedelta(seconds=1)):
        fresh = {place: each.model_copy(update={"measured_at": at, "expires_at": at + timedelta(hours=1)})
                 for place, each in everywhere().items()}  # fmt: skip
        decision = choose(bundle, request(known=fresh), at)
        assert (decision.route, decision.fallbacks) == (DEVICE, ())
        assert obstacle(decision, CLUSTER) is obstacle(decision, CLOUD) is Obstacle.BUNDLE_EXPIRED
        nowhere = choose(bundle, request(known={CLUSTER: fresh[CLUSTER]}), at)
        assert nowhere.route is Route.REFUSE


def test_what_nothing_permits_is_denied() -> None:
    decision = decide(bundle_of(cedar='@id("no") @reason("no") forbid (principal, action, resource);'))
    assert decision.route is Route.REFUSE
    silent = decide(
        bundle_of(cedar=PERMIT_ALL.replace("resource", 'resource == Tailboard::Boundary::"managed_cloud"'))
    )
    assert (silent.route, silent.why_not[0].reason) == (CLOUD, "no policy permits it")


def test_of_nothing_known_the_class_is_restricted() -> None:
    assert highest() is DataClass.RESTRICTED
    assert class_of(request(data_class=None)) is DataClass.RESTRICTED
    assert decide(data_class=None).data_class is DataClass.RESTRICTED


# -- able


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"known": without(CLUSTER)}, Obstacle.UNKNOWN),
        ({"link": Link.DOWN}, Obstacle.NO_LINK),
        ({"link": Link.MARGINAL, "input_chars": 30_000}, Obstacle.NO_LINK),
        ({"tools": ("welding",)}, Obstacle.TOOLS),
        ({"input_chars": 200_000}, Obstacle.CONTEXT),
        ({"within_s": 0.1}, Obstacle.DEADLINE),
        ({"output_tokens": 2000, "within_s": 30}, Obstacle.DEADLINE),
    ],
)
def test_a_permitted_place_that_cannot_do_it_says_why(facts: dict[str, Any], found: Obstacle) -> None:
    assert obstacle(decide(**facts), CLUSTER) is found


@pytest.mark.parametrize(
    ("able", "facts", "found"),
    [
        ({"expires_at": NOW}, {}, Obstacle.STALE),
        ({"measured_at": NOW + timedelta(minutes=3)}, {}, Obstacle.STALE),
        ({"tier": Tier.BASIC}, {"tier": Tier.STANDARD}, Obstacle.TIER),
        ({"cost_per_1k_tokens": 5}, {"cost_max": 0.1}, Obstacle.COST),
        ({"queue_s": 40}, {}, Obstacle.DEADLINE),
        ({"queue_s": 40}, {"within_s": None}, None),
        ({"memory_free_mib": 10}, {}, Obstacle.UNHEALTHY),
    ],
)
def test_what_a_place_can_do_is_looked_at(
    able: dict[str, Any], facts: dict[str, Any], found: Obstacle | None
) -> None:
    known = {CLUSTER: capability(**({"context_tokens": 32_768} | able))}
    assert obstacle(decide(known=known, **facts), CLUSTER) is found


def test_what_never_passes_is_not_waited_for() -> None:
    weak = {CLUSTER: capability(tier=Tier.BASIC)}
    decision = decide(link=Link.DOWN, known=weak, tier=Tier.HIGH)
    assert (decision.route, obstacle(decision, CLUSTER)) == (Route.REFUSE, Obstacle.TIER)


def test_a_low_battery_spares_the_laptop_and_an_empty_one_stops_it() -> None:
    known = everywhere()
    low = {**known, DEVICE: capability(battery_pct=15)}
    decision = decide(known=low)
    assert (decision.route, decision.fallbacks) == (CLUSTER, (DEVICE,))
    assert "battery" in decision.why_not[0].reason
    empty = {**known, DEVICE: capability(battery_pct=3)}
    assert obstacle(decide(known=empty), DEVICE) is Obstacle.UNHEALTHY
    assert decide(known=low, data_class=DataClass.PERSONAL).route is DEVICE


def test_a_conversation_stays_where_it_is_only_as_long_as_it_may() -> None:
    held = Steady(link=Link.UP, held=CLUSTER)
    assert decide(steady=held).route is CLUSTER
    assert decide(steady=held, data_class=DataClass.PERSONAL).route is DEVICE
    assert decide(steady=held, conversation_class=DataClass.PERSONAL).route is DEVICE
    assert decide(steady=held, known=without(CLUSTER)).route is DEVICE
    assert decide(steady=Steady(link=Link.UP, unhealthy=(DEVICE,))).route is CLUSTER


def test_a_steady_link_is_never_better_than_the_link_itself() -> None:
    up, down = Steady(link=Link.UP), Steady(link=Link.DOWN)
    for steady, link in ((up, Link.DOWN), (down, Link.UP)):
        assert obstacle(decide(steady=steady, link=link), CLUSTER) is Obstacle.NO_LINK


def test_a_fallback_crosses_no_more_than_the_route_unless_somebody_agreed() -> None:
    facts: dict[str, Any] = {"data_class": DataClass.INTERNAL}
    assert decide(**facts).fallbacks == ()
    assert decide(**facts, consents=(consent(),)).fallbacks == (CLUSTER,)


@pytest.mark.parametrize(
    "narrower",
    [
        {"target": CLOUD},
        {"purpose": "summarise"},
        {"conversation": "WO-2"},
        {"conversation": None},
        {"data_class": DataClass.INTERNAL},
        {"expires_at": NOW},
    ],
)
def test_a_consent_counts_for_what_it_says_and_for_nothing_else(narrower: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"data_class": DataClass.PERSONAL, "known": without(DEVICE)}
    assert decide(**facts, consents=(consent(),)).route is CLUSTER
    refused = decide(**facts, consents=(consent(**narrower),))
    assert (refused.route, refused.consents) == (Route.REFUSE, ())


def test_a_task_without_a_conversation_has_no_consent() -> None:
    facts: dict[str, Any] = {"data_class": DataClass.PERSONAL, "known": without(DEVICE), "conversation": None}
    assert decide(**facts, consents=(consent(conversation=None),)).route is Route.REFUSE


def test_long_work_in_the_background_asks_for_an_approval() -> None:
    facts: dict[str, Any] = {"within_s": None, "output_tokens": 4000, "known": without(DEVICE)}
    refused = decide(**facts)
    assert (refused.route, obstacle(refused, CLUSTER)) == (Route.REFUSE, Obstacle.NEEDS_APPROVAL)
    assert "approve" in refused.advice
    assert decide(**facts, approved=True).route is CLUSTER


def test_facts_are_read_from_json() -> None:
    facts = request(consents=(consent(),))
    assert RouteRequest.model_validate_json(facts.to_bytes()) == facts


def test_a_class_that_the_limits_do_not_name_does_not_leave() -> None:
    routes = shipped_files()["routes.toml"]
    start = routes.index("private_cluster = { public = 1_000_000")
    named = routes[:start] + "private_cluster = { public = 10 }" + routes[routes.index("\n", start) :]
    decision = decide(bundle_of(routes=named), known=without(DEVICE))
    assert decision.why_not[1].policies == ("too-much-at-once",)


def test_a_decision_parses_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_of()

    def parsed(*_: Any) -> Any:
        raise AssertionError("policies were parsed for a decision")

    asked = cedarpy.is_authorized_batch

    def watched(requests: Any, policies: Any, entities: Any, schema: Any) -> Any:
        assert policies is bundle.policy_set
        assert schema is bundle.schema
        assert not isinstance(entities, (str, list))
        return asked(requests, policies, entities, schema)

    for name in ("policies_to_json_str", "validate_policies"):
        monkeypatch.setattr(cedarpy, name, parsed)
    monkeypatch.setattr(cedarpy, "is_authorized_batch", watched)
    assert decide(bundle).route is DEVICE
