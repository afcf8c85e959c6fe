"""Planted bugs are found by the judge that they were planted for; what is not found is not called caught."""

import json
from dataclasses import replace

import pytest

from simulators import world
from simulators.checkers import CHECKERS
from simulators.cli import main
from simulators.disks import obstacle
from simulators.explore import Campaign
from simulators.mutants.base import Mutant, put
from simulators.mutants.hunt import hunt
from simulators.mutants.table import BY_NAME, MUTANTS

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")


def test_planted_bugs_are_caught(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["fork accepted", "signature unchecked"]
    code = main(["mutants", "--json", "--only", names[0], "--only", names[1], "--jobs", "2"])
    data = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [(each["name"], each["caught"]) for each in data["mutants"]] == [(name, True) for name in names]
    assert {each["checker"] for each in data["mutants"]} == {"forks-are-seen", "only-the-enrolled"}
    assert all(1 <= each["seeds"] <= BY_NAME[each["name"]].trial.seeds for each in data["mutants"])


def test_what_is_no_bug_is_not_caught() -> None:
    campaign = Campaign(first=1, seeds=2, profile="calm", devices=1, commands=2)
    catch = hunt(Mutant("nothing", "one-effect", lambda: None, campaign))
    world.forget_templates()
    assert (catch.caught, catch.seeds, catch.others) == (False, 2, ())


def test_an_unknown_mutant_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "--only", "gremlin"]) == 2
    assert capsys.readouterr().err.startswith("There is no mutant 'gremlin'. Choose among: ")


def test_every_mutant_is_planted_for_a_judge_and_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(MUTANTS)
    assert {mutant.checker for mutant in MUTANTS} <= {checker.promise for checker in CHECKERS}


def test_a_bug_in_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="out of date"):
        put(replace, "no_such_name", None)
