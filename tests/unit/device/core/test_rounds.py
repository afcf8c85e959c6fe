"""What one round carries: a beginning of the chain, cut behind what is about safety."""

from hypothesis import given
from hypothesis import strategies as st

from device.core.rounds import ALONG_MAX, one_body, one_round, up_to_safety
from device.store.items import Outgoing
from shared.envelope import COMMAND_TYPE, Envelope
from shared.sync import BODY_BYTES_MAX


def items(safety: list[bool], *, size: int = 0) -> list[Outgoing]:
    envelope = Envelope(COMMAND_TYPE, b"x" * size, ())
    return [
        Outgoing(f"id-{seq}", 1, seq, "", envelope, f"{seq:064x}", None, None, pressing)
        for seq, pressing in enumerate(safety, start=1)
    ]


def test_safety_first_the_round_ends_with_it() -> None:
    backlog = items([n == 3 for n in range(100)])
    assert up_to_safety(backlog) == backlog[:4]


def test_a_few_that_follow_go_along() -> None:
    backlog = items([n == 3 for n in range(4 + ALONG_MAX)])
    assert up_to_safety(backlog) == backlog


def test_without_any_about_safety_nothing_is_cut() -> None:
    backlog = items([False] * 100)
    assert up_to_safety(backlog) == backlog
    assert up_to_safety([]) == []


def test_what_does_not_fit_into_one_body_waits_for_the_next() -> None:
    backlog = items([False, False, True], size=BODY_BYTES_MAX // 3)
    assert len(one_body(backlog)) == 2
    assert one_round(backlog) == backlog[:2]


@given(st.lists(st.booleans(), max_size=80))
def test_the_order_of_the_chain_stays_and_no_safety_of_the_round_is_left_behind(safety: list[bool]) -> None:
    backlog = items(safety)
    carried = one_round(backlog)
    assert carried == backlog[: len(carried)]
    assert bool(carried) is bool(backlog)
    assert not any(each.safety for each in backlog[len(carried) :])
    last = max((n for n, each in enumerate(carried) if each.safety), default=None)
    assert last is None or len(carried) - last - 1 <= ALONG_MAX
