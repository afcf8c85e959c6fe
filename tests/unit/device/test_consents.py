"""Consents: the person's own, scoped, used up, taken back at once; what is forged or copied counts for nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from device.consents import LIFE, LIFE_MAX, Scope
from device.errors import LocalError
from device.routes import Question
from shared.consent import Consent, ConsentRevocation
from shared.envelope import CONSENT_TYPE, REVOCATION_TYPE, SigningKey, seal
from shared.routing import Boundary, DataClass, Decision, Obstacle, Route
from tests.laptops import KEYS, Place, place

TO: Boundary = Route.PRIVATE_CLUSTER
OTHER = SigningKey(b"\x55" * 32)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    assert made.routes.take_capabilities(made.elsewhere.capabilities())
    yield made
    made.world.device.store.close()


def give(laptop: Place, **other: Any) -> Consent:
    facts = {"data_class": DataClass.PERSONAL, "purpose": "answer", "reach": "job", "conversation": "WO-1042"}
    scope: Any = facts | {name: each for name, each in other.items() if name in facts}
    rest = {name: each for name, each in other.items() if name not in facts}
    return laptop.routes.consents.give(
        Scope(TO, **scope), **{"told": "It leaves.", "bundle_version": "shipped-1", **rest}
    )


def decide(laptop: Place, **other: Any) -> Decision:
    asked: dict[str, Any] = {"purpose": "answer", "words": "Ms Harrington called", "declared": DataClass.INTERNAL}
    asked |= {"conversation": "WO-1042", "task": "T-1", **other}
    return laptop.routes.decide(Question(**asked), None)


def standing(laptop: Place) -> list[str]:
    return [each.standing for each in laptop.routes.consents.listed()]


def test_a_consent_opens_what_it_names_and_is_named_by_the_decision(laptop: Place) -> None:
    assert decide(laptop).route is Route.REFUSE
    consent = give(laptop)
    decision = decide(laptop)
    assert (decision.route, decision.consents) == (TO, (consent.id,))


@pytest.mark.parametrize(
    "other",
    [
        {"conversation": "WO-1043"},
        {"purpose": "summarise"},
        {"conversation": None},
        {"words": "the password is hunter22, Ms Harrington"},
        {"words": "Ms Harringt\u200bon"},
    ],
    ids=["job", "purpose", "no job", "class", "unreadable"],
)
def test_a_consent_opens_nothing_else(laptop: Place, other: dict[str, Any]) -> None:
    give(laptop)
    decision = decide(laptop, **other)
    assert decision.route is not TO
    assert TO not in decision.fallbacks


def test_what_was_taken_back_counts_no_more_from_that_moment(laptop: Place) -> None:
    consent = give(laptop)
    laptop.routes.consents.revoke(consent.id)
    assert (standing(laptop), decide(laptop).route) == (["revoked"], Route.REFUSE)
    with pytest.raises(LocalError, match="taken back already"):
        laptop.routes.consents.revoke(consent.id)
    with pytest.raises(LocalError, match="no consent"):
        laptop.routes.consents.revoke("nothing")


def test_a_consent_ends(laptop: Place) -> None:
    give(laptop)
    laptop.clock.move(LIFE["job"])
    assert standing(laptop) == ["expired"]
    assert laptop.routes.consents.facts(task=None, conversation="WO-1042") == ()


@pytest.mark.parametrize("life", [timedelta(), timedelta(days=-1), LIFE_MAX + timedelta(seconds=1)])
def test_a_consent_neither_lasts_for_ever_nor_for_no_time(laptop: Place, life: timedelta) -> None:
    with pytest.raises(LocalError, match="holds for"):
        give(laptop, life=life)


def test_one_for_a_single_task_is_for_that_task_alone_and_for_its_next_try(laptop: Place) -> None:
    give(laptop, reach="once", conversation="T-1")
    decision = decide(laptop)
    assert decision.route is TO
    laptop.routes.consents.use(decision, TO)
    assert standing(laptop) == ["used"]
    assert decide(laptop).route is TO
    assert decide(laptop, task="T-2").route is Route.REFUSE


def forged(consent: Consent, key: SigningKey = OTHER, kind: str = CONSENT_TYPE, **other: Any) -> tuple[str, str]:
    said = consent.model_copy(update=other)
    return said.id, seal(kind, said.to_bytes(), key).wire_json


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"key": KEYS.device},
        {"kind": REVOCATION_TYPE, "key": KEYS.technician},
        {"key": KEYS.technician, "tenant": "elsewhere"},
        {"key": KEYS.technician, "device": "TB-99"},
        {"key": KEYS.technician, "actor": "b.lind"},
    ],
    ids=["stranger", "device key", "another purpose", "tenant", "device", "person"],
)
def test_what_the_person_did_not_sign_here_is_not_even_listed(laptop: Place, how: dict[str, Any]) -> None:
    store = laptop.world.device.store
    consent = give(laptop)
    name, wire = forged(consent, **how)
    with store.transaction() as connection:
        connection.execute("UPDATE consent SET envelope = ? WHERE id = ?", (wire, name))
    assert (standing(laptop), decide(laptop).route) == ([], Route.REFUSE)


def test_a_copy_under_another_id_is_no_second_consent(laptop: Place) -> None:
    store = laptop.world.device.store
    consent = give(laptop)
    ((_, wire, _),) = store.consents()
    laptop.routes.consents.revoke(consent.id)
    store.add_consent("another", wire)
    assert (standing(laptop), decide(laptop).route) == (["revoked"], Route.REFUSE)


def test_nobody_else_takes_a_consent_back(laptop: Place) -> None:
    consent = give(laptop)
    whose = {"tenant": consent.tenant, "device": consent.device, "actor": consent.actor}
    said = ConsentRevocation(consent=consent.id, at=laptop.clock.now(), **whose)
    laptop.world.device.store.add_revocation(consent.id, seal(REVOCATION_TYPE, said.to_bytes(), OTHER).wire_json)
    assert standing(laptop) == ["in_force"]


def test_giving_using_and_taking_back_are_evidence(laptop: Place) -> None:
    consent = give(laptop)
    laptop.routes.consents.use(decide(laptop), TO)
    laptop.routes.consents.revoke(consent.id)
    acts = [each.body for each in laptop.world.device.store.evidence() if each.kind == "consent"]
    assert [act in body for act, body in zip(("given", "used", "revoked"), acts, strict=True)] == [True] * 3
    assert laptop.routes.evidence.broken() is None


def test_without_one_the_decision_says_that_it_is_missing(laptop: Place) -> None:
    (why,) = [each for each in decide(laptop).why_not if each.route is TO]
    assert why.obstacle is Obstacle.NEEDS_CONSENT


def test_never_ends_what_was_agreed_and_lets_nothing_be_agreed_until_it_is_taken_back(laptop: Place) -> None:
    give(laptop)
    consents = laptop.routes.consents
    consents.never(TO)
    assert standing(laptop) == ["revoked"]
    assert consents.nevers() == {TO}
    with pytest.raises(LocalError, match="consent never --to private_cluster --undo"):
        give(laptop)
    consents.ask_again(TO)
    give(laptop)
    assert standing(laptop) == ["revoked", "in_force"]
