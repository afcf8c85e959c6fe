"""What people are told: the words on screen, flips, roll-outs, consents as they stand, and the record."""

from datetime import timedelta
from typing import Any

import pytest

from policies.bundle import CEDAR
from policies.consent import as_facts, standings
from policies.explain import explain
from policies.flips import replay
from policies.record import Configuration, Engine, Location, Transfer, make_record, to_markdown
from policies.rollout import Applies, Rollout, Stage, applies
from policies.route import choose
from shared.consent import Consent, ConsentRevocation
from shared.routing import BOUNDARIES, DataClass, Decision, Link, Route, Tier
from tests.builders import NOW
from tests.routing import CLOUD_TENANT, bundle_of, cloudy, consent, request, shipped, shipped_files, without

DEVICE, CLUSTER, CLOUD = BOUNDARIES


def decide(**given: Any) -> Decision:
    return choose(shipped(), request(**given), NOW)


# -- explain


def test_a_decision_is_explained_with_the_words_of_the_screen() -> None:
    lines = "\n".join(explain(decide(consents=(consent(),), data_class=DataClass.PERSONAL)))
    assert lines.startswith("THIS LAPTOP: work on this laptop crosses no boundary")
    assert "if that fails: PRIVATE CLUSTER" in lines
    assert "not PRIVATE CLUSTER: THIS LAPTOP comes first: the policy prefers it (outranked)" in lines
    assert "not CLOUD: " in lines
    assert "consents consent-1" in lines
    assert "personal data, policies shipped-1 (on-device)" in lines


def test_what_waits_and_what_is_refused_says_what_one_can_do() -> None:
    waits = explain(decide(link=Link.DOWN, known=without(DEVICE)))
    assert waits[0] == "QUEUE: PRIVATE CLUSTER cannot do it now: there is no link"
    assert "  waits for: PRIVATE CLUSTER" in waits
    here = explain(decide(link=Link.DOWN))
    assert "  or waits in the queue for: PRIVATE CLUSTER" in here
    refused = explain(decide(data_class=None, known=without(DEVICE)))
    assert refused[0] == (
        "NOWHERE: no model is loaded on this laptop; PRIVATE CLUSTER: personal or restricted data leaves the laptop "
        "only with the technician's consent"
    )
    assert any("PRIVATE CLUSTER, once or for this job" in line for line in refused)


def test_advice_offers_a_consent_only_where_it_would_help() -> None:
    facts: dict[str, Any] = {"data_class": DataClass.PERSONAL, "purpose": "propose"}
    assert "--consent" in decide(**facts, known=without(DEVICE)).advice
    assert "--consent" not in decide(**facts, known=without(DEVICE, CLUSTER)).advice
    assert "--consent" not in decide(**facts, known=without(DEVICE), link=Link.DOWN).advice


# -- flips


STRICT = shipped_files()[CEDAR].replace(
    "when { context.rank >= 2 && !context.consented };", "when { !context.consented };"
)
LOOSE = shipped_files()[CEDAR].replace("when { context.rank >= 2 && !context.consented };", "when { false };")


def test_the_same_bundle_flips_nothing() -> None:
    recorded = [decide(data_class=each, purpose="summarise") for each in DataClass]
    assert replay(shipped(), recorded).flips == ()
    assert replay(shipped(), recorded).replayed == 4


def test_every_decision_that_flips_is_listed_and_how() -> None:
    recorded = [decide(purpose="summarise"), decide(), decide(data_class=DataClass.PERSONAL, known=without(DEVICE))]
    strict = replay(bundle_of(cedar=STRICT), recorded)
    assert [flip.before.route for flip in strict.flips] == [CLUSTER]
    assert not any(flip.wider for flip in strict.flips)
    assert strict.flips[0].how().startswith("PRIVATE CLUSTER (else THIS LAPTOP) → THIS LAPTOP (")
    assert "+sensitive-asks-first" in strict.flips[0].how()
    loose = replay(bundle_of(cedar=LOOSE), recorded)
    assert [(flip.task, flip.wider) for flip in loose.flips] == [(("answer", DataClass.PERSONAL), True)]
    assert loose.flips[0].how().startswith("WIDER: NOWHERE → PRIVATE CLUSTER")
    assert loose.flips[0].at == NOW


def test_a_record_that_was_touched_is_not_replayed() -> None:
    touched = decide().model_copy(update={"route": CLOUD})
    told = replay(shipped(), [touched])
    assert (told.replayed, told.flips, told.damaged) == (0, (), (touched.hash,))


# -- roll-outs


def rollout(*stages: Stage) -> Rollout:
    return Rollout(in_force=3, stages=stages)


def test_a_new_version_is_tried_where_it_was_said_and_nowhere_else() -> None:
    plan = rollout(
        Stage(version=4, mode="shadow"),
        Stage(version=4, mode="in_force", purposes=frozenset({"answer"}), classes=frozenset({DataClass.PUBLIC})),
        Stage(version=5, mode="in_force", groups=frozenset({"pilot"})),
    )
    known = {3, 4, 5}
    assert applies(plan, "answer", DataClass.PUBLIC, (), known) == Applies(in_force=4)
    assert applies(plan, "answer", DataClass.INTERNAL, (), known) == Applies(in_force=3, shadow=(4,))
    assert applies(plan, "answer", None, ("pilot",), known) == Applies(in_force=5, shadow=(4,))
    assert applies(plan, "answer", DataClass.PUBLIC, ("pilot",), {3}) == Applies(in_force=3)
    assert applies(rollout(), "answer", DataClass.PUBLIC, (), known) == Applies(in_force=3)


