"""Whether the rules understood a note to its last word, so that no model needs to be asked.

Rules
1. Sure is what has one reading: for every question one answer besides the refusal, and no doubt about it.
2. And of the note nothing is left over: every word of it is one that a proposal was read from, a name of the job or
   of its equipment, or of no consequence. A word that nobody read could turn the meaning round.
3. About a note that is not read (`device.core.unread`) nothing is left to ask.
"""

import json
import re
from collections.abc import Iterable

from device.core.interpret import Ask
from device.core.prompt import REFUSAL

#: Words, and signs that could mean something.
_WORD = re.compile(r"\w+|[^\w\s.,;:&+/()-]")
#: Of no consequence beside words that were understood. None of them denies, plans or asks.
_FILLERS = frozenset(
    {"a", "all", "an", "and", "at", "in", "is", "it", "now", "of", "on", "same", "the", "then", "with"}
)


def sure_answer(ask: Ask, names: Iterable[str]) -> str | None:
    """The answer that a model would have no reason to change, in the form that it is asked for; None if it might.

    Args:
        ask: about one note.
        names: of the job and of its equipment, as they may stand in a note.
    """
    if ask.unread is not None:
        return json.dumps({question.name: REFUSAL for question in ask.questions})
    chosen: dict[str, str] = {}
    for question in ask.questions:
        first, *rest = question.options
        if first == REFUSAL or rest != [REFUSAL]:
            return None
        chosen[question.name] = first
    proposals = [each for question in ask.questions for each in question.options[chosen[question.name]]]
    read = _words(each for proposal in proposals for each in proposal.words.values())
    left = _words([str(ask.note.payload["text"])]) - read - _words(names) - _FILLERS
    return None if left else json.dumps(chosen, ensure_ascii=False)


def _words(texts: Iterable[str]) -> set[str]:
    return {word.casefold() for text in texts for word in _WORD.findall(text)}
