"""One stream a domain, all from one seed."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.streams import Stream, Streams


def test_a_seed_and_a_domain_mean_the_same_bytes_for_ever() -> None:
    assert Stream(7, "link").draw(8).hex() == "a9a9c89555816a5a"


@given(st.lists(st.integers(0, 200)))
def test_how_it_is_cut_does_not_matter(cuts: list[int]) -> None:
    whole, parts = Stream(1, "a"), Stream(1, "a")
    assert b"".join(parts.draw(cut) for cut in cuts) == whole.draw(sum(cuts))


def test_a_domain_does_not_notice_another() -> None:
    alone, beside = Streams(3), Streams(3)
    beside.of("disk").draw(1000)
    assert alone.of("link").draw(99) == beside.of("link").draw(99)
    assert alone.of("disk").draw(9) != alone.of("link").draw(9)


def test_other_seeds_are_other_worlds() -> None:
    assert len({Stream(seed, "link").draw(16) for seed in range(500)}) == 500


def test_dice_are_fair_enough() -> None:
    dice = Stream(1, "dice")
    rolls = [dice.below(6) for _ in range(6000)]
    assert set(rolls) == set(range(6))
    assert all(850 < rolls.count(face) < 1150 for face in range(6))
    assert 2800 < sum(dice.chance(0.5) for _ in range(6000)) < 3200
    assert not any(dice.chance(0.0) for _ in range(100))
    assert all(dice.chance(1.0) for _ in range(100))
    assert all(3.0 <= dice.between(3.0, 4.0) < 4.0 for _ in range(100))


def test_a_shuffle_keeps_everything() -> None:
    items = list(range(50))
    Stream(1, "order").shuffle(items)
    assert sorted(items) == list(range(50))
    assert items != list(range(50))
