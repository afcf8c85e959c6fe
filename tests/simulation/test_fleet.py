"""The fleet model: deterministic, shaped by the product's own pacing, and able to see a storm."""

import json
from dataclasses import replace

import pytest

from device.core.session import BACKOFF_MAX, POLL_EVERY
from simulators.cli import main
from simulators.fleet.model import COVERAGE, SERVER, WARM_S, Fleet, lumpiness, pressure, quantiles, run
from simulators.fleet.sizing import (
    STORM_LUMPS,
    STORM_PRESSURE,
    Speed,
    fewest,
    figures,
    needed,
    of_servers,
    sizes,
    tried,
)

Capture = pytest.CaptureFixture[str]
#: A server that a quiet herd uses for two thirds of its time.
SMALL = Fleet(devices=1000, outage_s=200.0, rounds_s=50.0, commands_s=100.0)
HERD = replace(SMALL, outage=COVERAGE)


def test_the_same_seed_is_the_same_fleet() -> None:
    assert run(HERD, 3) == run(HERD, 3)
    assert run(HERD, 3) != run(HERD, 4)


def test_nothing_is_lost_and_nothing_is_counted_twice() -> None:
    for fleet in (SMALL, HERD):
        course = run(fleet, 1)
        assert course.drained_s is not None
        assert course.backlog == 0
        unsettled = course.said - len(course.waited_s)
        assert 0 <= unsettled < 60, "only what was said in the last moments"
        assert all(age >= 0 for age in course.waited_s)


def test_a_quiet_fleet_polls_as_often_as_the_product_does() -> None:
    course = run(replace(SMALL, commands_h=0.0), 1)
    a_poll = int(POLL_EVERY.total_seconds())
    assert sum(course.arrivals[:a_poll]) == pytest.approx(SMALL.devices, rel=0.05)


def test_while_the_server_is_away_tries_get_rarer_and_all_return_within_the_longest_wait() -> None:
    course = run(replace(SMALL, outage_s=900.0), 1)
    begin = int(WARM_S)
    assert sum(course.arrivals[begin : begin + 100]) > 4 * sum(course.arrivals[begin + 700 : begin + 800])
    assert course.drained_s is not None
    assert course.drained_s <= BACKOFF_MAX.total_seconds() + 60
    assert max(course.tries_out) < 20, "a retry budget of twenty in a quarter of an hour"


def test_while_coverage_is_away_nobody_tries() -> None:
    course = run(HERD, 1)
    begin = int(WARM_S)
    assert not any(course.arrivals[begin + 1 : begin + int(HERD.outage_s)])
    assert course.tries_out == [0] * HERD.devices
    assert course.oldest_s
    assert max(course.oldest_s) <= WARM_S + HERD.outage_s


def test_the_herd_of_the_product_spreads() -> None:
    for fleet in (SMALL, HERD):
        for seed in (1, 2):
            course = run(fleet, seed)
            assert lumpiness(fleet, course) < STORM_LUMPS
            assert not figures(fleet, course)["storm"]


def test_a_back_off_without_dice_is_a_storm() -> None:
    sound, bad = run(HERD, 1), run(HERD, 1, spread=lambda _: 0.0)
    assert lumpiness(HERD, bad) > STORM_LUMPS > lumpiness(HERD, sound)
    assert pressure(HERD, bad) > STORM_PRESSURE
    assert figures(HERD, bad)["storm"]
    assert bad.refused > 1.1 * sound.refused
    assert (bad.drained_s or 0) > (sound.drained_s or 0)


def test_a_server_that_is_too_slow_never_drains_and_says_so() -> None:
    slow = replace(SMALL, rounds_s=10.0, limit_s=300.0)
    found = figures(slow, run(slow, 1))
    assert found["drained_s"] is None
    assert found["refused"] > 0
    assert found["load_after"] > 0.9


def test_a_queue_longer_than_patience_does_work_that_nobody_waits_for() -> None:
    course = run(replace(SMALL, rounds_s=10.0, queue_s=60.0, limit_s=120.0), 1)
    assert course.timed_out > 0


# -- sizing

SPEED = Speed(10.0, 20.0)


def test_the_fewest_servers_carry_the_polls_of_a_quiet_fleet() -> None:
    assert fewest(1000, SPEED) == 5
    assert sizes(SMALL, SPEED) == [5, 7, 8, 10, 15, 20, 30, 40]
    assert of_servers(SMALL, SPEED, 5) == SMALL


def test_more_servers_drain_sooner_and_processes_change_nothing() -> None:
    alone = list(tried(HERD, SPEED, 1, 1))
    assert alone == list(tried(HERD, SPEED, 1, 2))
    slowest, fastest = alone[0][1]["drained_s"], alone[-1][1]["drained_s"]
    assert fastest < slowest / 3
    assert needed(alone, slowest) == 5
    assert needed(alone, fastest / 2) is None


def test_one_lucky_size_is_not_enough() -> None:
    tries = [(1, {"drained_s": 5.0}), (2, {"drained_s": 50.0}), (3, {"drained_s": 6.0}), (4, {"drained_s": 4.0})]
    assert needed(tries, 10.0) == 3
    assert needed([(1, {"drained_s": None})], 10.0) is None


def test_quantiles_of_nothing_are_zero() -> None:
    assert quantiles([]) == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert quantiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p99": 3.0, "max": 3.0}


# -- the verb


def test_fleet_tells_what_it_came_to(capsys: Capture) -> None:
    words = ["fleet", "--devices", "500", "--outage", "coverage", "--outage-s", "100", "--rounds-s", "30"]
    code = main([*words, "--commands-s", "50", "--drain-within", "60", "--jobs", "2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (told["schema"], told["devices"], told["storm"]) == ("tailboard.fleet.v1", 500, False)
    assert told["server"] == {"servers": 1, "rounds_s": 30.0, "commands_s": 50.0}
    assert told["sizing"]["servers"] in {each["servers"] for each in told["sizing"]["tried"]}
    assert told["figures"]["events"]["floor"] > told["figures"]["events"]["value"] > 0
    assert main(words) == 0
    out, _ = capsys.readouterr()
    assert "no storm" in out
    assert "device-events" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--devices", "0"], "--devices takes a number from 1 to 1,000,000."),
        (["--seed", "-1"], "A seed is a number from 0 up; -1 is none."),
        (["--jobs", "0"], "--jobs needs a number of at least 1."),
        (["--servers", "0"], "--servers needs a number of at least 1."),
        (["--outage-s", "0"], "--outage-s needs a number above 0."),
        (["--rounds-s", "nan"], "--rounds-s needs a number above 0."),
        (["--drain-within", "inf"], "--drain-within needs a number above 0."),
        (["--commands-h", "-1"], "--commands-h needs a number from 0 up."),
    ],
)
def test_bad_words_are_one_sentence_and_exit_2(capsys: Capture, words: list[str], sentence: str) -> None:
    assert main(["fleet", *words]) == 2
    assert capsys.readouterr().err.strip() == sentence


def test_the_server_outage_is_the_default() -> None:
    assert Fleet().outage == SERVER
