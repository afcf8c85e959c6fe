from device.model.endurance import BACK_OFF_S, CRASHES_MAX, WINDOW_S, Crashes


def crashed(*at_s: float) -> Crashes:
    found = Crashes()
    for each in at_s:
        found = found.after(each)
    return found


def test_after_the_first_crash_it_is_started_at_once_and_then_ever_later() -> None:
    assert Crashes().wait_s(5.0) == 0.0
    waits = [crashed(*[float(each) for each in range(count)]).wait_s(count - 1) for count in range(1, 8)]
    assert waits == [*BACK_OFF_S, BACK_OFF_S[-1], BACK_OFF_S[-1]]
    assert waits[0] == 0.0 < waits[1]


def test_the_wait_passes() -> None:
    assert crashed(0.0, 10.0).wait_s(11.0) == BACK_OFF_S[1] - 1.0
    assert crashed(0.0, 10.0).wait_s(10.0 + BACK_OFF_S[1]) == 0.0


def test_too_many_are_those_in_a_short_time() -> None:
    close = crashed(*[float(each) for each in range(CRASHES_MAX)])
    assert close.too_many(CRASHES_MAX)
    assert not crashed(*[float(each) for each in range(CRASHES_MAX - 1)]).too_many(CRASHES_MAX)
    assert not close.too_many(WINDOW_S + CRASHES_MAX)
    assert close.wait_s(WINDOW_S + CRASHES_MAX) == 0.0


def test_a_clock_that_began_anew_stops_nothing_for_ever() -> None:
    assert crashed(5000.0, 5001.0, 5002.0).wait_s(3.0) == 0.0
