"""The profile is data; the dice are fair, apart, and counted."""

from dataclasses import fields, replace

import pytest

from simulators.faults import CALM, FAULTS, LOSSY, PROFILES, ROUGH, Chaos, FaultProfile, Hits
from simulators.streams import Streams


def test_every_field_is_a_fault_or_says_how_much() -> None:
    names = {field.name for field in fields(FaultProfile)}
    assert names - set(FAULTS) == {name for name in names if name.endswith(("_s_min", "_s_max", "_ppm_max"))}


def test_a_probability_is_one() -> None:
    with pytest.raises(ValueError, match="lose_reply"):
        replace(CALM, lose_reply=1.5)


def test_how_often_is_how_often() -> None:
    chaos = Chaos(replace(CALM, lose_reply=0.1, pause=1.0), Streams(1))
    assert 850 < sum(chaos.strikes("lose_reply", "a") for _ in range(10_000)) < 1150
    assert all(chaos.strikes("pause", "a") for _ in range(10))
    assert not any(chaos.strikes("cancel", "a") for _ in range(1000))
    assert chaos.hits["lose_reply"] > 850


def test_arming_one_fault_moves_no_other() -> None:
    def struck(profile: FaultProfile) -> list[bool]:
        chaos = Chaos(profile, Streams(5))
        told = []
        for _ in range(500):
            chaos.strikes("delay", "a")
            chaos.strikes("lose_reply", "b")
            told.append(chaos.strikes("lose_reply", "a"))
        return told

    assert struck(replace(CALM, lose_reply=0.1)) == struck(replace(ROUGH, lose_reply=0.1))


def test_healed_nothing_happens_any_more() -> None:
    chaos = Chaos(ROUGH, Streams(1))
    chaos.heal()
    assert not any(chaos.strikes(name, "a") for name in FAULTS for _ in range(1000))
    assert chaos.profile.latency_s_max == ROUGH.latency_s_max


def test_what_never_happened_is_named() -> None:
    assert Hits({"lose_reply": 3}).missed(replace(CALM, lose_reply=0.1, reset=0.1)) == ("reset",)


def test_the_profiles_that_have_names() -> None:
    assert not CALM.armed()
    assert set(LOSSY.armed()) < set(ROUGH.armed())
    assert set(PROFILES) == {"calm", "lossy", "rough"}
