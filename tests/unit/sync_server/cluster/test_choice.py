"""Which of several equal upstreams."""

import hypothesis.strategies as st
from hypothesis import given

from sync_server.cluster.choice import SLACK, Candidate, order

LOADS = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0, 4), st.booleans()), min_size=1)


def of(loads: dict[str, tuple[float, bool]]) -> list[Candidate]:
    return [Candidate(name, load, free) for name, (load, free) in loads.items()]


@given(LOADS, st.binary(max_size=40))
def test_nobody_is_left_out_and_the_first_is_never_far_behind(
    loads: dict[str, tuple[float, bool]], prefix: bytes
) -> None:
    names = order(of(loads), prefix)
    assert sorted(names) == sorted(loads)
    first_load, first_free = loads[names[0]]
    assert first_free or not any(free for _, free in loads.values()), "never to a queue while another is free"
    least = min(load for load, free in loads.values() if free == first_free)
    assert first_load <= least + SLACK


@given(LOADS, st.binary(max_size=40))
def test_the_order_in_which_they_are_named_does_not_matter(
    loads: dict[str, tuple[float, bool]], prefix: bytes
) -> None:
    assert order(of(loads), prefix) == order(of(dict(reversed(loads.items()))), prefix)


def test_the_same_beginning_goes_to_the_same_one_and_a_new_one_takes_only_its_share() -> None:
    idle = [Candidate(name, 0.0, free=True) for name in "abcd"]
    prefixes = [str(n).encode() for n in range(400)]
    before = {prefix: order(idle, prefix)[0] for prefix in prefixes}
    assert {*before.values()} == {*"abcd"}
    after = {prefix: order([*idle, Candidate("e", 0.0, free=True)], prefix)[0] for prefix in prefixes}
    moved = [prefix for prefix in prefixes if after[prefix] != before[prefix]]
    assert {after[prefix] for prefix in moved} == {"e"}
    assert len(moved) < 160
