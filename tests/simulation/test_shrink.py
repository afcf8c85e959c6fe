"""A failing world is made smaller, and stays a failing world; the file that it is written to says everything."""

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from device import bootstrap
from device.bootstrap import Device
from simulators import explore, world
from simulators.cli import main
from simulators.disks import obstacle
from simulators.faults import CALM, ROUGH, Chaos, Hit
from simulators.mutants.base import put
from simulators.script import Script, UnusableScript, from_toml, to_toml, written
from simulators.shrink import Bounds, Case, Shrunk, shrink
from simulators.streams import Streams
from simulators.world import Options, run

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
Capture = pytest.CaptureFixture[str]
PUZZLE = Case(
    {"TB-01": 8, "TB-02": 8, "TB-03": 8}, tuple(Hit("lose_reply", f"TB-0{1 + n % 3}", n) for n in range(1, 31))
)
OPTIONS = Options(devices=3, commands=8, profile=ROUGH)


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    yield
    world.forget_templates()


class Clock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic_s(self) -> float:
        self.seconds += 1.0
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def boot_id(self) -> str:
        return "boot"


# -- the algorithm, without worlds


def solve(needs: frozenset[Hit], said: int, bounds: Bounds | None = None) -> tuple[Shrunk, list[Options]]:
    """Shrink the puzzle: it fails while `needs` happen and TB-02 says at least `said`."""
    seen: list[Options] = []

    def trial(options: Options) -> tuple[Hit, ...] | None:
        seen.append(options)
        assert options.script is not None
        enough = options.fewer.get("TB-02", 0) >= said
        return tuple(sorted(options.script)) if needs <= options.script and enough else None

    world.template(2)
    return shrink(PUZZLE, OPTIONS, trial, Clock(), bounds or Bounds(1000, 1e9)), seen


def test_what_is_needed_is_found_exactly() -> None:
    needs = frozenset({PUZZLE.hits[3], PUZZLE.hits[21]})
    found, seen = solve(needs, 3)
    assert frozenset(found.case.hits) == needs
    assert found.case.said == {"TB-01": 0, "TB-02": 3}
    assert found.whole
    assert found.tries == len(seen) < 80


def test_what_breaks_in_good_weather_needs_one_try_for_all_faults() -> None:
    found, seen = solve(frozenset(), 1)
    assert found.case == Case({"TB-01": 0, "TB-02": 1}, ())
    assert seen[0].script == frozenset()


@pytest.mark.parametrize("bounds", [Bounds(5, 1e9), Bounds(1000, 4.0)], ids=["tries", "seconds"])
def test_it_stops_at_its_bound_and_says_so(bounds: Bounds) -> None:
    needs = frozenset({PUZZLE.hits[3], PUZZLE.hits[21]})
    found, seen = solve(needs, 3, bounds)
    assert not found.whole
    assert len(seen) <= 5
    assert needs <= frozenset(found.case.hits)


def test_an_interruption_keeps_what_was_found() -> None:
    tries = iter((None, (PUZZLE.hits[0],)))

    def trial(_: Options) -> tuple[Hit, ...] | None:
        try:
            return next(tries)
        except StopIteration:
            raise KeyboardInterrupt from None

    found = shrink(PUZZLE, OPTIONS, trial, Clock(), Bounds(1000, 1e9))
    assert (found.case.hits, found.whole) == ((PUZZLE.hits[0],), False)


# -- a world with a script


def test_a_world_is_what_its_schedule_says() -> None:
    options = Options(devices=2, commands=8, profile=ROUGH)
    first = run(4, options)
    again = run(4, replace(options, script=frozenset(first.schedule)))
    assert len(first.schedule) == sum(first.hits.values()) > 5
    assert (again.trace, again.schedule) == (first.trace, first.schedule)


def test_leaving_one_hit_out_leaves_the_lengths_of_the_others() -> None:
    def lengths(script: frozenset[Hit] | None) -> dict[Hit, float]:
        chaos = Chaos(replace(CALM, pause=0.2, delay=0.3), Streams(3), script=script)
        told = {}
        for _ in range(100):
            for fault in ("pause", "delay"):
                if chaos.strikes(fault, "a"):
                    told[chaos.committed[-1]] = chaos.about(fault, "a").between(0.0, 90.0)
        return told

    every = lengths(None)
    assert len({hit.fault for hit in every}) == 2
    for hit in every:
        rest = every.keys() - {hit}
        assert lengths(frozenset(rest)) == {each: every[each] for each in rest}


def test_a_hit_whose_occasion_never_comes_does_nothing() -> None:
    script = frozenset({Hit("lose_reply", "TB-01", 10**6), Hit("lose_reply", "TB-07", 1)})
    result = run(4, Options(devices=1, commands=2, profile=ROUGH, script=script))
    assert result.schedule == ()


def test_what_follows_from_a_crash_goes_with_it() -> None:
    result = next(found for seed in range(40) if (found := run(seed, OPTIONS)).hits["power_cut"])
    cut = next(hit for hit in result.schedule if hit.fault == "power_cut")
    place, crash, occasion = cut.place.split("/")
    assert Hit(crash, place, int(occasion)) in result.schedule


# -- a planted bug


