"""A learned vocabulary: what it makes of notes, the same bytes every time, and hostile bytes and texts."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.compression import pack, unpack
from shared.vocabulary import BadHistory, BadVocabulary, Mark, Vocabulary, cross_validated, grade, read_history
from shared.vocabulary.coding import VOCABULARY_BYTES_MAX
from shared.vocabulary.forms import MASKS, invents
from shared.vocabulary.vocabulary import WORDS_MAX
from tests.unit.shared.vocabulary.history import NOTES, RAW, VOCABULARY, made_up

HEAD, _, BODY = RAW.partition(b"\n")


def normal(note: str, vocabulary: Vocabulary = VOCABULARY) -> list[str]:
    return [token.normal for token in vocabulary.normalise(note).tokens]


def spoiled(**changes: object) -> bytes:
    """The vocabulary with some of its parts replaced."""
    document = json.loads(unpack(BODY, 1 << 26))
    return HEAD + b"\n" + pack(json.dumps({**document, **changes}).encode())


# -- what it makes of notes


def test_shorthand_is_spelled_out_with_the_words_that_it_comes_from() -> None:
    note = "Repl inlt fltr on QA117, c/o o ring (asap)."
    read = VOCABULARY.normalise(note)
    assert [(note[token.start : token.end], token.normal) for token in read.tokens] == [
        ("Repl", "replace"),
        ("inlt", "inlet"),
        ("fltr", "filter"),
        ("on", "on"),
        ("QA117", "QA117"),
        ("c/o", "change out"),
        ("o ring", "o-ring"),
        ("asap", "ASAP"),
    ]
    assert read.note == note
    assert read.whole


def test_an_id_that_was_never_seen_is_known_by_its_look() -> None:
    unseen, known = VOCABULARY.normalise("QD455 REPL").tokens
    assert (unseen.normal, unseen.marks) == ("QD455", frozenset({Mark.ID}))
    assert (known.normal, known.marks) == ("replace", frozenset())


def test_ids_names_numbers_and_dates_are_marked_and_stay_as_they_were_said() -> None:
    tokens = VOCABULARY.normalise("QD455 REPL MTR BRG 750 HR 12/06/19 Orinoco").tokens
    marks = {token.normal: set(token.marks) for token in tokens if token.marks}
    assert marks == {
        "QD455": {Mark.ID},
        "750": {Mark.NUMBER},
        "12/06/19": {Mark.DATE},
        "Orinoco": {Mark.SENSITIVE},
    }


def test_what_is_learned_is_better_than_leaving_notes_as_they_are_on_notes_that_it_does_not_know() -> None:
    told = cross_validated(NOTES, 3)
    assert told.words == sum(map(len, NOTES))
    assert told.error_reduction > 0.95
    assert told.ids.recall > 0.99
    assert told.sensitive.missed == 0


def test_a_leak_is_counted() -> None:
    notes = read_history(b"REPL\t<sensitive>\nRPR\trepair\n")
    told = grade(VOCABULARY, notes).sensitive
    assert (told.found, told.missed) == (0, 1)
    assert told.recall == 0


# -- the same history, the same bytes


def test_the_same_history_gives_the_same_bytes_in_another_process() -> None:
    program = "import zlib; from tests.unit.shared.vocabulary.history import RAW; print(zlib.crc32(RAW))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_what_was_written_is_read_and_means_the_same() -> None:
    again = Vocabulary.from_bytes(RAW)
    assert again.to_bytes() == RAW
    words = [[word for word, _ in note] for note in NOTES[:200]]
    assert [again.readings(each) for each in words] == [VOCABULARY.readings(each) for each in words]


# -- hostile bytes


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "none"),
        (b"GIF89a", "none"),
        (HEAD[:-1] + b"9\n" + BODY, "another format"),
        (RAW[:-20], "not whole"),
        (HEAD + b"\n" + b"\x1f\x8b" + BODY[2:200], "whole|damaged"),
        (b"x" * (VOCABULARY_BYTES_MAX + 1), "at most"),
        (HEAD + b"\n" + pack(b" " * (49 << 20)), "more than"),
        (HEAD + b"\n" + pack(b'{"forms":{},"forms":{}}'), "twice"),
        (HEAD + b"\n" + pack(b"[" * 100 + b"]" * 100), "deeper"),
        (HEAD + b"\n" + pack(b"{}"), "agreed parts"),
        (spoiled(more={}), "agreed parts"),
        (spoiled(forms=[]), "table"),
        (spoiled(forms={"a": []}), "forms of"),
        (spoiled(forms={"a": [["b", 0]]}), "a form of"),
        (spoiled(forms={"a": [["b", True]]}), "a form of"),
        (spoiled(forms={"a": [["b", 1], ["b", 2]]}), "stands twice"),
        (spoiled(forms={"a": [["b" * 900, 1]]}), "a form of"),
        (spoiled(forms={"a" * 900: [["b", 1]]}), "too long"),
        (spoiled(pairs={"a": {"b": -1}}), "out of range"),
        (spoiled(kinds={"a": 1.5}), "out of range"),
        (spoiled(kinds={"a": 10**9}), "out of range"),
        (spoiled(looks={"a": {"b": {"c": "d"}}}), "out of range"),
        (spoiled(words={"a": {"b": {"c": []}}}), "table"),
    ],
)
def test_bytes_that_are_no_vocabulary_are_refused_by_name(raw: bytes, why: str) -> None:
    with pytest.raises(BadVocabulary, match=why):
        Vocabulary.from_bytes(raw)


@pytest.mark.parametrize("form", ["42 bar", "two", "P-7", "a pair"])
def test_a_vocabulary_cannot_invent_a_number(form: str) -> None:
    with pytest.raises(BadVocabulary, match="says a number"):
        Vocabulary.from_bytes(spoiled(forms={"filter": [[form, 5]]}))


def test_what_a_history_invents_is_not_learned() -> None:
    learned = Vocabulary.learned(read_history(("PRESS\t42 bar\nLOW\tlow\n\n" * 50).encode()))
    assert normal("PRESS LOW", learned) == ["press", "low"]


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_refused(raw: bytes) -> None:
    for each in (raw, HEAD + b"\n" + raw, HEAD + b"\n" + pack(raw)):
        with pytest.raises(BadVocabulary):
            Vocabulary.from_bytes(each)


# -- hostile histories


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no notes"),
        (b"\xff\xfe", "UTF-8"),
        (b"REPL replace\n", "line 1"),
        (b"REPL\treplace\n\nA B\tc\n", "line 3"),
        (b"REPL\tre\tplace\n", "line 1"),
        (b"R" * 500 + b"\treplace\n", "line 1"),
    ],
)
def test_a_file_that_is_no_history_is_refused_with_the_line(raw: bytes, why: str) -> None:
    with pytest.raises(BadHistory, match=why):
        read_history(raw)


def test_lines_may_end_as_on_windows_and_begin_with_a_mark() -> None:
    assert read_history(b"\xef\xbb\xbf" + made_up(3).replace("\n", "\r\n").encode()) == NOTES[:3]


# -- any text at all

ODD = (
    *("REPL", "o", "ring", "C/O-FLTR", "QA117", "500HR", "12/06/19", "re", "-", "//", "&#", "<id>", "<num>7"),
    *("REPL" * 40, "1" * 60, "\x00\x1b[2J", "🔧🔧", "Клапан", "阀门漏水", "ﬁlter", "İ", "\u202eREPL", "\ud7ff"),
)
PIECES = st.one_of(st.text(max_size=30), st.sampled_from(ODD))
NOTE = st.lists(PIECES, max_size=20).map(" ".join)


@given(NOTE)
def test_every_token_stands_on_words_of_the_note_in_their_order(note: str) -> None:
    read = VOCABULARY.normalise(note)
    end = 0
    for token in read.tokens:
        assert end <= token.start < token.end <= len(note)
        assert not note[token.start].isspace()
        end = token.end


@given(NOTE)
def test_no_number_and_no_id_comes_out_that_did_not_go_in(note: str) -> None:
    for token in VOCABULARY.normalise(note).tokens:
        words = note[token.start : token.end]
        assert set(re.findall(r"\d+", token.normal)) <= set(re.findall(r"\d+", words))
        assert not invents(words, token.normal)
        assert not any(mask in token.normal and mask not in words for mask in MASKS)


def test_a_mask_that_the_words_cannot_fill_leaves_the_words() -> None:
    learned = Vocabulary.learned(
        read_history(("2X4\t<num> by <num>\nPLANK\tplank\n\nTWO\t<num> off\n\n" * 60).encode())
    )
    assert normal("2X4 PLANK", learned) == ["2 by 4", "plank"]
    assert normal("TWO", learned) == ["TWO"]


@given(st.lists(st.text(min_size=1, max_size=12).filter(lambda word: not word.isspace()), max_size=12))
def test_each_word_gets_one_reading(words: list[str]) -> None:
    assert len(VOCABULARY.readings(words)) == len(words)


@settings(max_examples=20)
@given(st.sampled_from(["Клапан протекает", "REPL FLTR!!", "valve\x07\x00stuck", "🔧", "a" * 5000, "1-" * 3000]))
def test_a_pasted_document_is_bounded_and_says_that_it_was_not_read_as_a_whole(text: str) -> None:
    note = " ".join([text] * (WORDS_MAX + 1))
    read = VOCABULARY.normalise(note)
    assert not read.whole
    assert read.tokens[-1].end <= len(note)
    assert all(not token.marks for token in read.tokens[-1:])
