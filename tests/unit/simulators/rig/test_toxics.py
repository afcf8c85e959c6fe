"""What each toxic does to bytes, without a socket and without waiting."""

from collections.abc import Sequence

import pytest

from simulators.rig.toxics import (
    Bandwidth,
    Blackhole,
    End,
    Jitter,
    Latency,
    Move,
    Pass,
    Reset,
    ResetHalfway,
    Slicing,
    SlowClose,
    Swallow,
    Timeout,
    Toxic,
    treat,
)
from simulators.streams import Stream

DATA = bytes(range(256)) * 4


def dice(seed: int = 1) -> Stream:
    return Stream(seed, "link")


def moves(*toxics: Toxic, heard: Pass | End | None = None, seed: int = 1) -> tuple[Move, ...]:
    return treat(toxics, heard or Pass(DATA), dice(seed)).moves


def passed(made: Sequence[Move]) -> bytes:
    return b"".join(move.data for move in made if isinstance(move, Pass))


def waited(made: Sequence[Move]) -> float:
    return sum(move.wait_s for move in made if isinstance(move, Pass | End))


def test_without_toxics_everything_passes_as_it_is() -> None:
    assert moves() == (Pass(DATA),)
    assert moves(heard=End()) == (End(),)


@pytest.mark.parametrize(
    "toxic", [Latency(1.0), Jitter(1.0), Bandwidth(100), Slicing(7), SlowClose(1.0)], ids=lambda each: each.name
)
def test_what_only_delays_or_cuts_loses_changes_and_reorders_nothing(toxic: Toxic) -> None:
    for seed in range(20):
        assert passed(moves(toxic, seed=seed)) == DATA
    assert isinstance(moves(toxic, heard=End())[-1], End)


def test_latency_waits_before_each_piece_and_jitter_by_chance() -> None:
    assert moves(Latency(0.5)) == (Pass(DATA, 0.5),)
    times = {waited(moves(Jitter(2.0), seed=seed)) for seed in range(20)}
    assert len(times) == 20
    assert all(0.0 <= time < 2.0 for time in times)


def test_bandwidth_takes_as_long_as_there_are_bytes() -> None:
    made = moves(Bandwidth(512))
    assert waited(made) == pytest.approx(len(DATA) / 512)
    assert max(len(move.data) for move in made if isinstance(move, Pass)) == 51


def test_slices_are_small_and_uneven() -> None:
    sizes = {len(move.data) for move in moves(Slicing(9)) if isinstance(move, Pass)}
    assert sizes == set(range(1, 10))


def test_a_reset_comes_after_half_of_a_piece() -> None:
    assert moves(ResetHalfway()) == (Pass(DATA[:512]), Reset())


def test_a_timeout_swallows_and_then_closes() -> None:
    assert moves(Timeout(3.0)) == (Swallow(len(DATA), "timeout"), End(3.0))
    assert moves(Timeout(3.0), heard=End()) == (End(3.0),)


def test_a_slow_close_holds_up_the_end_alone() -> None:
    assert moves(SlowClose(4.0)) == (Pass(DATA),)
    assert moves(SlowClose(4.0), heard=End()) == (End(4.0),)


def test_a_blackhole_swallows_bytes_and_the_news_of_an_end() -> None:
    hole = Blackhole("blackhole_up")
    assert moves(hole) == (Swallow(len(DATA), "blackhole_up"),)
    assert moves(hole, heard=End()) == (Swallow(0, "blackhole_up"),)


def test_toxics_in_a_row_add_up_and_what_ends_a_connection_is_the_last_of_it() -> None:
    made = moves(Slicing(100), Latency(1.0))
    assert passed(made) == DATA
    assert waited(made) == len(made)
    made = moves(Slicing(100), ResetHalfway())
    assert isinstance(made[-1], Reset)
    assert len(made) == 2
    assert DATA.startswith(passed(made))
    assert passed(moves(ResetHalfway(), Slicing(100))) == DATA[:512]
    assert moves(Timeout(1.0), SlowClose(2.0)) == (Swallow(len(DATA), "timeout"), End(3.0))


def test_who_had_a_hand_in_it_is_named_and_nobody_else() -> None:
    assert treat([Latency(0.1), SlowClose(1.0)], Pass(DATA), dice()).touched == ("latency",)
    assert treat([Latency(0.1), SlowClose(1.0)], End(), dice()).touched == ("slow_close",)
    assert treat([Slicing(10_000)], Pass(b"x"), dice()).touched == ()
