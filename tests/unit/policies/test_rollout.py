"""What a roll-out may say, how it is written, and which versions a device may meet."""

import pytest
from pydantic import ValidationError

from policies.rollout import Applies, Rollout, Stage, applies
from shared.routing import DataClass


def test_before_the_first_one_the_programs_own_bundle_decides() -> None:
    assert applies(Rollout(), "answer", DataClass.PUBLIC, (), ()) == Applies(in_force=None)
    tried = Rollout(stages=(Stage(version=1, mode="shadow"),))
    assert applies(tried, "answer", DataClass.PUBLIC, (), {1}) == Applies(in_force=None, shadow=(1,))


@pytest.mark.parametrize("version", [1, 3])
def test_a_stage_is_never_a_step_back(version: int) -> None:
    with pytest.raises(ValidationError, match="above the one that is in force"):
        Rollout(in_force=3, stages=(Stage(version=version, mode="in_force"),))


def test_the_same_roll_out_is_the_same_bytes() -> None:
    names = [f"TB-{number:02d}" for number in range(40)]
    classes = frozenset(DataClass)
    one = Stage(version=2, mode="shadow", groups=frozenset(names), classes=classes)
    raw = Rollout(serial=4, in_force=1, stages=(one,)).to_bytes()
    assert Rollout.model_validate_json(raw).to_bytes() == raw
    assert b'"groups":["TB-00","TB-01","TB-02"' in raw
    assert b'"classes":["internal","personal","public","restricted"]' in raw


def test_a_device_needs_only_what_it_may_meet() -> None:
    plan = Rollout(
        in_force=1,
        stages=(
            Stage(version=4, mode="in_force", groups=frozenset({"TB-02"})),
            Stage(version=3, mode="shadow", groups=frozenset({"TB-01"})),
            Stage(version=2, mode="shadow", purposes=frozenset({"answer"})),
        ),
    )
    assert plan.versions() == {1, 2, 3, 4}
    assert plan.versions(("TB-01",)) == {1, 2, 3}
    assert plan.versions(()) == {1, 2}
