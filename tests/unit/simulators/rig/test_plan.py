"""What goes wrong on a rig follows from the options alone, and every kind of it comes."""

from dataclasses import replace

import pytest

from simulators.rig import plan as plans
from simulators.rig.plan import BY_NAME, KINDS, Options, Target, Way, laptop_names, plan, server_names
from simulators.rig.toxics import toxic_of

SMALL = Options(seed=7, laptops=3, servers=2, seconds=20)


def test_the_same_options_give_the_same_plan_and_another_seed_another() -> None:
    assert plan(SMALL) == plan(SMALL)
    assert plan(SMALL) != plan(replace(SMALL, seed=8))


@pytest.mark.parametrize("options", [SMALL, Options(laptops=1, servers=1, seconds=1), Options()])
def test_every_kind_comes_at_somebody_who_is_there_in_its_time(options: Options) -> None:
    acts = plan(options)
    there = {*laptop_names(options), *server_names(options), "database"}
    assert {act.kind for act in acts} == set(BY_NAME)
    assert {act.target for act in acts} <= there
    assert all(0 <= act.at_s < options.seconds and act.for_s <= options.seconds / 2 for act in acts)
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    assert all(act.way is Way.UP for act in acts if act.kind == "blackhole_up")


def test_one_more_kind_moves_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan(SMALL)
    monkeypatch.setattr(plans, "KINDS", KINDS[1:])
    assert plan(SMALL) == tuple(act for act in before if act.kind != KINDS[0].name)


def test_an_act_ends_before_the_next_of_its_kind_begins_at_the_same_target() -> None:
    ends: dict[tuple[str, str], float] = {}
    for act in plan(Options(seed=3, laptops=2, servers=1, seconds=600)):
        place = act.kind, act.target
        assert act.at_s >= ends.get(place, 0.0)
        ends[place] = act.at_s + act.for_s


def test_every_kind_on_a_link_has_a_toxic_of_its_name_but_the_one_that_pulls_the_plug() -> None:
    for act in plan(SMALL):
        toxic, on_link = toxic_of(act), BY_NAME[act.kind].target is Target.LINK
        assert (toxic.name if toxic else None) == (act.kind if on_link and act.kind != "link_down" else None)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seed": -1}, "from 0 up"),
        ({"laptops": 0}, "--laptops"),
        ({"laptops": 65}, "--laptops"),
        ({"servers": 0}, "--servers"),
        ({"seconds": 0.5}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"seconds": float("inf")}, "--seconds"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(SMALL, **wrong)
