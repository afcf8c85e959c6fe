"""The words that a model sees: what to do, examples of it, and last one note with the choices that it leaves.

All but the last is the same for every note, job and device, so that a model works it out once. Its wording belongs to
the model's evaluation: whoever changes a word measures again. The examples are made up for this purpose, show no
answer but the first choice (small models refuse everything after a few refusals), and no real job.
"""

from collections.abc import Iterable, Mapping

#: As much of a note as the model is shown; candidates come from all of it.
NOTE_CHARS_SHOWN = 300
#: Signs that are shown beside letters and digits; everything else becomes a blank.
_SHOWN = frozenset(" .,;:!?'’\"()/+-–−×=%°#&@²³<>*_")

INSTRUCTIONS = """\
Turn the technician's note into JSON. Choose only what the note says was done.

Note: Looked at coupling, rubber worn, fitted new rubber.
Choices: action: fitted | Looked at | none; part: Coupling rubber | none
{"action": "fitted", "part": "Coupling rubber"}

Note: KP2201 RENEW BRG LHS, waiting on crane
Choices: action: RENEW | none; part: Bearing 6205 | Bearing 6305 | none; state: waiting on | none
{"action": "RENEW", "part": "Bearing 6205", "state": "waiting on"}

Note: Cleaned the filter, vac 2.2 kPa
Choices: action: Cleaned | none; reading: 2.2 kPa | none
{"action": "Cleaned", "reading": "2.2 kPa"}

Note: 6 A fuse blown, replaced fuse, drawing 5.2 A, all good
Choices: action: replaced | none; part: Fuse 6 A | none; reading: 5.2 A | none; state: all good | none
{"action": "replaced", "part": "Fuse 6 A", "reading": "5.2 A", "state": "all good"}

Note: oil temp 71 C, level 40 %
Choices: reading: 71 C + 40 % | none
{"reading": "71 C + 40 %"}

"""


def prompt_for(note: str, choices: Mapping[str, Iterable[str]]) -> str:
    """The prompt for one note.

    Args:
        note: any text; shown as one line of at most `NOTE_CHARS_SHOWN` characters.
        choices: for each name, the answers, the likeliest first.
    """
    listed = "; ".join(f"{name}: {' | '.join(map(one_line, answers))}" for name, answers in choices.items())
    return f"{INSTRUCTIONS}Note: {one_line(note[: 4 * NOTE_CHARS_SHOWN])[:NOTE_CHARS_SHOWN]}\nChoices: {listed}\n"


def one_line(text: str) -> str:
    """`text` without line ends, control characters, symbols, and blanks at its ends or side by side."""
    return " ".join("".join(char if char.isalnum() or char in _SHOWN else " " for char in text).split())
