"""What a trace may tell: every fact of a decision has its place in it, and nothing that anybody said has one."""

import hashlib
import hmac

import pytest

from policies.route import choose, sealed
from policies.traces import recorded
from shared.evidence import Ability, Agreed, Blind, Decided, Facts, read_told, tell_decision, text_of
from shared.routing import BOUNDARIES, Capability, Consented, RouteRequest
from sync_server.updates.bundles import shipped_bundle
from tests.builders import NOW

BLIND = Blind(b"a laptop's secret")
#: Whose it is, and what somebody named.
UNTOLD = {"tenant", "device", "actor"}, {"model", "model_sha256", "runtime"}


def test_a_new_fact_of_a_decision_needs_its_place_in_a_trace() -> None:
    assert Facts.model_fields.keys() == RouteRequest.model_fields.keys() - UNTOLD[0]
    assert Ability.model_fields.keys() == Capability.model_fields.keys() - UNTOLD[1]
    assert Agreed.model_fields.keys() == Consented.model_fields.keys()


def request(**other: object) -> RouteRequest:
    known = {
        place: Capability.model_validate(
            {
                "model": "Harrington-house",
                "runtime": "Harrington-runtime",
                "tier": "high",
                "context_tokens": 8192,
                "tokens_per_s": 20,
                "measured_at": NOW,
                "expires_at": NOW.replace(year=NOW.year + 1),
            }
        )
        for place in BOUNDARIES
    }
    consent = {
        "id": "harrington-consent",
        "target": "private_cluster",
        "data_class": "personal",
        "purpose": "answer",
        "conversation": "WO-1042",
        "expires_at": NOW.replace(year=NOW.year + 1),
    }
    said: dict[str, object] = {
        "tenant": "riverside",
        "device": "TB-07",
        "actor": "a.okafor",
        "purpose": "answer",
        "conversation": "WO-1042",
        "data_class": "personal",
        "input_chars": 90,
        "link": "up",
        "device_approved": True,
        "known": known,
        "consents": (consent,),
    }
    return RouteRequest.model_validate(said | other)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"data_class": None},
        {"data_class": "public", "input_chars": 60_000, "purpose": "summarise"},
        {"consents": ()},
        {"known": {}},
        {"link": "down", "within_s": 5.0},
        {"conversation": None},
        {"conversation_class": "restricted", "approved": True, "tools": ("search",)},
    ],
)
def test_a_decision_made_again_from_its_trace_is_the_same(other: dict[str, object]) -> None:
    bundle = shipped_bundle()
    decision = choose(bundle, request(**other), NOW)
    text = text_of(tell_decision(decision, BLIND))
    for word in (
        "Harrington",
        "harrington",
        "WO-1042",
        "okafor",
        "riverside",
        "TB-07",
        decision.reason,
        decision.hash,
    ):
        assert word not in text, word
    told = read_told("decision", text)
    assert isinstance(told, Decided)
    again = recorded(told, "riverside", "TB-07", "a.okafor")
    assert sealed(again)
    made = choose(bundle, again.request, again.decided_at, again.steady)
    for name in ("route", "fallbacks", "waits_for", "data_class", "policies"):
        assert getattr(made, name) == getattr(decision, name) == getattr(again, name), name
    obstacles = [[(no.route, no.obstacle) for no in each.why_not] for each in (made, decision, again)]
    assert obstacles[0] == obstacles[1] == obstacles[2]
    assert len(made.consents) == len(decision.consents)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("decision", '{"ref": "WO-1042"}'),
        (
            "attempt",
            '{"decision": "k00000000000000000000000000000000", "route": "device", "data_class": "internal", "x": 1}',
        ),
        (
            "attempt",
            '{"decision": "k00000000000000000000000000000000", "route": "Mill Lane", "data_class": "internal"}',
        ),
        ("consent", '{"consent": "harrington"}'),
        ("probe", '{"route": "device", "problem": "Ms Harrington called"}'),
        ("probe", '{"route": "device", "problem": "", "route": "device"}'),
        ("note", "{}"),
        ("probe", "[]"),
        ("probe", ""),
    ],
)
def test_what_has_no_place_in_a_trace_is_not_read(kind: str, told: str) -> None:
    with pytest.raises(ValueError, match="not what a trace may tell") as caught:
        read_told(kind, told)
    assert "arrington" not in str(caught.value)


def test_one_entry_can_be_opened_without_the_others() -> None:
    key = BLIND.entry_key(7)
    assert hmac.new(key, b"the body", hashlib.sha256).hexdigest() == BLIND.sealed(7, "the body")
    assert hmac.new(key, b"the body", hashlib.sha256).hexdigest() != BLIND.sealed(8, "the body")
    assert BLIND("7") != BLIND.entry_key(7).hex()[:33]
