"""What the policy engine answered before: found again for the same facts, and for no others."""

import json
from dataclasses import replace
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.answers import KEPT_MAX, Answers, attributes_read
from policies.boundary import Question, may_run
from policies.bundle import Bundle
from shared.routing import BOUNDARIES, Boundary, DataClass, Link, RouteRequest
from tests.builders import NOW
from tests.routing import CLOUD_TENANT, bundle_of, cloudy, request, shipped

PERMIT_ALL = '@id("all") @reason("all") permit (principal, action, resource);'
#: Another way of reading the facts in each: by name, by whole, by person, in a list, behind a condition.
ODD = (
    "context.input_chars > 100",
    'context.tools.contains("x") && context.device != "TB-01"',
    "context has link && context.output_tokens * 2 > 500",
    'principal == Tailboard::Person::"somebody"',
    '[context.tenant, context.device].contains("TB-02")',
    "if context.interactive then context.approved else context.consented",
    "context.input_chars * 9223372036854775807 > 0",
    '{inside: context}.inside.purpose == "answer"',
    "context == context && context.rank > 1",
)

facts = st.builds(
    request,
    tenant=st.sampled_from([CLOUD_TENANT, "other"]),
    device=st.sampled_from(["TB-01", "TB-02"]),
    actor=st.sampled_from(["somebody", "else"]),
    purpose=st.sampled_from(["answer", "summarise", "complete"]),
    input_chars=st.sampled_from([0, 1, 100, 101, 40_001, 400_001]),
    output_tokens=st.sampled_from([1, 256, 2049]),
    tools=st.sampled_from([(), ("x",), ("x", "y")]),
    device_approved=st.booleans(),
    approved=st.booleans(),
    link=st.sampled_from(Link),
)
questions = st.builds(
    Question,
    facts,
    st.sampled_from(DataClass),
    st.booleans(),
    st.frozensets(st.sampled_from(BOUNDARIES)),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every time that the engine is asked."""
    calls: list[Any] = []
    ask = cedarpy.is_authorized_batch

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return ask(*arguments)

    monkeypatch.setattr(cedarpy, "is_authorized_batch", counted)
    return calls


def odd(condition: str) -> Bundle:
    return bundle_of(
        cedar=f'{PERMIT_ALL} @id("odd") @reason("odd") forbid (principal, action, resource) when {{ {condition} }};'
    )


BUNDLES = (shipped(), cloudy(), *map(odd, ODD))


def of(facts: RouteRequest, *consented: Boundary) -> Question:
    return Question(facts, DataClass.INTERNAL, interactive=True, consented=frozenset(consented))


@given(st.sampled_from(BUNDLES), st.lists(questions, min_size=2, max_size=6))
def test_what_is_found_again_is_what_the_engine_would_say(bundle: Bundle, several: list[Question]) -> None:
    for each in several:
        assert may_run(bundle, each, NOW) == may_run(replace(bundle), each, NOW)


def test_the_engine_is_asked_once_for_what_it_cannot_tell_apart(asked: list[Any]) -> None:
    bundle = replace(shipped())
    for chars in (1, 2, 3):
        may_run(bundle, of(request(input_chars=chars, device=f"TB-{chars}", link=Link.MARGINAL)), NOW)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"actor": "another"},
        {"tenant": "another"},
        {"input_chars": 500_000},
        {"purpose": "summarise"},
        {"tools": ("x",)},
        {"output_tokens": 4000},
        {"device_approved": False},
        {"approved": True},
    ],
)
def test_whatever_a_policy_reads_is_asked_anew(asked: list[Any], other: dict[str, Any]) -> None:
    bundle, told = replace(cloudy()), {"tenant": CLOUD_TENANT, "device_approved": True}
    may_run(bundle, of(request(**told)), NOW)
    may_run(bundle, of(request(**{**told, **other})), NOW)
    assert len(asked) == 2


def test_consent_class_waiting_and_time_are_asked_anew(asked: list[Any]) -> None:
    bundle, known = replace(shipped()), request()
    plain = of(known)
    others = [of(known, each) for each in BOUNDARIES]
    others += [replace(plain, data_class=DataClass.PERSONAL), replace(plain, interactive=False)]
    for each in (plain, *others):
        may_run(bundle, each, NOW)
    may_run(bundle, plain, bundle.manifest.expires_at)
    assert len(asked) == 2 + len(others)


def test_an_answer_with_an_error_is_not_kept(asked: list[Any]) -> None:
    bundle = odd("context.input_chars * 9223372036854775807 > 0")
    for _ in range(2):
        assert not any(each.permitted for each in may_run(bundle, of(request(input_chars=5)), NOW).values())
    assert len(asked) == 2


def test_bundles_share_no_answers(asked: list[Any]) -> None:
    for bundle in (bundle_of(cedar=PERMIT_ALL), replace(shipped()), replace(shipped())):
        may_run(bundle, of(request()), NOW)
    assert len(asked) == 3


def test_what_somebody_does_to_an_answer_changes_no_other() -> None:
    bundle = replace(shipped())
    may_run(bundle, of(request()), NOW).clear()
    assert set(may_run(bundle, of(request()), NOW)) == set(BOUNDARIES)


def reads(condition: str) -> frozenset[str] | None:
    text = f"permit (principal, action, resource) when {{ {condition} }};"
    return attributes_read(json.loads(cedarpy.policies_to_json_str(text)))


def test_what_a_policy_reads_is_found_wherever_it_stands() -> None:
    assert reads("context.a && !(context has b) && [context.c].contains(1)") == frozenset({"a", "b", "c"})
    assert reads('if context["x y"] then context.r.s == 1 else context.n like "*"') == frozenset({"x y", "r", "n"})
    assert reads("true") == frozenset()


@pytest.mark.parametrize(
    "whole", ["context == {}", "[context].isEmpty()", "{a: context}.a.b", "principal in context.x || context == {}"]
)
def test_who_reads_the_context_as_a_whole_reads_all_of_it(whole: str) -> None:
    assert reads(whole) is None


def test_answers_are_bounded() -> None:
    answers = Answers[int](frozenset({"a"}))
    for number in range(KEPT_MAX + 1):
        answers.keep(answers.key("p", [{"a": number}]), number)
    assert answers.get(answers.key("p", [{"a": 0}])) is None
    assert answers.get(answers.key("p", [{"a": KEPT_MAX}])) == KEPT_MAX
