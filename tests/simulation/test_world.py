"""A first small world: production code under one seed settles, and does so twice in the same way."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulators import world
from simulators.disks import obstacle
from simulators.faults import CALM, LOSSY, ROUGH, FaultProfile, Hits
from simulators.world import Options, Run, run
from simulators.world.options import Habits

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
ROOT = Path(__file__).resolve().parents[2]
#: Where clocks jump few questions leave at all: these are looked for in worlds whose people ask a lot.
ROUTES = {
    "upstream_down": 0.2,
    "upstream_closes": 0.2,
    "upstream_hangs": 0.2,
    "upstream_redirects": 0.5,
    "consent_taken_back": 0.5,
}
ASKING = Options(2, 16, replace(LOSSY, **ROUTES), habits=Habits(wonders=0.6))


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    """Machines are made once; their folder goes when the module is done."""
    yield
    world.forget_templates()


def check(result: Run) -> None:
    assert result.unsettled == ()
    assert result.errors == ()
    for name, told in result.told.items():
        assert set(told.saved) <= set(result.settled[name]), "what the screen called saved has an outcome"


def test_a_calm_world_settles_everything() -> None:
    result = run(1, Options(devices=2, commands=10, profile=CALM))
    check(result)
    assert not result.hits
    assert all(told.saved for told in result.told.values())


def test_what_is_put_away_after_the_end_is_no_line_of_the_world() -> None:
    result = run(1, Options(devices=1, commands=2, profile=CALM, keep_lines=True))
    last, ended = result.lines[-1], [line for line in result.lines if "the program ended" in line]
    assert not ended
    assert float(last.split()[0]) == pytest.approx(result.virtual_s)


@pytest.mark.parametrize("profile", [LOSSY, ROUGH], ids=["lossy", "rough"])
def test_same_seed_same_world(profile: FaultProfile) -> None:
    options = Options(devices=1, commands=20, profile=profile)
    first = [run(seed, options) for seed in range(5)]
    second = [run(seed, options) for seed in range(5)]
    for each in first:
        check(each)
    assert [(each.trace, each.steps_hash) for each in first] == [(each.trace, each.steps_hash) for each in second]
    assert len({each.trace for each in first}) == 5


def test_every_armed_fault_happens() -> None:
    hits = Hits()
    rough = Options(devices=3, commands=12, profile=ROUGH)
    for options, seeds in ((rough, range(8)), (ASKING, range(1, 7))):
        for seed in seeds:
            result = run(seed, options)
            check(result)
            hits.update(result.hits)
    missed = set(hits.missed(ROUGH))
    assert not missed & ROUTES.keys()
    assert len(missed) <= 6, missed


def test_another_process_with_other_string_hashes_runs_the_same_world() -> None:
    program = (
        "from simulators.world import *; from simulators.faults import ROUGH; "
        "print(run(3, Options(devices=2, commands=6, profile=ROUGH)).trace)"
    )

    def trace(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "PATH": ""},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert trace("1") == trace("2") != ""
