"""What a question may do at a boundary, event by event, as its judge sees it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.routing import DataClass
from simulators.checkers.base import Evidence
from simulators.checkers.nothing_crosses_unpermitted import CHECKER
from simulators.crossings import Arrived, Asked, Event, Left, Stated, Told, TookBack, letters, mark_of, marked
from simulators.evidence import ServerFile

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LIVE = Stated("TB-01", AT + timedelta(hours=1))
SAFE = Asked("TB-01", "a", "work_order/WO-1", DataClass.INTERNAL, "answer", None, AT)
NOTHING = ServerFile({}, {}, (), 0, 0, "")


def left(mark: str, said: str = "internal", **more: object) -> Left:
    told = {"prompt": marked("which seal?", mark), "data_class": said, "boundaries": ["private_cluster"], **more}
    return Left("TB-01", json.dumps(told).encode(), AT)


def words(*events: Event, set_back: Iterable[str] = ()) -> list[str]:
    evidence = Evidence({}, NOTHING, NOTHING, {}, crossings=events, set_back=frozenset(set_back))
    return [each.words for each in CHECKER.findings(evidence)]


def personal(mark: str, consent: str | None) -> Asked:
    return replace(SAFE, mark=mark, true_class=DataClass.PERSONAL, consent=consent)


def test_what_is_internal_may_leave_and_arrive() -> None:
    sent = left("a")
    assert words(LIVE, SAFE, sent, Arrived("private_cluster", sent.body)) == []


def test_what_is_personal_needs_a_consent() -> None:
    sent = left("b", "personal")
    assert words(LIVE, personal("b", None), sent) == ["left TB-01, and it is personal, and nobody had agreed to that"]
    assert words(LIVE, personal("b", "once"), sent) == []
    assert words(LIVE, personal("b", "job"), sent) == []


def test_a_consent_for_a_job_holds_for_what_follows_until_it_is_taken_back() -> None:
    before = (LIVE, personal("b", "job"), Told("TB-01", "b"))
    follows, sent = personal("c", None), left("c", "personal")
    over = TookBack("TB-01", "work_order/WO-1")
    assert words(*before, follows, sent) == []
    assert words(*before, over, follows, sent)
    assert words(*before, over, follows, sent, set_back=["TB-01"]) == []


def test_a_consent_once_is_for_that_question_alone() -> None:
    assert words(LIVE, personal("b", "once"), personal("c", None), left("c", "personal"))


def test_a_consent_does_not_reach_above_its_class() -> None:
    secret = replace(SAFE, mark="c", true_class=DataClass.RESTRICTED)
    assert words(LIVE, personal("b", "job"), secret, left("c", "restricted"))


def test_a_job_stays_as_sensitive_as_it_was() -> None:
    before = (LIVE, personal("b", None), Told("TB-01", "b"), SAFE)
    assert len(words(*before, left("a"))) == 2
    assert words(*before, left("a"), set_back=["TB-01"]) == []
    elsewhere = replace(SAFE, mark="d", job="work_order/WO-2")
    assert words(*before, elsewhere, left("d")) == []


def test_a_class_is_said_as_it_is() -> None:
    assert words(LIVE, personal("b", "once"), left("b")) == ["left TB-01, and it said internal, and was personal"]


def test_a_statement_holds_until_its_end() -> None:
    ended = "left TB-01, and what was known of the place had ended"
    assert words(SAFE, left("a")) == [ended]
    assert words(Stated("TB-01", AT), SAFE, left("a")) == [ended]
    late = replace(left("a"), at=AT + timedelta(hours=2))
    assert words(LIVE, SAFE, late) == [], "it was decided when it was asked"


def test_nothing_goes_to_the_cloud_or_past_the_laptop() -> None:
    sent = left("a")
    assert words(LIVE, SAFE, left("a", boundaries=["managed_cloud"]))
    assert words(LIVE, SAFE, sent, Arrived("managed_cloud", sent.body))
    assert words(LIVE, SAFE, Arrived("private_cluster", sent.body))
    assert words(LIVE, sent) == ["sent a question that nobody asked there"]


def test_a_mark_is_made_of_letters() -> None:
    assert mark_of(left(letters(120)).body) == letters(120) == "bca"
    assert mark_of(b"no mark") is None
