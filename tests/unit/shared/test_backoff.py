"""Waiting longer after every try in vain, up to a bound."""

from datetime import timedelta

from shared.backoff import backoff

FIRST, LONGEST = timedelta(seconds=2), timedelta(minutes=5)


def test_every_try_in_vain_doubles_the_wait_up_to_the_longest() -> None:
    assert [backoff(2.0, 15.0, tries) for tries in range(5)] == [2.0, 4.0, 8.0, 15.0, 15.0]


def test_spells_double_as_seconds_do() -> None:
    assert backoff(FIRST, LONGEST, 3) == timedelta(seconds=16)


def test_a_year_of_tries_in_vain_overflows_nothing() -> None:
    assert backoff(FIRST, LONGEST, 10**6) == LONGEST
    assert backoff(2.0, 15.0, 10**6) == 15.0
