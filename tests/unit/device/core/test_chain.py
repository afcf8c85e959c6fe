from datetime import timedelta
from typing import Any

import pytest

from device.core.bounds import MIB, Kept, refusal
from device.core.chain import Ours, why_ended
from device.core.clocks import is_doubtful
from device.store import Issue
from shared.statements import Head
from tests.builders import NOW

A, B = "a" * 64, "b" * 64


def head(**said: Any) -> Head:
    known = {
        "tenant": "t",
        "device": "TB-01",
        "incarnation": 1,
        "audit_position": 1,
        "audit_hash": A,
        "change_seq": 1,
    }
    return Head(**{**known, "epoch": 1, "received": 3, "received_hash": A, "settled": 0, "at": NOW, **said})


@pytest.mark.parametrize(
    ("ours", "reason"),
    [
        (Ours(1, 3, A), None),
        (Ours(1, 9, A), None),
        (Ours(1, 9, None), None),
        (Ours(1, 2), "restored"),
        (Ours(1, 3, B), "restored"),
        (Ours(2, 3, A), "restored"),
        (Ours(1, 9, A, missing=(5,)), "bytes_lost"),
        (Ours(1, 9, A, unreadable=(4,)), "unreadable"),
    ],
)
def test_when_a_chain_cannot_go_on(ours: Ours, reason: str | None) -> None:
    ended = why_ended(head(), ours)
    assert (ended and ended.reason) == reason
    assert ended is None or ended.missing == (*ours.missing, *ours.unreadable)


def test_a_chain_that_nobody_has_seen_yet_goes_on() -> None:
    assert why_ended(head(received=0, received_hash=None), Ours(1, 2)) is None


@pytest.mark.parametrize(
    ("later", "doubtful"),
    [
        (Issue("b", 100.0, NOW + timedelta(seconds=90)), False),
        (Issue("b", 100.0, NOW + timedelta(seconds=211)), True),
        (Issue("b", 400.0, NOW + timedelta(seconds=90)), True),
        (Issue("c", 100.0, NOW + timedelta(seconds=90)), True),
        (Issue("b", 5.0, NOW), True),
    ],
)
def test_whose_times_are_in_doubt(later: Issue, doubtful: bool) -> None:
    assert is_doubtful(Issue("b", 10.0, NOW), later) is doubtful
    assert is_doubtful(None, later)


def test_the_last_stretch_of_the_outbox_is_for_safety() -> None:
    for priority, count in (("low", 6_000), ("normal", 9_000), ("safety", 10_000)):
        assert refusal(priority, Kept(count - 1, 0), 1) is None
        assert "Nothing that is saved is lost" in str(refusal(priority, Kept(count, 0), 1))
    assert refusal("normal", Kept(1, 72 * MIB), 1)
    assert refusal("safety", Kept(1, 72 * MIB), 1) is None
