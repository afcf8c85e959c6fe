import pytest

from device.core.library.extract import Candidate, Weighed, extract, weigh
from device.core.library.ground import ground
from device.core.library.terms import all_forms, asked, stem

BOLTS = """| model | torque Nm |
|---|---|
| NX65-200 | 65 |
| NX80-250 | 80 |

Tighten crosswise in three steps."""
STEPS = "1. Slacken the slide.\n2. Take the old belts off.\n3. Fit the new set.\n"
CAUSES = "| likely cause | remedy |\n|---|---|\n| belts slack | tighten |\n| oil on belts | clean |\n"


def candidate(body: str, section: str = "", page: int = 4, *holds: str) -> Candidate:
    return Candidate("nx", "7", page, "NX pumps", section, body, frozenset(holds))


def weighed(question: str) -> list[Weighed]:
    return weigh(asked(question).terms, {}, 50, {})


def said(question: str, *candidates: Candidate) -> list[str]:
    return [claim.sentence for claim in extract(asked(question), weighed(question), candidates)]


def test_the_row_that_is_asked_for_is_the_answer_with_its_header() -> None:
    question = "What torque do the casing bolts of the NX65-200 need?"
    (claim,) = extract(asked(question), weighed(question), [candidate(BOLTS, "4.2 Casing bolts")])
    assert claim.sentence == "NX65-200: torque Nm 65"
    assert [quote.text for quote in claim.quotes] == ["| NX65-200 | 65 |", "| model | torque Nm |"]


@pytest.mark.parametrize(
    "question",
    [
        "What torque do the casing bolts of the NX99-100 need?",
        "What is the warranty period of the NX65-200?",
        "How long are the casing bolts?",
        "",
    ],
)
def test_what_does_not_stand_there_is_not_answered(question: str) -> None:
    assert said(question, candidate(BOLTS, "4.2 Casing bolts")) == []


def test_a_thing_that_is_named_elsewhere_in_the_document_is_enough() -> None:
    body = "The casing bolts take 65 Nm."
    question = "What torque do the casing bolts of PUMP-7 take?"
    assert said(question, candidate(body)) == []
    assert said(question, candidate(body, "", 4, "pump-7")) == [body]


def test_steps_are_given_together_and_so_are_causes() -> None:
    steps = said("How do I replace the drive belts?", candidate(STEPS, "6.2 Drive belts: replacing"))
    assert steps == ["Slacken the slide.", "Take the old belts off.", "Fit the new set."]
    causes = said("Why do the belts slip?", candidate(CAUSES, "6.5 Belts slip"))
    assert causes == ["belts slack: remedy tighten", "oil on belts: remedy clean"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("replacing", "replacement"),
        ("calibrate", "calibration"),
        ("leakage", "leaks"),
        ("kept", "keep"),
        ("bolts", "bolt"),
    ],
)
def test_a_words_forms_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_a_name_is_known_however_it_is_written() -> None:
    (term,) = asked("pump 7").terms
    assert term.named
    assert term.forms & all_forms("PUMP-7 runs")
    assert not term.forms & all_forms("PUMP-17 runs on 7 bar")


def test_a_models_sentence_gets_the_words_that_it_can_only_come_from() -> None:
    written = "The casing bolts of the NX65-200 take a torque of 65 Nm. Birds sing. The NX65-200 takes 66 Nm torque."
    (claim,) = ground(written, [candidate(BOLTS, "4.2 Casing bolts")])
    assert claim.sentence.endswith("65 Nm.")
    assert claim.quotes[0].text == "| NX65-200 | 65 |"
