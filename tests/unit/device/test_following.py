"""What a person hears of an answer while it is written."""

import pytest

from device.assist.following import Following, whole_sentences


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("", ""),
        ("Use 80", ""),
        ("Use 80 Nm.", ""),
        ("Use 80 Nm. T", "Use 80 Nm."),
        ("Use 80 Nm. Then stop. A", "Use 80 Nm. Then stop."),
        ("Use 80 Nm, approx. 8", ""),
        ("One line\nanother", "One line\n"),
    ],
)
def test_the_last_sentence_may_go_on(written: str, whole: str) -> None:
    assert whole_sentences(written) == whole


def test_nothing_is_told_that_was_not_found_and_nothing_twice() -> None:
    following = Following(lambda written: "Right. [1]" if "Right." in written else "")
    pieces = ["Wro", "ng. ", "Ri", "ght. ", "Wrong", ". And"]
    assert [following.hear(piece) for piece in pieces] == ["", "", "", "", "Right. [1]", ""]


def test_what_the_check_would_take_back_is_not_gone_on_with() -> None:
    answers = iter(["One. [1]", "Two. [1]", "One. [1]\nThree. [2]"])
    following = Following(lambda _: next(answers))
    assert [following.hear(piece) for piece in ("One. T", "wo. T", "hree. F")] == ["One. [1]", "", "\nThree. [2]"]


def test_where_nothing_is_checked_words_come_as_they_are() -> None:
    assert Following(None).hear("Wro") == "Wro"
