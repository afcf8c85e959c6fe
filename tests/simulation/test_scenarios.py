"""The named worlds end well, and a file that is no scenario is refused by name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulators import world
from simulators.disks import obstacle
from simulators.explore import only_what_matters
from simulators.scenarios import UnusableScenario, play, read, shipped

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
#: A herd is as much a herd for the judges; `tailboard-sim scenarios` plays it in its full size.
LAPTOPS_MAX = 40
SMALL = 'title = "t"\nwhy = "w"\nseeds = [1]\n'


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    only_what_matters()
    yield
    world.forget_templates()


@pytest.mark.parametrize("name", shipped())
def test_a_named_world_ends_well(name: str) -> None:
    scenario = shipped()[name]
    played = [play(each) for each in scenario.worlds(min(scenario.devices, LAPTOPS_MAX))]
    assert [(each.name, each.findings) for each in played if each.findings] == []
    assert sum(each.commands for each in played) > 0
    if scenario.faults or scenario.each or scenario.profile != "calm":
        assert sum(each.faults for each in played) > 0


def test_in_the_world_that_is_longer_than_a_lifetime_work_really_expires() -> None:
    (only, *_) = shipped()["longer-than-a-lifetime"].worlds()
    evidence = world.run(only.seed, only.options).evidence
    away = [each.answer for each in evidence.brought() if each.device == "TB-01" and each.answer]
    outcomes = Counter(answer["reason"] or answer["outcome"] for answer in away)
    assert {"expired", "dependency_failed", "applied"} <= outcomes.keys()


def test_each_occasion_is_a_world_of_its_own() -> None:
    scenario = read(SMALL + '[[each]]\nfault = "lose_reply"\nplace = "TB-01"\noccasions = 3\n')
    worlds = list(scenario.worlds())
    assert [each.name for each in worlds] == ["seed 1", *(f"lose_reply TB-01 {n}" for n in (1, 2, 3))]
    scripts = [each.options.script for each in worlds[1:]]
    assert len({*scripts}) == 3
    assert all(script is not None and len(script) == 1 for script in scripts)


def test_an_event_happens_when_it_is_due() -> None:
    scenario = read(SMALL + 'commands = 3\n[[events]]\nat_s = 60.0\nact = "server_down"\nfor_s = 7200.0\n')
    (only,) = scenario.worlds()
    result = world.run(only.seed, replace(only.options, keep_lines=True))
    boots = [float(line.split()[0]) for line in result.lines if line.split()[1:3] == ["server", "boot"]]
    assert len(boots) == 2
    assert boots[1] >= 7260.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "not TOML"),
        ('title = "t"\nwhy = "w"\nseeds = []\n', "seeds"),
        (SMALL + 'profile = "wild"\n', "no profile 'wild'"),
        (SMALL + "[faults]\ngremlins = 0.5\n", "gremlins"),
        (SMALL + "[habits]\nsleeps = 8\n", "habits.sleeps"),
        (SMALL + '[[events]]\nat_s = 1.0\nact = "picnic"\n', "events.0.act"),
        (SMALL + '[[each]]\nfault = "gremlins"\nplace = "x"\noccasions = 1\n', "gremlins"),
    ],
)
def test_what_is_no_scenario_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(UnusableScenario, match=words):
        read(text)


def test_every_scenario_says_why() -> None:
    assert all(each.why.endswith(".") for each in shipped().values())
