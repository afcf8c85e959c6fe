"""Planted bugs are found by the judge that they were planted for; what is not found is not called caught."""

import json
from dataclasses import replace

import pytest

from simulators import world
from simulators.checkers import CHECKERS
from simulators.cli import main
from simulators.disks import obstacle
from simulators.mutants.base import Mutant, Trial, put
from simulators.mutants.hunt import hunt
from simulators.mutants.table import BY_NAME, MUTANTS

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")


@pytest.mark.parametrize("name", BY_NAME)  # all of them: a plant whose place has moved is a bug that nobody plants
def test_a_planted_bug_is_caught(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code = main(["mutants", "--json", "--only", name])
    (told,) = json.loads(capsys.readouterr().out)["mutants"]
    assert (code, told["name"], told["caught"]) == (0, name, True)
    assert told["checker"] == BY_NAME[name].checker
    assert 1 <= told["seeds"] <= BY_NAME[name].trial.seeds


def test_what_is_no_bug_is_not_caught() -> None:
    trial = Trial(first=1, seeds=2, profile="calm", devices=1, commands=2)
    catch = hunt(Mutant("nothing", "one-effect", (), trial))
    world.forget_templates()
    assert (catch.caught, catch.seeds, catch.others) == (False, 2, ())


def test_an_unknown_mutant_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "--only", "gremlin"]) == 2
    assert capsys.readouterr().err.startswith("There is no mutant 'gremlin'. Choose among: ")


def test_every_mutant_is_planted_for_a_judge_and_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(MUTANTS)
    assert {mutant.checker for mutant in MUTANTS} <= {checker.promise for checker in CHECKERS}


def test_every_judge_has_a_mutant() -> None:
    assert {checker.promise for checker in CHECKERS} == {mutant.checker for mutant in MUTANTS}


def test_a_bug_in_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="out of date"):
        put(replace, "no_such_name", None)
