"""What the server last said of a laptop: the newest signed word counts, anybody may narrow, and it grows old."""

from datetime import timedelta

import pytest

from device.standing import Said, Standing, approved, refused, standing, standing_words
from shared.problems import Code
from tests.builders import NOW

DAY = timedelta(days=1)


class Values(dict[str, str]):
    """Named values in memory."""

    def meta(self, key: str) -> str | None:
        return self.get(key)

    def set_meta(self, key: str, value: str) -> None:
        self[key] = value


def said(memory: Values) -> Said | None:
    known = standing(memory)
    return known.said if known else None


def test_who_never_heard_anything_is_not_approved() -> None:
    assert standing(Values()) is None
    assert "sync once" in standing_words(None, NOW, 120)


def test_an_approval_is_as_old_as_its_head_and_ends() -> None:
    memory = Values()
    approved(memory, NOW - 3 * DAY)
    approved(memory, NOW - 5 * DAY)  # an older answer that came late
    known = standing(memory)
    assert known == Standing(said=Said.APPROVED, at=NOW - 3 * DAY)
    assert (known.approved(NOW, 3), known.approved(NOW, 2)) == (True, False)
    assert "3 days ago: approved" in standing_words(known, NOW, 3)
    assert "at most 2 days" in standing_words(known, NOW, 2)
    assert known.approved(NOW - 30 * DAY, 1), "a clock that was set back makes it new, and no newer"
    assert known.age(NOW - 30 * DAY) == timedelta()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (Code.DEVICE_REVOKED, Said.REVOKED),
        (Code.DEVICE_FORKED, Said.FORKED),
        (Code.NOT_AUTHENTIC, Said.KEY_ENDED),
        (Code.KEY_EXPIRED, Said.KEY_EXPIRED),
        (Code.DEVICE_WAITING, Said.WAITING),
        (Code.BUSY, Said.APPROVED),
        (Code.CURSOR_INVALID, Said.APPROVED),
    ],
)
def test_what_narrows_counts_from_anybody_and_ends_with_the_next_head(code: Code, what: Said) -> None:
    memory = Values()
    approved(memory, NOW)
    refused(memory, code, NOW + DAY)
    assert said(memory) is what
    known = standing(memory)
    assert known is not None
    assert known.approved(NOW + DAY, 120) is (what is Said.APPROVED)
    approved(memory, NOW)
    assert said(memory) is Said.APPROVED


def test_a_laptop_of_an_older_program_is_what_it_last_knew() -> None:
    contact = {"last_contact": NOW.isoformat()}
    assert said(Values(contact)) is Said.APPROVED
    assert standing(Values(contact | {"shut_out": "This device is revoked."})) is None
    assert standing(Values(standing="rubbish")) is None
