"""Names that no history taught: what is marked, and what is left alone."""

import pytest

from shared.vocabulary import Mark, Vocabulary, read_history
from shared.vocabulary.names import NAMES
from shared.vocabulary.suspects import is_initial

HISTORY = "PUMP\tpump\nMTR\tmotor\nNORTHWIND\t<sensitive>\nSAM\tsample\n\n" * 12 + "DALTON\t\n\nPUMPSET\tpump set\n"
LEARNED = Vocabulary.learned(read_history(HISTORY.encode()))


def marked(note: str) -> list[str]:
    return [note[each.start : each.end] for each in LEARNED.normalise(note).tokens if Mark.SENSITIVE in each.marks]


@pytest.mark.parametrize(
    ("note", "names"),
    [
        ("PUMP MTR u/s Harold", ["Harold"]),
        ("harold PUMP", ["harold"]),
        ("PUMP parts/Nigel", ["parts/Nigel"]),
        ("PUMP Nigel's MTR", ["Nigel's"]),
        ("Toddy to fit MTR", ["Toddy"]),
        ("johnno fit MTR", ["johnno"]),
        ("MTR by Okafor", ["Okafor"]),
        ("NORTHWIND MTR", ["NORTHWIND"]),
        ("PUMP MTR PUMP MTR PUMP MTR PUMP MTR Northwin", ["Northwin"]),
        ("MTR by J Okafor", ["J", "Okafor"]),
        ("MTR by J. Okafor", ["J", "Okafor"]),
        ("Dalton MTR", ["Dalton"]),
    ],
)
def test_a_name_that_the_history_never_marked_is_marked(note: str, names: list[str]) -> None:
    assert marked(note) == names


@pytest.mark.parametrize(
    "note", ["SAM PUMP", "PUMPS MTR", "North MTR", "MTR PUMP Northwin", "MTR carry PUMP", "J PUMP", "MTR 20 J"]
)
def test_what_the_history_knows_and_what_is_no_name_is_left_alone(note: str) -> None:
    assert marked(note) == []


def test_names_are_no_words_of_maintenance() -> None:
    words = "mark rod jack bill ray art dean pat drew grant rob chuck miles penny rose carter mason parker perkins"
    assert NAMES.isdisjoint(words.split())


@pytest.mark.parametrize(("word", "holds"), [("J", True), ("J.", True), ("JB", False), ("7", False), ("", False)])
def test_an_initial_is_one_letter(word: str, holds: bool) -> None:
    assert is_initial(word) is holds
