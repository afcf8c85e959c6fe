"""What rules read from a note with an organisation's shorthand, and that everything leads back to the words said."""

import json

from hypothesis import given
from hypothesis import strategies as st

from device.core.candidates import plain
from device.core.candidates.spans import span_of
from device.core.interpret import Proposal, ask_for, grounded, read
from device.core.shorthand import spelled_out
from shared.vocabulary import Vocabulary, read_history
from tests.builders import JOB, PUMP, SEAL, record
from tests.unit.shared.vocabulary.history import VOCABULARY

ASSET = record(PUMP, name="Pump 7", limits=[{"quantity": "pressure", "unit": "bar", "low": 3.0, "high": 5.0}])
STOCK = [record(SEAL, name="Mechanical seal", part_no="SK-071", on_hand=4)]
STEPS = ("in_progress", "on_hold", "done")


def proposals(note: str, vocabulary: Vocabulary | None) -> tuple[Proposal, ...]:
    ask = ask_for(note, record(JOB, status="open"), ASSET, STOCK, STEPS, vocabulary)
    told = read(ask, json.dumps({question.name: next(iter(question.options)) for question in ask.questions}))
    assert not told.dropped
    assert all(grounded(each, ask) for each in told.proposals)
    return told.proposals


def test_shorthand_of_the_organisation_becomes_a_proposal_that_shows_the_words_that_were_said() -> None:
    note = "RPR DISCH VLV, 4.2 bar"
    assert [each.kind for each in proposals(note, None)] == ["note.added", "reading.recorded"]
    first, work, _ = proposals(note, VOCABULARY)
    assert first.payload == {"text": note}
    assert work.payload == {"field": "activity", "value": "repair"}
    assert work.words == {"value": "RPR"}


def test_the_organisation_knows_better_than_the_table_what_a_short_word_means() -> None:
    learned = Vocabulary.learned(read_history(("REP\treplace\nTYRE\ttyre\n\n" * 40).encode()))
    assert proposals("REP tyre", None)[1].payload["value"] == "repair"
    assert proposals("REP tyre", learned)[1].payload["value"] == "replace"


def test_a_part_that_only_the_spelled_out_note_names_is_found_once() -> None:
    made = proposals("C/O MECH SEAL", VOCABULARY)
    parts = [each for each in made if each.kind == "part.consumed"]
    assert [each.words["stock_item"] for each in parts] == ["MECH SEAL"]


def test_a_guess_never_makes_a_job_of_what_was_not_done() -> None:
    assert [each.kind for each in proposals("needs RPR next week", VOCABULARY)] == ["note.added"]


WORDS = ("RPR", "o", "ring", "o ring", "C/O", "MECH", "SEAL", "4.2", "bar", "QA117", ",", "done", "🔧", "x  y", "\t")
NOTE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


@given(NOTE)
def test_any_piece_of_the_spelled_out_note_leads_back_into_the_note(note: str) -> None:
    text = plain(note)
    told = spelled_out(text, VOCABULARY)
    for start in range(len(told.text)):
        for end in range(start + 1, min(len(told.text), start + 6) + 1):
            said = told.said(span_of(told.text, start, end))
            assert 0 <= said.start < said.end <= len(text)
            assert said.text == text[said.start : said.end]


@given(NOTE.filter(lambda note: plain(note).strip() != ""))
def test_with_a_vocabulary_too_everything_proposed_is_in_the_note(note: str) -> None:
    for each in proposals(note, VOCABULARY):
        assert all(words in plain(note) or words in note for words in each.words.values())
