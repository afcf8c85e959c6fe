"""The classifier: what raises a class, what does not, and that no word of the text is in what it returns."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import classify as classifier
from policies.classify import FOUND_MAX, PATTERNS, Classified, classify, vocabulary
from policies.rulebook import Classifier
from shared.routing import DataClass
from tests.routing import shipped

RULES: Classifier = shipped().rules.classifier
KNOWN = vocabulary(
    RULES,
    people=("Amara Okafor", "José Núñez", "Anne-Marie O'Brien"),
    customers=("Harrow Valley Water", "Müller & Söhne"),
    ids=("C-20417", "WO-1042"),
)


def look(text: str, declared: DataClass | None = DataClass.PUBLIC) -> Classified:
    return classify(text, KNOWN, declared=declared)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ask Amara Okafor about the valve", "person"),
        ("AMARA OKAFOR closed it", "person"),
        ("told Okafor to wait", "person"),
        ("Jose Nunez's van", "person"),
        ("Núñez called", "person"),
        ("as Anne-Marie O'Brien said", "person"),
        ("Dr. Weber was there", "person"),
        ("signed A. Okonkwo", "person"),
        ("my name is Lee", "person"),
        ("for Harrow Valley Water, gate 3", "customer"),
        ("bei Muller & Sohne", "customer"),
        ("call +44 20 7946 0958 before noon", "phone"),
        ("call 020 7946 0958", "phone"),
        ("reach him at (555) 123-4567", "phone"),
        ("0171/2345678", "phone"),
        ("mail a.okafor@harrow.example today", "email"),
        ("it is at 12 Mill Lane behind the shop", "address"),
        ("Hauptstraße 12", "address"),
        ("postcode SW1A 1AA", "address"),
        ("Springfield, IL 62704", "address"),
        ("the guard was injured", "word"),
        ("he is on sick leave", "word"),
    ],
)
def test_what_is_about_a_person_is_personal(text: str, rule: str) -> None:
    found = look(text)
    assert found.data_class is DataClass.PERSONAL, found
    assert rule in found.reasons()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("the password is hunter2", "secret"),
        ("password: hunter2", "secret"),
        ("API_KEY=abc", "secret"),
        ("PIN 4711 for the gate", "secret"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "secret"),
        ("use sk-proj-abcdefghijklmnop1234", "secret"),
        ("0f3a9c1be27d4455aa0011223344556677", "secret"),
        ("IBAN GB82 WEST 1234 5698 7654 32", "account"),
        ("card 4111 1111 1111 1111", "account"),
        ("ssn 078-05-1120", "national_id"),
        ("NI number QQ 12 34 56 C", ""),
        ("NI number AB 12 34 56 C", "national_id"),
        ("confidential: for the board", "word"),
    ],
)
def test_secrets_and_numbers_of_people_are_restricted(text: str, rule: str) -> None:
    found = look(text)
    assert (found.data_class is DataClass.RESTRICTED) is bool(rule)
    assert not rule or rule in found.reasons()


@pytest.mark.parametrize(
    "text",
    [
        "Replaced inlet filter on pump 7, pressure now 4.2 bar, job done",
        "The dowel pin is bent, the coupling was checked on 2026-11-21 at 08:30",
        "Measured 0.25 mm, 0.30 mm and 0.35 mm of play; torque 120 Nm at 20 °C, 50 Ω",
        "Part 4711-0815, serial PX-2201/B, drawing 17.03",
        "Grüße aus der Werkstatt: Dichtung getauscht, σ = 2 MPa",
        "How do I prime a centrifugal pump?",
        "Drive belt and 3 bolts on the drive, close valve 2, square flange",
        "",
    ],
)
def test_work_is_not_about_people(text: str) -> None:
    assert look(text) == Classified(DataClass.PUBLIC)


def test_what_the_organisation_calls_its_own_is_internal() -> None:
    assert look("is WO-1042 done, and wo-1042 too?").data_class is DataClass.INTERNAL
    assert look("customer number C-20417").reasons() == ("id",)


def test_a_name_joined_to_something_else_is_still_found() -> None:
    assert look("hand it to Okafor/Smith").data_class is DataClass.PERSONAL
    assert look("sent to Okafor-2").data_class is DataClass.PERSONAL


@pytest.mark.parametrize(
    "text",
    [
        "call 0\u200b20 7946 0958",
        "\u202eabc",
        "a\x00b",
        "\uff50\uff41\uff53\uff53",
        "\u041ekafor",  # a Cyrillic O
        "насос вышел из строя",
        "ポンプが故障しました",
        "x" * (RULES.chars_max + 1),
    ],
)
def test_what_cannot_be_read_is_restricted(text: str) -> None:
    assert look(text).data_class is DataClass.RESTRICTED


def test_a_name_of_one_word_counts_where_it_is_written_like_a_name() -> None:
    known = vocabulary(RULES, people=("Mark", "m.reyes"))
    for text, data_class in (
        ("mark the valve", DataClass.PUBLIC),
        ("Mark did it", DataClass.PERSONAL),
        ("ask m.reyes", DataClass.PERSONAL),
    ):
        assert classify(text, known, declared=DataClass.PUBLIC).data_class is data_class


def test_letters_that_fold_into_others_hide_nothing() -> None:
    assert look("pa\u017f\u017fword: x").data_class is DataClass.RESTRICTED


def test_what_is_too_long_is_not_read_even_if_it_was_cut() -> None:
    found = classify("WO-1042 " * RULES.chars_max, KNOWN, declared=DataClass.PUBLIC, whole=False)
    assert found.reasons() == ("truncated",)


def test_what_was_cut_or_never_declared_is_restricted() -> None:
    assert classify("pump", KNOWN, declared=DataClass.PUBLIC, whole=False).reasons() == ("truncated",)
    assert look("pump", None).reasons() == ("undeclared",)
    assert look("pump", None).data_class is DataClass.RESTRICTED


@given(
    st.sampled_from(DataClass), st.sampled_from([None, *DataClass]), st.sampled_from(["pump 7", "call Amara Okafor"])
)
def test_a_learned_opinion_raises_and_never_lowers(declared: DataClass, learned: DataClass | None, text: str) -> None:
    without = classify(text, KNOWN, declared=declared)
    found = classify(text, KNOWN, declared=declared, learned=learned)
    assert found.data_class.rank == max(without.data_class.rank, learned.rank if learned else 0)


@given(st.text(max_size=300), st.sampled_from(DataClass), st.text(max_size=60))
def test_a_class_only_rises_with_what_is_declared_and_with_what_is_added(
    text: str, declared: DataClass, more: str
) -> None:
    found = look(text, declared)
    assert found.data_class.rank >= declared.rank
    assert look(text, None).data_class is DataClass.RESTRICTED
    sensitive = look(f"{text}\nmail a.okafor@harrow.example\n{more}", declared)
    assert sensitive.data_class.rank >= DataClass.PERSONAL.rank


def test_findings_say_where_and_never_what() -> None:
    text = "tell Amara Okafor: the password is hunter2"
    found = look(text)
    spots = {each.rule: text[each.start : each.end] for each in found.found}
    assert spots["person"] in ("Amara Okafor", "Okafor")
    assert "hunter2"[0] in spots["secret"]
    assert not any(word in repr(found) for word in ("Amara", "Okafor", "hunter2", "password"))


def test_many_findings_are_cut_and_the_class_is_not() -> None:
    text = "WO-1042 " * (2 * FOUND_MAX) + "confidential"
    found = look(text)
    assert len(found.found) == FOUND_MAX
    assert found.data_class is DataClass.RESTRICTED


@pytest.mark.parametrize(
    "seed",
    [
        "a.",
        "0 ",
        "+1 ",
        "a@",
        "@a.",
        "A. ",
        "1 Aa ",
        "GB82 ",
        "x-",
        "(0",
        "4 ",
        "is ",
        "password ",
        "-----BEGIN",
        "a" * 31 + " ",
    ],
)
def test_texts_made_to_be_slow_are_read_to_the_end(seed: str) -> None:
    """Hangs, rather than fails, if a pattern goes back over what it passed."""
    look((seed * (RULES.chars_max // len(seed)))[: RULES.chars_max])


FRAGMENTS = (
    "Okafor", "okafor's", "amara", "Amara Okafor", "pump/Okafor", "a.okafor", "C-20417", "x-C-20417",
    "WO-1042's", "Harrow", "harrow valley water", "Nunez", "Núñez", "injured", "injured's", "sick leave",
    "12 Mill Lane", "SW1A 1AA", "IL 62704", "078-05-1120", "AB 12 34 56 C", "+4420794609", "0171/2345678",
    "555-123-4567", "4111 1111 1111 1111", "GB82WEST12345698765432", "A1" * 16, "z" * 40, "7", "20", "Weg 3",
    "Hauptstraße 12", "2026-11-21", "٣٤٥-١٢٣-٤٥٦٧", "Pump", "-", "/", ".", "Dr. Weber",
)  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.sampled_from([" ", "", "-", "\n"]))
def test_what_is_not_searched_could_not_have_been_found(parts: list[str], between: str) -> None:
    text = between.join(parts)
    searched = [replace(each, needs=("",), digits=0) for each in PATTERNS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "PATTERNS", searched)
        patch.setattr(classifier, "_strange", lambda *_: False)
        whole = look(text)
    assert look(text) == whole
