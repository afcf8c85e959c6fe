"""Ready for the road: each thing that can be missing is a row that says so, with a next step."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from device.core.readiness import Check, Facts, ManualFact, ModelFact, Verdict, headline, is_for_today, ready, worst

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
OK = Facts(
    now=NOW,
    data_as_of=NOW - timedelta(minutes=5),
    jobs=("WO-1042",),
    absent=(),
    files=(),
    manuals=(ManualFact("nx", here=True, read=True),),
    unnamed=(),
    model=ModelFact("small", here=True, proven=True),
    policy="shipped-1",
    policy_ends=NOW + timedelta(days=30),
    policy_trouble="",
    approved_until=NOW + timedelta(days=30),
    disk_free_mib=50_000,
    saved=0,
    unsure=0,
    review=0,
    needs_you=0,
    shut_out="",
    clock_off_s=1.0,
)


def row(name: str, **changed: Any) -> Check:
    return next(each for each in ready(replace(OK, **changed)) if each.name == name)


def test_ready_for_the_road_when_nothing_is_missing() -> None:
    checks = ready(OK)
    assert {each.verdict for each in checks} == {Verdict.OK}
    assert (worst(checks), headline(checks)) == (Verdict.OK, "Ready for the road.")
    assert len(checks) == 10


WRONG: list[tuple[str, dict[str, Any], Verdict, str]] = [
    ("records", {"data_as_of": None}, Verdict.FAIL, "No records"),
    ("records", {"data_as_of": NOW - timedelta(hours=30)}, Verdict.FAIL, "1 d ago"),
    ("records", {"data_as_of": NOW - timedelta(hours=5)}, Verdict.WARN, "5 h ago"),
    ("records", {"absent": ("P-7 of WO-1042",)}, Verdict.FAIL, "P-7 of WO-1042"),
    ("manuals", {"manuals": (ManualFact("nx", here=False, read=False),)}, Verdict.FAIL, "Not here yet: nx"),
    ("manuals", {"manuals": (ManualFact("nx", here=True, read=False),)}, Verdict.FAIL, "Not read yet: nx"),
    ("manuals", {"manuals": (ManualFact("nx", here=True, read=True, problem="x"),)}, Verdict.WARN, "Cannot be read"),
    ("manuals", {"manuals": (ManualFact("nx", here=True, read=True, late=True),)}, Verdict.WARN, "out of date: nx"),
    ("manuals", {"manuals": ()}, Verdict.WARN, "no manuals"),
    ("manuals", {"unnamed": ("NX65 (P-7)",)}, Verdict.WARN, "none names NX65 (P-7)"),
    ("files", {"files": ("plan.pdf of WO-1042",)}, Verdict.WARN, "plan.pdf"),
    ("model", {"model": ModelFact("small", here=False, proven=False)}, Verdict.FAIL, "small is not here"),
    ("model", {"model": ModelFact("small", here=True, proven=False)}, Verdict.WARN, "not answered"),
    ("model", {"model": ModelFact("", here=False, proven=False, refused=True)}, Verdict.WARN, "as was chosen"),
    ("model", {"model": ModelFact("small", here=True, proven=True, coming=("m2",))}, Verdict.WARN, "On its way: m2"),
    ("policy", {"policy_ends": NOW}, Verdict.FAIL, "has ended"),
    ("policy", {"policy_ends": NOW + timedelta(hours=3)}, Verdict.WARN, "during the shift"),
    ("policy", {"policy_trouble": "It cannot be read."}, Verdict.WARN, "cannot be read"),
    ("approval", {"approved_until": None}, Verdict.WARN, "Not approved"),
    ("approval", {"approved_until": NOW + timedelta(hours=3)}, Verdict.WARN, "Holds until"),
    ("disk", {"disk_free_mib": 100}, Verdict.FAIL, "100 MiB"),
    ("disk", {"disk_free_mib": 1000}, Verdict.WARN, "1,000 MiB"),
    ("outbox", {"saved": 2, "unsure": 1}, Verdict.WARN, "3 only here"),
    ("outbox", {"needs_you": 1}, Verdict.WARN, "1 came back"),
    ("outbox", {"shut_out": "This laptop was revoked."}, Verdict.FAIL, "revoked"),
    ("clock", {"clock_off_s": 700.0}, Verdict.WARN, "12 min behind"),
    ("clock", {"data_as_of": NOW + timedelta(hours=1)}, Verdict.FAIL, "set back"),
]


@pytest.mark.parametrize(("name", "changed", "verdict", "words"), WRONG)
def test_ready_for_the_road_names_what_is_missing_and_the_next_step(
    name: str, changed: dict[str, Any], verdict: Verdict, words: str
) -> None:
    found = row(name, **changed)
    assert found.verdict is verdict
    assert words in found.said
    assert found.next_step
    others = {each.verdict for each in ready(replace(OK, **changed)) if each.name != name}
    assert others == {Verdict.OK}


def test_what_waits_at_the_office_does_not_keep_anybody_here() -> None:
    found = row("outbox", review=2)
    assert (found.verdict, found.next_step) == (Verdict.OK, "")
    assert "2 in review" in found.said


def test_the_worst_row_is_the_whole() -> None:
    assert worst(ready(replace(OK, disk_free_mib=1000))) is Verdict.WARN
    fails = ready(replace(OK, disk_free_mib=1, data_as_of=None))
    assert headline(fails) == "NOT READY: records, disk."


@pytest.mark.parametrize(
    ("due", "status", "counts"),
    [
        (date(2026, 11, 21), "open", True),
        (date(2026, 11, 20), "open", True),
        (date(2026, 11, 22), "open", True),
        (date(2026, 11, 23), "open", False),
        (date(2026, 11, 23), "in_progress", True),
        (None, "open", True),
    ],
)
def test_which_jobs_are_todays(due: date | None, status: str, counts: bool) -> None:
    assert is_for_today(due, status, NOW.date()) is counts
