"""Notes that are kept and not read: other languages, contradictions, hidden characters."""

import pytest

from device.core.certainty import sure_answer
from device.core.unread import HIDDEN, LANGUAGE, unread
from simulators.bench.assistant.proposing import asked, proposed

FOREIGN = [
    "Dichtung gewechselt, 4,2 bar, fertig",
    "Service nicht gemacht",
    "SEAL KIT REPL NICHT FERTIG",
    "Inspektion durchgeführt, Test nicht bestanden",
    "Sollwert 5 bar",
    "Pumpe done",
    "kein Service",
    "Inspection pas faite",
    "Joint remplacé, pression 4,2 bar, terminé",
    "Le test n'a pas été fait",
    "mechanical seal kit non remplacé",
    "Service fait, 4 bar",
    "pression doit être 4 bar",
    "Bomba reparada, sello no cambiado",
    "не ремонтировал насос 4.2 bar done",
    "泵 已更换 4.2 bar done",
]
CONTRADICTIONS = [
    "replaced seal. did not replace seal.",
    "replaced seal but not replaced",
    "done, not done",
    "job done, job not done",
    "didn't replace the seal, replaced the seal",
]
HIDING = ["rep\x00laced seal", "REPL\u200bACED seal 4.2 bar", "replaced \u202eseal", "do\u00adne"]
READ = [
    "REPLACED SEAL 4.2 BAR DONE",
    "replaced seal 😀 done 👍 4.2 bar",
    "Replaced LH seal, RH not replaced",
    "replaced seal, did not replace bearing",
    "replaced seal, pump done, motor not done",
    "DU7016 Air con faulty, repaired",
    "Ø 40 hose replaced, 80 °C",
    "die set no longer in place, replaced seal",
    "replaced seal\t4.2 bar\nDone",
    "👨\u200d🔧 replaced seal",
]


@pytest.mark.parametrize(
    ("note", "why"),
    [*((note, LANGUAGE) for note in FOREIGN), *((note, HIDDEN) for note in HIDING)],
)
def test_nothing_is_read_and_a_sentence_says_why(note: str, why: str) -> None:
    assert unread(note) == why
    only_the_note(note)


@pytest.mark.parametrize("note", CONTRADICTIONS)
def test_what_contradicts_itself_is_named_with_both_its_words(note: str) -> None:
    why = unread(note)
    assert why is not None
    assert "both" in why
    only_the_note(note)


def only_the_note(note: str) -> None:
    """The note word for word, nothing else, and no model is asked."""
    (kept,) = proposed(note, None)
    assert kept.payload == {"text": note}
    assert sure_answer(asked(note, None), ()) is not None


@pytest.mark.parametrize("note", READ)
def test_capitals_emoji_and_other_things_are_read(note: str) -> None:
    assert unread(note) is None
    assert len(proposed(note, None)) > 1
