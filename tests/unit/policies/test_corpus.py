"""The shipped bundle does what its conformance corpus says, and the corpus touches every rule from both sides."""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from itertools import combinations

import pytest

from policies.bundle import CEDAR
from policies.corpus import BadCorpus, Case, Corpus, decide_case, facts_of, read_corpus, run_corpus
from policies.route import choose, sealed
from shared.routing import BOUNDARIES, Decision, Obstacle, Route
from tests.routing import bundle_of, cloudy, shipped, shipped_files

TEXT = (resources.files("policies.default") / "corpus.jsonl").read_text(encoding="utf-8")
CORPUS = read_corpus(TEXT)
POLICIES = sorted(shipped().policies.values(), key=lambda policy: policy.id)


def decisions() -> Iterator[tuple[Case, Decision]]:
    return ((case, decide_case(shipped(), CORPUS.defaults, case)) for case in CORPUS.cases)


def said_by(decision: Decision) -> set[str]:
    return {*decision.policies, *(name for each in decision.why_not for name in each.policies)}


def test_the_shipped_bundle_does_what_the_corpus_says() -> None:
    assert len(CORPUS.cases) >= 150
    assert run_corpus(shipped(), CORPUS) == []


def test_every_route_and_every_obstacle_but_a_fault_is_in_the_corpus() -> None:
    assert {case.expect.route for case in CORPUS.cases} == set(Route)
    obstacles = {each.obstacle for _, decision in decisions() for each in decision.why_not}
    assert obstacles == set(Obstacle) - {Obstacle.POLICY_ERROR}


def _facts(case: Case) -> dict[str, object]:
    facts = facts_of(CORPUS.defaults, case)
    stated = {name: getattr(facts, name) for name in type(facts).model_fields}
    return {**stated, "at": case.at, "steady": case.steady}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_every_rule_is_hit_from_both_sides(policy: object) -> None:
    """Two neighbours, one fact apart, of which one is decided by the rule and the other is not."""
    name = getattr(policy, "id", "")
    seen = [(case, name in said_by(decision)) for case, decision in decisions()]
    here = [_facts(case) for case, hit in seen if hit]
    there = [_facts(case) for case, hit in seen if not hit]
    apart = [{key for key in one if one[key] != other[key]} for one in here for other in there]
    assert any(len(keys) == 1 for keys in apart), f"{name} has no neighbours in the corpus"


@pytest.mark.parametrize("policy", [each.id for each in POLICIES if each.forbids])
def test_the_corpus_notices_when_a_rule_is_taken_out(policy: str) -> None:
    text = shipped_files()[CEDAR]
    start = text.index(f'@id("{policy}")')
    bundle = bundle_of(cedar=text[:start] + text[text.index(";", start) + 1 :])
    assert run_corpus(bundle, CORPUS)


def test_what_needs_a_consent_or_an_approval_is_opened_by_it() -> None:
    """The hint is true: with what is missing in the request, nothing that only waits for it stays denied."""
    found = 0
    for case, decision in decisions():
        for refusal in decision.why_not:
            if refusal.obstacle not in (Obstacle.NEEDS_CONSENT, Obstacle.NEEDS_APPROVAL):
                continue
            facts = facts_of(CORPUS.defaults, case)
            given = {
                "target": refusal.route,
                "conversation": facts.conversation or "WO-1",
                "purpose": facts.purpose,
                "data_class": "restricted",
                "expires_at": "2040-01-01T00:00:00Z",
                "id": "wide",
            }
            wide = {**case.facts, "approved": True, "conversation": facts.conversation or "WO-1", "consents": [given]}
            again = decide_case(shipped(), CORPUS.defaults, case.model_copy(update={"facts": wide}))
            left = next((each.obstacle for each in again.why_not if each.route is refusal.route), None)
            assert left not in (Obstacle.NEEDS_CONSENT, Obstacle.NEEDS_APPROVAL, Obstacle.NOT_PERMITTED), case.name
            found += 1
    assert found > 50


def test_every_fallback_of_the_corpus_is_permitted_and_every_hash_fits() -> None:
    for case, decision in decisions():
        assert sealed(decision), case.name
        for place in (*decision.fallbacks, *decision.waits_for):
            refusal = next(each for each in decision.why_not if each.route is place)
            assert refusal.obstacle is not Obstacle.NOT_PERMITTED
            assert refusal.policies == ()


def test_names_differ_and_no_two_cases_are_the_same() -> None:
    for one, other in combinations(CORPUS.cases, 2):
        assert _facts(one) != _facts(other), f"{one.name} = {other.name}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2"),
        ('{"name": "x", "name": "y"}', "stands twice"),
        ('{"name": "x", "expect": {"route": "moon", "why_not": {}}}', "expect.route"),
        ('{"name": "x", "facts": {"moon": 1}, "expect": {"route": "device", "why_not": {}}}', "moon"),
        (
            '{"name": "x", "known": {"device": {"tier": "best"}}, "expect": {"route": "device", "why_not": {}}}',
            "tier",
        ),
        ('{"name": "x", "extra": 1, "expect": {"route": "device", "why_not": {}}}', "extra"),
    ],
)
def test_a_corpus_that_cannot_be_read_says_where(line: str, why: str) -> None:
    with pytest.raises(BadCorpus, match=why):
        read_corpus(TEXT.splitlines()[0] + "\n" + line)


def test_an_empty_corpus_and_two_cases_of_one_name_are_refused() -> None:
    with pytest.raises(BadCorpus, match="empty"):
        read_corpus("\n")
    first, second = TEXT.splitlines()[:2]
    with pytest.raises(BadCorpus, match="called"):
        read_corpus("\n".join((first, second, second)))


def test_a_case_that_comes_out_otherwise_is_told() -> None:
    case = CORPUS.cases[0]
    wrong = case.model_copy(update={"expect": case.expect.model_copy(update={"route": Route.MANAGED_CLOUD})})
    (miss,) = run_corpus(shipped(), Corpus(CORPUS.defaults, (wrong,)))
    assert (miss.case, miss.field, miss.expected, miss.decided) == (case.name, "route", "managed_cloud", "device")


def test_the_corpus_brings_its_own_organisations_with_the_managed_service() -> None:
    case = next(each for each in CORPUS.cases if each.expect.route is Route.MANAGED_CLOUD)
    facts = facts_of(CORPUS.defaults, case)
    assert choose(cloudy(), facts, CORPUS.defaults.at).route is Route.MANAGED_CLOUD
    assert choose(shipped(), facts, CORPUS.defaults.at).route is not Route.MANAGED_CLOUD
    without = replace(CORPUS, defaults=CORPUS.defaults.model_copy(update={"cloud": ()}))
    assert run_corpus(shipped(), without)


def test_every_line_is_as_it_would_be_written() -> None:
    for line in TEXT.splitlines():
        assert json.dumps(json.loads(line), ensure_ascii=False) == line


def test_places_are_the_three_boundaries() -> None:
    assert {place for case in CORPUS.cases for place in case.expect.why_not} == set(BOUNDARIES)
