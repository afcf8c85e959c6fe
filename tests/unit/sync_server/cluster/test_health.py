"""When an upstream is out, and how it comes back."""

import hypothesis.strategies as st
from hypothesis import given

from sync_server.cluster.health import Health, Patience

PATIENCE = Patience(failures_in_a_row=3, sample_min=10, window_s=30, eject_s=5, eject_max_s=40)


def ill(health: Health, now_s: float, times: int = 1) -> Health:
    for _ in range(times):
        health.begin(now_s)
        health.report(now_s, well=False)
    return health


def test_failures_in_a_row_eject_and_one_success_between_does_not() -> None:
    health = ill(Health(PATIENCE), 0, times=2)
    health.report(0, well=True)
    assert ill(health, 0, times=2).usable(0)
    assert not ill(health, 0).usable(0)


def test_half_of_a_windows_tries_eject() -> None:
    health = Health(PATIENCE)
    for n in range(5):
        health.report(n, well=True)
        health.report(n, well=False)
    assert not health.usable(5)
    late = Health(PATIENCE)
    for n in range(5):
        late.report(n * 100, well=True)
        late.report(n * 100, well=False)
    assert late.usable(500), "what is older than the window is forgotten"


def test_one_try_at_a_time_brings_it_back_or_doubles_its_time() -> None:
    health = ill(Health(PATIENCE), 0, times=3)
    assert not health.usable(4.9)
    assert health.usable(5)
    health.begin(5)
    assert not health.usable(5), "one try at a time"
    health.report(5, well=False)
    assert not health.usable(14.9)
    assert health.usable(15)
    health.begin(15)
    health.report(15, well=True)
    assert health.usable(15)
    assert not health.ejected
    assert ill(health, 16, times=3).usable(21), "after a success it begins at the shortest time again"


def test_one_that_was_started_anew_may_be_tried_at_once() -> None:
    health = Health(PATIENCE)
    for _ in range(4):
        ill(health, 0, times=3)
    health.renew(1)
    assert (health.ejected, health.usable(1)) == (True, True)
    health.begin(1)
    assert not health.usable(1), "one try at a time"
    health.report(1, well=False)
    assert health.usable(6), "its predecessor's ejections do not count"


def test_who_went_away_during_the_try_leaves_it_to_the_next() -> None:
    health = ill(Health(PATIENCE), 0, times=3)
    health.begin(5)
    health.give_up()
    assert health.usable(5)


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=80))
def test_an_ejection_ends(tries: list[tuple[float, bool]]) -> None:
    health, now_s = Health(PATIENCE), 0.0
    for later_s, well in tries:
        now_s += later_s
        if health.usable(now_s):
            health.begin(now_s)
            health.report(now_s, well=well)
    assert health.usable(now_s + PATIENCE.eject_max_s)