def test_work_that_began_keeps_its_version_while_it_is_here() -> None:
    plan = rollout(Stage(version=4, mode="in_force"))
    assert applies(plan, "answer", None, (), {2, 3, 4}, begun_with=2).in_force == 2
    assert applies(plan, "answer", None, (), {3, 4}, begun_with=2).in_force == 4
    assert applies(plan, "answer", None, (), {3, 4}).in_force == 4


def test_a_missing_class_counts_as_restricted_in_a_roll_out() -> None:
    plan = rollout(Stage(version=4, mode="in_force", classes=frozenset({DataClass.RESTRICTED})))
    assert applies(plan, "answer", None, (), {3, 4}).in_force == 4
    with pytest.raises(LookupError, match="version 3"):
        applies(rollout(), "answer", None, (), {1})


# -- consents as they stand


def given_consent(**given: Any) -> Consent:
    facts: dict[str, Any] = {
        "id": "c1", "tenant": "t", "device": "d", "actor": "a", "target": CLUSTER, "data_class": DataClass.PERSONAL,
        "purpose": "answer", "reach": "job", "conversation": "WO-1", "given_at": NOW,
        "expires_at": NOW + timedelta(hours=1), "told": "It leaves.", "bundle_version": "shipped-1",
    }  # fmt: skip
    return Consent(**(facts | given))


def revoked(**given: Any) -> ConsentRevocation:
    facts: dict[str, Any] = {"consent": "c1", "tenant": "t", "device": "d", "actor": "a", "at": NOW}
    return ConsentRevocation(**(facts | given))


@pytest.mark.parametrize(
    ("change", "revocations", "used", "standing"),
    [
        ({}, [], 0, "in_force"),
        ({}, [], 5, "in_force"),
        ({"reach": "once"}, [], 0, "in_force"),
        ({"reach": "once"}, [], 1, "used"),
        ({}, [{}], 0, "revoked"),
        ({}, [{"actor": "b"}], 0, "in_force"),
        ({}, [{"tenant": "u"}], 0, "in_force"),
        ({}, [{"consent": "c2"}], 0, "in_force"),
        ({"expires_at": NOW}, [], 0, "expired"),
        ({"given_at": NOW + timedelta(minutes=2)}, [], 0, "in_force"),
        ({"given_at": NOW + timedelta(minutes=3)}, [], 0, "expired"),
    ],
)
def test_a_consent_stands_until_it_is_used_up_taken_back_or_over(
    change: dict[str, Any], revocations: list[dict[str, Any]], used: int, standing: str
) -> None:
    (shown,) = standings([given_consent(**change)], [revoked(**each) for each in revocations], {"c1": used}, NOW)
    assert (shown.standing, shown.used) == (standing, used)
    facts = as_facts([shown], tenant="t", device="d", actor="a")
    assert bool(facts) is (standing == "in_force")


@pytest.mark.parametrize("other", [{"tenant": "u"}, {"device": "e"}, {"actor": "b"}])
def test_nobody_uses_anothers_consent(other: dict[str, str]) -> None:
    shown = standings([given_consent(**other)], [], {}, NOW)
    assert as_facts(shown, tenant="t", device="d", actor="a") == ()


# -- the record


def configuration(tenant: str) -> Configuration:
    def engine(name: str, boundary: Any) -> Engine:
        return Engine(
            name=name, boundary=boundary, where=f"{name}.example", model="m", tier=Tier.HIGH,
            context_tokens=4096, slots=4, first_byte_s=5, between_tokens_s=2,
        )  # fmt: skip

    return Configuration(
        tenant=tenant,
        written_at=NOW,
        locations=(
            Location(role="control", name="policies", where="this server", boundary=CLUSTER, holds="bundles"),
            Location(role="evidence", name="decision log", where="laptop | disk", boundary=DEVICE, holds="decisions"),
        ),
        engines=(engine("local", DEVICE), engine("cluster", CLUSTER), engine("managed", CLOUD)),
        transfers=(
            Transfer(
                source="laptop",
                target="server",
                boundary=CLUSTER,
                data_class=DataClass.PERSONAL,
                when="at every sync",
                deadline="none",
                on_failure="tried again",
            ),
        ),
        versions={"vLLM": "0.11"},
        assumptions={"cost of a GPU hour": "2.40"},
    )


def test_the_record_asks_the_policies_what_may_move() -> None:
    record = make_record(cloudy(), configuration(CLOUD_TENANT))
    said = {(each.boundary, each.data_class): each.when for each in record.transfers if each.source == "this laptop"}
    assert said[CLUSTER, DataClass.INTERNAL] == "freely"
    assert said[CLUSTER, DataClass.RESTRICTED] == "with the technician's consent"
    assert (
        said[CLOUD, DataClass.PUBLIC] == "propose, answer, complete: with the technician's consent; summarise: freely"
    )
    assert {said[CLOUD, each] for each in DataClass if each is not DataClass.PUBLIC} == {"never"}
    off = make_record(shipped(), configuration("t"))
    assert {each.when for each in off.transfers if each.boundary is CLOUD} == {"never"}
    assert record.bundle_sha256 == cloudy().digest()
    assert len(record.transfers) == 2 * len(DataClass) + 1


def test_the_record_is_a_document_for_people_and_for_programs() -> None:
    record = make_record(shipped(), configuration("t"))
    text = to_markdown(record)
    for words in ("Who decides", "Where the evidence lies", "What may move", "vLLM", "GPU hour", "laptop \\| disk"):
        assert words in text
    assert "## Where data lies\n\nNothing." in text
    assert type(record).model_validate_json(record.model_dump_json(by_alias=True)) == record


def test_places_have_words() -> None:
    from policies.explain import PLACES

    assert set(PLACES) == set(Route)
