from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.expiry import LIMITS, Limits, confirmable, datable, expired, too_long, warning
from reconciliation.explain import explain_expiry
from shared.commands import CATALOGUE
from shared.commands.base import Authority, Command
from tests.builders import JOB, NOW, Person, World, record

DAY = timedelta(days=1)
KIND = CATALOGUE["status.changed"].kind


def command(life: timedelta = 90 * DAY) -> Command:
    given_ = Person.at(World.of(record(JOB))).say("note.added", text="x")
    return given_.model_copy(update={"expires_at": given_.issued_at + life})


def test_the_shipped_limits_are_those_of_the_design() -> None:
    assert LIMITS.offline_max == 120 * DAY
    assert LIMITS.ledger_retention == 400 * DAY
    assert LIMITS.resubmit_window == 35 * DAY
    assert (LIMITS.backup_age_max, LIMITS.warn_before, LIMITS.warn_share) == (30 * DAY, 14 * DAY, 0.25)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ledger_retention": 120 * DAY}, "ledger_retention"),
        ({"offline_max": 400 * DAY}, "offline_max"),
        ({"backup_age_max": 35 * DAY}, "backup_age_max"),
        ({"resubmit_window": 30 * DAY}, "resubmit_window"),
        (
            {"offline_max": timedelta(0)},
            "^offline_max and backup_age_max must be more than nothing, warn_before not less$",
        ),
        ({"backup_age_max": timedelta(0)}, "more than nothing"),
        ({"warn_before": timedelta(microseconds=-1)}, "more than nothing"),
        ({"warn_share": 1.5}, "warn_share"),
    ],
)
def test_spells_that_contradict_each_other_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Limits(**wrong)


@pytest.mark.parametrize("right", [{"warn_before": timedelta(0)}, {"warn_share": 0.0}, {"warn_share": 1.0}])
def test_a_device_may_warn_never_or_always(right: dict[str, Any]) -> None:
    assert Limits(**right) != LIMITS


def test_a_lifetime_is_as_long_as_the_limit_at_most() -> None:
    assert not too_long(command(120 * DAY))
    assert too_long(command(120 * DAY + timedelta(seconds=1)))
    assert too_long(command(100 * DAY), Limits(offline_max=99 * DAY))


def test_the_last_instant_is_still_in_time() -> None:
    each = command()
    assert not expired(each, each.expires_at)
    assert expired(each, each.expires_at + timedelta(microseconds=1))


def test_a_clock_shows_the_years_from_1970_to_2999() -> None:
    instant = timedelta(microseconds=1)
    shown = [datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC) - instant]
    assert [datable(each) for each in (shown[0] - instant, *shown, shown[1] + instant)] == [False, True, True, False]


@given(offset=st.timedeltas(-400 * DAY, 400 * DAY), age=st.timedeltas(timedelta(0), 200 * DAY))
def test_a_wrong_clock_changes_nothing_once_its_offset_is_known(offset: timedelta, age: timedelta) -> None:
    """The same command, issued by a laptop whose clock is off by `offset`, is good for exactly as long."""
    right = command()
    wrong = right.model_copy(update={"issued_at": right.issued_at + offset, "expires_at": right.expires_at + offset})
    at = NOW + age
    assert expired(wrong, at, offset) == expired(right, at)


@pytest.mark.parametrize(
    ("life", "warned_before"), [(90 * DAY, 14 * DAY), (56 * DAY, 14 * DAY), (40 * DAY, 10 * DAY), (DAY, DAY / 4)]
)
def test_the_device_warns_when_a_quarter_of_the_life_but_at_most_two_weeks_are_left(
    life: timedelta, warned_before: timedelta
) -> None:
    each = command(life)
    assert warning(each, each.expires_at - warned_before - timedelta(seconds=1)) is None
    assert warning(each, each.expires_at - warned_before) == warned_before
    assert warning(each, each.expires_at + DAY) == timedelta(0)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(0), "Its time is over"),
        (timedelta(minutes=5), "less than two hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (10 * DAY, "10 days"),
    ],
)
def test_a_warning_says_how_long_and_what_to_do(left: timedelta, words: str) -> None:
    assert words in explain_expiry(left)
    assert ("Go online" in explain_expiry(left)) is (left > timedelta(0))
    assert "Go online" not in explain_expiry(left, there=True), "the server has it: only the office can do something"


@pytest.mark.parametrize(
    ("since", "may"),
    [
        (timedelta(0), True),
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
        (timedelta(seconds=-1), False),
    ],
)
def test_central_authority_is_confirmed_only_within_the_window_after_the_last_contact(
    since: timedelta, may: bool
) -> None:
    assert confirmable(Authority.CENTRAL, KIND, NOW, NOW + since) is may
    assert confirmable(Authority.LOCAL_SAFE, KIND, NOW, NOW + since)


def test_a_device_that_was_never_in_contact_confirms_nothing_central() -> None:
    assert not confirmable(Authority.CENTRAL, KIND, None, NOW)
    assert confirmable(Authority.LOCAL_SAFE, KIND, None, NOW)