def plant_forgetful_boot() -> None:
    """A laptop that is started again has forgotten what it had not sent."""
    opened = bootstrap.open_device

    def forgetful(settings: Any, *arguments: Any, **named: Any) -> Device:
        device: Device = opened(settings, *arguments, **named)
        if settings.home.name != "0":
            with device.store.transaction():
                device.store._write("DELETE FROM outbox WHERE state = 'saved'", ())
        return device

    put(bootstrap, "open_device", forgetful)


def shrink_in_a_spoilt_program(_: None) -> tuple[int, int, list[str], str]:
    """A failing world's size before, whether the smallest still fails, what it broke, and the file."""
    options = Options(devices=2, commands=6, profile=replace(CALM, crash_after_commit=0.02, delay=0.3, duplicate=0.2))
    for devices in (1, 2):
        world.template(devices)  # the machines were set up by a sound program
    plant_forgetful_boot()
    try:
        verdicts = (explore.verdict_of(seed, options) for seed in range(40))
        verdict = next(each for each in verdicts if "saved-is-saved" in {found.checker for found in each.findings})
        script, result = explore.shrunk(verdict, options, Clock(), Bounds(100, 1e9))
        again = explore.verdict_of(script.seed, script.options())
    finally:
        world.forget_templates()
    return len(verdict.schedule), result.tries, [each.checker for each in again.findings], to_toml(script, "found")


def test_a_planted_bug_is_shrunk_to_the_crash_that_shows_it(tmp_path: Path, capsys: Capture) -> None:
    with multiprocessing.get_context("spawn").Pool(1, explore.begin_child, maxtasksperchild=1) as pool:
        before, tries, broken, text = pool.map(shrink_in_a_spoilt_program, [None])[0]
    script = from_toml(text)
    assert script.broken == "saved-is-saved"
    assert script.broken in broken
    assert [hit.split()[0] for hit in script.hits] == ["crash_after_commit"]
    assert before > 3
    assert sum(script.commands.values()) < 12
    assert tries <= 100
    file = tmp_path / "shrunk.toml"
    file.write_text(text)
    assert main(["run", "--script", str(file), "--json"]) == 0, "without the bug the same world is clean"
    told = json.loads(capsys.readouterr().out)
    assert told["faults"] == {"crash_after_commit": 1}


# -- the file

SCRIPT = written(
    7,
    "abc",
    "one-effect",
    {"TB-01": 0, "TB-02": 3},
    ROUGH,
    [Hit("lose_reply", "TB-02", 3), Hit("power_cut", "TB-02/crash_at_step/17", 1), Hit("crash_at_step", "TB-02", 17)],
)


def test_a_script_survives_being_written() -> None:
    text = to_toml(SCRIPT, "two lines\nof words")
    assert from_toml(text) == SCRIPT
    assert text.startswith("# two lines\n# of words\nversion = 1\n")
    options = SCRIPT.options()
    assert (options.devices, options.commands, dict(options.fewer)) == (2, 3, {"TB-01": 0, "TB-02": 3})
    assert options.profile == ROUGH
    assert options.script == frozenset(SCRIPT.schedule())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (("version = 1", "version = 2"), "is a script of version 2; this program reads version 1"),
        (("version = 1", ""), "is a script of version None; this program reads version 1"),
        (("version = 1", "version = "), "is not TOML: Invalid value (at line 2, column 11)"),
        (("seed = 7", "seed = 7\nluck = 3"), "cannot be used: luck: Extra inputs are not permitted"),
        (("seed = 7", "seed = -7"), "cannot be used: seed: Input should be greater than or equal to 0"),
        (("lose_reply TB-02 3", "lose_reply TB-02"), "cannot be used: 'lose_reply TB-02' is not a hit: write"),
        (
            ("lose_reply TB-02 3", "gremlin TB-02 3"),
            "cannot be used: the hit 'gremlin TB-02 3' needs gremlin above 0",
        ),
        (("lose_reply = 0.08", "gremlin = 0.08"), "cannot be used: there is no fault gremlin"),
        (("lose_reply = 0.08", "lose_reply = 8.0"), "cannot be used: lose_reply is a probability, from 0 to 1"),
    ],
)
def test_what_a_script_cannot_say_is_one_sentence(spoil: tuple[str, str], sentence: str) -> None:
    text = to_toml(SCRIPT, "x").replace(*spoil)
    with pytest.raises(UnusableScript) as told:
        from_toml(text)
    assert str(told.value).startswith(sentence)


def test_a_file_that_cannot_be_used_is_exit_2(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "x.toml"
    file.write_text("version = 2")
    for words, sentence in [
        (["--script", str(file)], f"{file} is a script of version 2; this program reads version 1."),
        (["--script", "/nowhere"], "Cannot read /nowhere: No such file or directory."),
        (["--script", str(file), "--seed", "1"], "Give --seed N for a world of its own, or --script FILE"),
        (["--script", str(file), "--devices", "9"], "A script says itself what happens to whom: leave out --profile"),
        ([], "Give --seed N for a world of its own, or --script FILE"),
        (["--seed", "1", "--shrink", "/nowhere/x"], "Cannot write /nowhere/x: No such file or directory."),
    ]:
        assert main(["run", *words]) == 2
        assert capsys.readouterr().err.startswith(sentence)


def test_version_is_a_number_that_the_model_checks() -> None:
    with pytest.raises(ValueError, match="version"):
        Script.model_validate({**SCRIPT.model_dump(), "version": 3})
