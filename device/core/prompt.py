"""The words that a model sees: what to do, examples of it, and last one note with a draft and what else it may mean.

All but the last is the same for every note, job and device, so that a model works it out once. Its wording belongs to
the model's evaluation: whoever changes a word measures again.

The draft is what the rules think likeliest. A model that understands notes can correct it; one that is too small to
judge copies it, and so does no harm. The examples are made up and follow their drafts: after a few that do not, small
models deviate at random.
"""

import json
from collections.abc import Mapping, Sequence

#: As much of a note as the model is shown; candidates come from all of it.
NOTE_CHARS_SHOWN = 300
#: The answer that proposes nothing.
REFUSAL = "none"
#: Signs that are shown beside letters and digits; everything else becomes a blank.
_SHOWN = frozenset(" .,;:!?'’\"()/+-–−×=%°#&@²³<>*_")

INSTRUCTIONS = """\
Turn the technician's note into JSON. Choose only what the note says was done.

Note: Looked at coupling, rubber worn, fitted new rubber.
Draft: {"action": "fitted", "part": "Coupling rubber"}
Or: action: Looked at
{"action": "fitted", "part": "Coupling rubber"}

Note: KP2201 RENEW BRG LHS, waiting on crane
Draft: {"action": "RENEW", "part": "Bearing 6205", "state": "waiting on"}
Or: part: Bearing 6305
{"action": "RENEW", "part": "Bearing 6205", "state": "waiting on"}

Note: Cleaned the filter, vac 2.2 kPa
Draft: {"action": "Cleaned", "reading": "2.2 kPa"}
{"action": "Cleaned", "reading": "2.2 kPa"}

Note: 6 A fuse blown, replaced fuse, drawing 5.2 A, all good
Draft: {"action": "replaced", "part": "Fuse 6 A", "reading": "5.2 A", "state": "all good"}
{"action": "replaced", "part": "Fuse 6 A", "reading": "5.2 A", "state": "all good"}

Note: oil temp 71 C, level 40 %
Draft: {"reading": "71 C + 40 %"}
{"reading": "71 C + 40 %"}

"""


def prompt_for(note: str, choices: Mapping[str, Sequence[str]]) -> str:
    """The prompt for one note.

    Args:
        note: any text; shown as one line of at most `NOTE_CHARS_SHOWN` characters.
        choices: for each name, the answers, the likeliest first.
    """
    draft = json.dumps({name: answers[0] for name, answers in choices.items()}, ensure_ascii=False)
    others = "; ".join(f"{name}: {' | '.join(rest)}" for name, answers in choices.items() if (rest := _rest(answers)))
    shown = one_line(note[: 4 * NOTE_CHARS_SHOWN])[:NOTE_CHARS_SHOWN]
    return f"{INSTRUCTIONS}Note: {shown}\nDraft: {draft}\n" + (f"Or: {others}\n" if others else "")


def _rest(answers: Sequence[str]) -> list[str]:
    """What else to show: every model knows that it may refuse."""
    return [answer for answer in answers[1:] if answer != REFUSAL]


def one_line(text: str) -> str:
    """`text` without line ends, control characters, symbols, and blanks at its ends or side by side."""
    return " ".join("".join(char if char.isalnum() or char in _SHOWN else " " for char in text).split())
