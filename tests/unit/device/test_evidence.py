"""The chain of decisions: whatever is changed, taken out, put in or cut off is found, and where."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from device.core.evidence import Entry, entry_hash, noted
from device.evidence import Evidence
from device.routes import Question
from device.settings import EVIDENCE_DAYS, read_settings
from device.store import DeviceStore
from shared.envelope import SigningKey
from shared.routing import DataClass
from tests.builders import StillClock
from tests.laptops import KEYS, Place, place

TASK = "01890a5d-ac96-774b-bcce-b302099a8057"
TRIED = {"decision": "ab", "route": "device", "data_class": "internal", "problem": "", "task": TASK}


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    for number in range(5):
        made.routes.decide(Question("answer", f"Which filter fits pump {number}?", DataClass.INTERNAL), made.model)
    made.routes.evidence.note("attempt", **TRIED)
    yield made
    made.world.device.store.close()


def broken_at(laptop: Place) -> int | None:
    found = laptop.routes.evidence.broken()
    return found.number if found else None


def run(laptop: Place, sql: str, *values: object) -> None:
    with laptop.world.device.store.transaction() as connection:
        connection.execute(sql, values)


def test_what_nobody_touched_holds(laptop: Place) -> None:
    assert (broken_at(laptop), laptop.routes.evidence.count()) == (None, 6)
    assert len(laptop.world.device.store.decisions()) == 5


@pytest.mark.parametrize(
    ("sql", "at"),
    [
        ("UPDATE evidence SET body = replace(body, 'internal', 'public') WHERE number = 2", 2),
        ("UPDATE evidence SET at = '2020-01-01T00:00:00+00:00' WHERE number = 3", 3),
        ("UPDATE evidence SET kind = 'attempt' WHERE number = 1", 1),
        ("UPDATE evidence SET told = replace(told, 'internal', 'public') WHERE number = 2", 2),
        ("UPDATE evidence SET told = '' WHERE number = 2", 2),
        ("DELETE FROM evidence WHERE number = 4", 4),
        ("DELETE FROM evidence WHERE number = 1", 1),
        ("DELETE FROM evidence WHERE number >= 5", 5),
        ("DELETE FROM evidence", 1),
        ("UPDATE meta SET value = replace(value, 'a', 'b') WHERE key = 'evidence_head'", 0),
        ("DELETE FROM meta WHERE key = 'evidence_head'", 6),
    ],
)
def test_the_first_place_that_does_not_hold_is_named(laptop: Place, sql: str, at: int) -> None:
    run(laptop, sql)
    assert broken_at(laptop) == at


def test_an_entry_that_was_written_anew_with_its_hash_breaks_the_next(laptop: Place) -> None:
    second = laptop.world.device.store.evidence()[1]
    body = second.body.replace("internal", "public")
    renewed = entry_hash(replace(second, body=body), laptop.routes.evidence.blind)
    run(laptop, "UPDATE evidence SET body = ?, hash = ? WHERE number = 2", body, renewed)
    assert broken_at(laptop) == 3


def test_who_writes_everything_anew_without_the_key_is_found(laptop: Place) -> None:
    store = laptop.world.device.store
    entries, prev = store.evidence(), "0" * 64
    for each in entries:
        body = each.body.replace("internal", "public")
        renewed = entry_hash(replace(each, prev=prev, body=body), laptop.routes.evidence.blind)
        run(
            laptop,
            "UPDATE evidence SET body = ?, hash = ?, prev = ? WHERE number = ?",
            body,
            renewed,
            prev,
            each.number,
        )
        prev = renewed
    assert broken_at(laptop) == 6
    other = Evidence(store, type(KEYS)(KEYS.database, KEYS.technician, SigningKey(b"\x03" * 32)), StillClock())
    assert other.broken() is not None


def test_a_decision_and_its_entry_are_kept_together_or_not_at_all(laptop: Place) -> None:
    store = laptop.world.device.store

    def decided_in_vain() -> None:
        with store.transaction():
            laptop.routes.decide(Question("answer", "Why?", DataClass.INTERNAL), laptop.model)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decided_in_vain()
    assert (broken_at(laptop), laptop.routes.evidence.count()) == (None, 6)


def test_what_is_old_goes_and_what_is_left_still_holds(laptop: Place) -> None:
    laptop.clock.move(timedelta(days=EVIDENCE_DAYS + 1))
    laptop.routes.decide(Question("answer", "Which filter?", DataClass.INTERNAL), laptop.model)
    laptop.routes.evidence.forget_old(EVIDENCE_DAYS)
    assert [each.number for each in laptop.world.device.store.evidence()] == [7]
    assert broken_at(laptop) is None
    laptop.routes.decide(Question("answer", "Which seal?", DataClass.INTERNAL), laptop.model)
    assert broken_at(laptop) is None
    run(laptop, "DELETE FROM evidence WHERE number = 7")
    assert broken_at(laptop) == 7


def test_how_long_evidence_is_kept_is_a_setting() -> None:
    assert read_settings({"TAILBOARD_EVIDENCE_DAYS": "30"}, home="x").evidence_days == 30
    assert read_settings({"TAILBOARD_EVIDENCE_DAYS": "-1"}, home="x").evidence_days == EVIDENCE_DAYS
    assert read_settings({"TAILBOARD_EVIDENCE_DAYS": "0"}, home="x").evidence_days == EVIDENCE_DAYS


def test_what_may_be_told_holds_nobodys_words_names_or_jobs(laptop: Place) -> None:
    asked = Question("answer", "Ms Harrington, 12 Mill Lane", DataClass.PERSONAL, conversation="WO-1042", task="T-1")
    laptop.routes.decide(asked, laptop.model)
    told = json.dumps([each.model_dump() for each in laptop.routes.evidence.traces(0, 100)])
    for word in ("Harrington", "Mill", "WO-1042", "T-1", "okafor", "TB-07", "riverside", TASK, "small-q4"):
        assert word not in told, word
    assert r"\"data_class\":\"personal\"" in told
    assert told.count('"kind": "decision"') == 6


def test_what_has_no_place_in_a_trace_cannot_be_recorded(laptop: Place) -> None:
    with pytest.raises(ValueError, match="is no problem that has a name"):
        laptop.routes.evidence.note("attempt", **TRIED | {"problem": "Ms Harrington called"})
    assert laptop.routes.evidence.count() == 6
    said = noted("attempt", TRIED | {"note": "Ms Harrington called"}, laptop.routes.evidence.blind)
    assert "Harrington" not in said.told


def test_digests_are_equal_for_equal_ids_and_only_under_one_laptops_key(laptop: Place) -> None:
    other = Evidence(laptop.world.device.store, type(KEYS)(b"o" * 32, KEYS.technician, KEYS.device), StillClock())
    here = laptop.routes.evidence.blind
    assert here("WO-1042") == here("WO-1042") != other.blind("WO-1042")
    assert here.sealed(1, "the same") != here.sealed(2, "the same")


def test_no_word_of_a_question_is_in_the_database_because_of_a_decision(laptop: Place) -> None:
    laptop.routes.decide(Question("answer", "xyzzyplugh is broken", DataClass.INTERNAL), laptop.model)
    assert not any("xyzzyplugh" in each.body for each in laptop.world.device.store.evidence())


def test_decisions_from_before_the_chain_stay_and_are_vouched_for(tmp_path: Path) -> None:
    store = DeviceStore.open(tmp_path / "device.db", KEYS.database)
    with store.transaction() as connection:  # as schema 6 left it
        for table in ("evidence", "conversation", "consent", "consent_revocation"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("INSERT INTO decision (body) VALUES ('{\"old\": 1}'), ('{\"old\": 2}')")
        connection.execute("UPDATE meta SET value = '6' WHERE key = 'schema'")
    store.close()
    store = DeviceStore.open(tmp_path / "device.db", KEYS.database)
    evidence = Evidence(store, KEYS, StillClock())
    assert store.old_decisions() == ['{"old": 1}', '{"old": 2}']
    (first,) = store.evidence()
    assert isinstance(first, Entry)
    assert (first.kind, json.loads(first.body)["count"], evidence.broken()) == ("before", 2, None)
    evidence.note("attempt", **TRIED)
    assert evidence.broken() is None
    with store.transaction() as connection:
        connection.execute("UPDATE decision SET body = '{}' WHERE position = 1")
    found = evidence.broken()
    assert found is not None
    assert (found.number, "before the chain" in found.why) == (1, True)
    store.close()
