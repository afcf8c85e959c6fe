from importlib import resources
from types import SimpleNamespace
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.boundary import may_run
from policies.bundle import BadBundle, Bundle, parse_bundle
from policies.route import choose
from shared.routing import BOUNDARIES, DataClass, Route, RouteRequest, highest
from tests.builders import NOW

FOLDER = resources.files("policies.default")
POLICIES, SCHEMA = ((FOLDER / f"boundary.{ending}").read_text() for ending in ("cedar", "cedarschema"))
BUNDLE = parse_bundle("1", POLICIES, SCHEMA)
PERMIT_ALL = '@id("all") @reason("anything goes") permit (principal, action, resource);'


def request(**given: Any) -> RouteRequest:
    facts: dict[str, Any] = {
        "tenant": "t",
        "device": "d",
        "actor": "a",
        "purpose": "propose",
        "data_class": DataClass.INTERNAL,
        "input_chars": 10,
        "online": True,
        "local_model": True,
    }
    return RouteRequest(**(facts | given))


@given(
    st.sampled_from(DataClass),
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from(["propose", "answer"]),
)
def test_the_first_bundle_never_leaves_the_laptop(
    data_class: DataClass, online: bool, local_model: bool, chars: int, purpose: str
) -> None:
    facts = request(data_class=data_class, online=online, local_model=local_model, input_chars=chars, purpose=purpose)
    decision = choose(BUNDLE, facts, NOW)
    assert decision.route is (Route.DEVICE if local_model else Route.REFUSE)
    assert {refusal.route for refusal in decision.why_not} == set(BOUNDARIES) - {decision.route}


def test_a_decision_names_its_policy_and_its_reason() -> None:
    decision = choose(BUNDLE, request(), NOW)
    assert decision.policies == ("on-device",)
    assert decision.reason == "work on this laptop crosses no boundary"
    assert "Nothing left" in decision.disclosure


def test_the_same_facts_give_the_same_decision_and_other_facts_another_hash() -> None:
    assert choose(BUNDLE, request(), NOW) == choose(BUNDLE, request(), NOW)
    assert choose(BUNDLE, request(), NOW).hash != choose(BUNDLE, request(input_chars=11), NOW).hash


def test_without_a_model_nothing_runs_and_the_person_is_told() -> None:
    decision = choose(BUNDLE, request(local_model=False), NOW)
    assert decision.route is Route.REFUSE
    assert decision.reason == "no model is loaded on this laptop"
    assert any(refusal.reason == "no model is loaded on this laptop" for refusal in decision.why_not)


def test_a_forbid_that_errs_does_not_become_a_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = SimpleNamespace(
        allowed=True, diagnostics=SimpleNamespace(errors=["missing attribute"], reasons=["policy0"])
    )
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: allowed)
    verdict = may_run(BUNDLE, request(), Route.DEVICE)
    assert not verdict.permitted
    assert "could not be evaluated" in verdict.reason


def test_cedar_really_skips_a_forbid_that_errs_which_is_why_errors_deny() -> None:
    overflow = "when {context.input_chars * 9223372036854775807 > 0}"
    policies = f'{PERMIT_ALL} @id("no") @reason("no") forbid (principal, action, resource) {overflow};'
    bundle: Bundle = parse_bundle("1", policies, SCHEMA)
    raw = cedarpy.is_authorized(
        {
            "principal": 'Tailboard::Person::"a"',
            "action": 'Tailboard::Action::"run"',
            "resource": 'Tailboard::Boundary::"device"',
            "context": {
                "tenant": "t",
                "device": "d",
                "purpose": "propose",
                "data_class": "internal",
                "data_class_rank": 1,
                "input_chars": 10,
                "online": True,
            },
        },
        bundle.policy_set,
        [],
        bundle.schema,
    )
    assert raw.allowed
    assert not may_run(bundle, request(), Route.DEVICE).permitted


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        ("permit (", "does not parse"),
        ("permit (principal, action, resource);", "needs an @id"),
        (
            '@id("a") @reason("b") permit (principal, action, resource) when {context.nonsense};',
            "does not fit its schema",
        ),
    ],
)
def test_half_a_rule_book_is_none(policies: str, why: str) -> None:
    with pytest.raises(BadBundle, match=why):
        parse_bundle("1", policies, SCHEMA)


def test_of_nothing_known_the_class_is_restricted() -> None:
    assert highest() is DataClass.RESTRICTED
    assert highest(DataClass.PUBLIC, DataClass.PERSONAL, DataClass.INTERNAL) is DataClass.PERSONAL
