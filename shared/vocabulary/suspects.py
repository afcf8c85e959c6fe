"""Words that look like a name of somebody, whatever the history made of words like them.

Rules
1. Only words of which the history says nothing are looked at; the rest of a name stood for nothing in it.
2. A common given or family name is one, also as a part of a compound, in the possessive, or with a pet name's ending.
3. So is the last word of a long note that begins a name which the history knows, and no other word of it: systems of
   record cut notes off.
4. A single letter in front of a name is an initial.
"""

import re

from shared.vocabulary.forms import SENSITIVE, has_digit
from shared.vocabulary.lexicon import Lexicon
from shared.vocabulary.names import GIVEN_NAMES, NAMES

#: So many letters have to be left of a name that was cut off.
_CUT_CHARS_MIN = 5
_PARTS = re.compile(r"[^\W\d_]+")


def is_named(lexicon: Lexicon, low: str) -> bool:
    """Whether a word, in small letters, seems to be or to hold a name."""
    if lexicon.usual.get(low) or has_digit(low):
        return False
    if low.isalpha():
        return _is_name(low)
    return any(_is_name(part) and not lexicon.usual.get(part) for part in _PARTS.findall(low))


def is_cut_off(lexicon: Lexicon, low: str) -> bool:
    """Whether a word that is not known begins a name that is, and no other word."""
    return len(low) >= _CUT_CHARS_MIN and not lexicon.usual.get(low) and lexicon.begins_only(low, SENSITIVE)


def is_initial(word: str) -> bool:
    """Whether a word in front of a name is taken for its initial."""
    return word[:1].isalpha() and (len(word) == 1 or word[1:] == ".")


def _is_name(low: str) -> bool:
    return low in NAMES or (len(low) > 4 and low[-1] in "yo" and _is_pet_name(low))


def _is_pet_name(low: str) -> bool:
    """Whether it is a given name with an ending: ``toddy``, ``johnno``."""
    return low[:-1] in GIVEN_NAMES or (low[-2] == low[-3] and low[:-2] in GIVEN_NAMES)
