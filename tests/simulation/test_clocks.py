"""The clocks of a host: the wall clock may lie, the monotonic one never runs back."""

from datetime import timedelta

from simulators.clocks import HostClock
from tests.simulation.stage import START


class World:
    """True time."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_good_clock_tells_the_truth() -> None:
    world = World()
    clock = HostClock(world, START)
    world.now_s = 3600.0
    assert clock.now() == START + timedelta(hours=1)
    assert clock.monotonic_s() == 3600.0
    assert clock.error() == timedelta(0)


def test_a_jump_moves_what_people_read_and_nothing_else() -> None:
    world = World()
    clock = HostClock(world, START)
    clock.jump(timedelta(hours=-5))
    world.now_s = 60.0
    assert clock.now() == START - timedelta(hours=5) + timedelta(minutes=1)
    assert clock.monotonic_s() == 60.0
    assert clock.error() == timedelta(hours=-5)


def test_drift_begins_where_it_is_set() -> None:
    world = World()
    clock = HostClock(world, START)
    world.now_s = 1000.0
    clock.drift(100.0)
    world.now_s = 1_001_000.0
    assert clock.error() == timedelta(seconds=100)
    assert clock.monotonic_s() == 1_001_100.0


def test_whether_sleep_counts_depends_on_the_platform() -> None:
    world = World()
    clock, simple = HostClock(world, START), HostClock(world, START, counts_sleep=False)
    world.now_s = 500.0
    clock.slept(400.0)
    simple.slept(400.0)
    assert (clock.monotonic_s(), simple.monotonic_s()) == (500.0, 100.0)
    assert clock.error() == simple.error() == timedelta(0)


def test_a_reboot_starts_the_monotonic_clock_anew_under_another_name() -> None:
    world = World()
    clock = HostClock(world, START)
    world.now_s = 500.0
    before = clock.boot_id()
    clock.reboot()
    world.now_s = 510.0
    assert clock.monotonic_s() == 10.0
    assert clock.boot_id() != before
    assert clock.now() == START + timedelta(seconds=510)


def test_put_right_it_tells_the_truth_again() -> None:
    world = World()
    clock = HostClock(world, START)
    clock.jump(timedelta(hours=3))
    clock.drift(200.0)
    world.now_s = 50_000.0
    before = clock.monotonic_s()
    clock.put_right()
    assert abs(clock.error()) < timedelta(milliseconds=1)
    assert clock.monotonic_s() == before
