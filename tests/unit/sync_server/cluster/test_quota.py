"""What a tenant and its people may use in a window."""

import hypothesis.strategies as st
from hypothesis import given

from sync_server.cluster.quota import Allowance, Quotas, Spent

TENANT = ("t", Allowance(requests=3, tokens=100, window_s=60))
ACTOR = ("t/a", Allowance(requests=2, tokens=100, window_s=60))
OTHER = ("t/b", Allowance(requests=2, tokens=100, window_s=60))


def test_both_must_have_room_or_neither_pays() -> None:
    quotas = Quotas()
    assert quotas.take([TENANT, ACTOR], 10, 0) is None
    assert quotas.take([TENANT, ACTOR], 10, 1) is None
    assert quotas.take([TENANT, ACTOR], 10, 2) == Spent("t/a", 58)
    assert quotas.take([TENANT, OTHER], 10, 3) is None, "the tenant did not pay for what its person was refused"
    assert quotas.take([TENANT, OTHER], 10, 4) == Spent("t", 56)
    assert quotas.take([TENANT, ACTOR], 10, 61) is None


def test_reserved_tokens_are_put_right() -> None:
    quotas = Quotas()
    assert quotas.take([TENANT], 90, 0) is None
    assert quotas.take([TENANT], 20, 0) == Spent("t", 60)
    quotas.put_right(["t"], reserved=90, taken=30)
    assert quotas.take([TENANT], 70, 0) is None
    assert quotas.take([TENANT], 1, 0) == Spent("t", 60)


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 30))))
def test_no_window_gives_more_than_it_has(asked: list[tuple[int, float]]) -> None:
    quotas, now_s = Quotas(), 0.0
    taken: list[tuple[float, int]] = []
    for tokens, later_s in asked:
        now_s += later_s
        if quotas.take([TENANT], tokens, now_s) is None:
            taken.append((now_s, tokens))
    for at, _ in taken:  # a window begins with a task; two windows may touch
        within = [tokens for when, tokens in taken if at <= when < at + 60]
        assert len(within) <= 2 * 3
        assert sum(within) <= 2 * 100
