from hypothesis import given
from hypothesis import strategies as st

from reconciliation.dependants import dependants, ring

WAITING = {"d": ["b", "c"], "b": ["a"], "c": ["b"], "x": ["y"], "e": ["d"]}

ids = st.sampled_from("abcdefgh")
graphs = st.dictionaries(ids, st.sets(ids, max_size=4), max_size=8)


def test_everything_that_waits_is_listed_after_what_it_waits_for() -> None:
    assert dependants("a", WAITING) == ("b", "c", "d", "e")
    assert dependants("c", WAITING) == ("d", "e")
    assert dependants("e", WAITING) == ()


def test_a_conflict_holds_what_its_command_holds_and_an_approval_its_command_too() -> None:
    assert dependants("conflict/a", WAITING) == dependants("a", WAITING)
    assert dependants("approval/b", {"b": [], "c": ["b"]}) == ("b", "c")
    assert dependants("approval/a", WAITING) == dependants("a", WAITING)


def test_a_circle_is_listed_and_does_not_hang() -> None:
    circle = {"b": ["a", "c"], "c": ["b"], "d": ["c"]}
    assert dependants("a", circle) == ("b", "c", "d")
    assert set(dependants("b", circle)) == {"c", "d"}
    assert dependants("s", {"s": ["s"]}) == ()


def test_the_shortest_ring_is_named_in_order() -> None:
    assert ring("a", {"a": ["b", "c"], "b": ["c"], "c": ["a", "d"], "d": ["d"]}) == ("a", "c")
    assert ring("s", {"s": ["s"]}) == ("s",)
    assert ring("a", {"a": ["b"], "b": ["c"], "c": ["b"]}) == (), "it hangs on a ring and is not part of it"
    assert ring("a", {}) == ()


@given(waiting=graphs, root=ids)
def test_a_ring_is_found_where_a_command_waits_on_itself_and_nowhere_else(
    waiting: dict[str, set[str]], root: str
) -> None:
    found = ring(root, waiting)
    behind = {need for each in (root, *_needed(root, waiting)) for need in waiting.get(each, ())}
    assert bool(found) is (root in behind)
    for at, need in zip(found, (*found[1:], *found[:1]), strict=True):
        assert need in waiting[at]


def _needed(root: str, waiting: dict[str, set[str]]) -> set[str]:
    needed = set(waiting.get(root, ()))
    while more := {need for each in needed for need in waiting.get(each, ())} - needed:
        needed |= more
    return needed


@given(waiting=graphs, root=ids)
def test_exactly_what_can_be_reached_is_listed_once(waiting: dict[str, set[str]], root: str) -> None:
    """Against a slower way to say the same: grow the set until nothing more waits on it."""
    reached = {root}
    while more := {each for each, needs in waiting.items() if needs & reached} - reached:
        reached |= more
    found = dependants(root, waiting)
    assert len(found) == len(set(found))
    assert set(found) == reached - {root}


@given(data=st.data(), size=st.integers(1, 8))
def test_without_a_circle_everything_comes_after_what_it_waits_for(data: st.DataObject, size: int) -> None:
    waiting = {n: data.draw(st.sets(st.integers(0, n - 1))) if n else set() for n in range(size)}
    shuffled = data.draw(st.permutations(list(waiting)))
    named = {str(n): [str(need) for need in waiting[n]] for n in shuffled}
    order = dependants("0", named)
    assert all(order.index(need) < order.index(each) for each in order for need in named[each] if need in order)
