"""What a single word looks like: masks, shapes, cases, and the parts that a compound falls into.

Rules
1. Everything here is about one word and knows no history.
2. What a normal form says in figures or number words, the original word said too (`invents`).
"""

import re
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits

ID, SENSITIVE, NUM, DATE = "<id>", "<sensitive>", "<num>", "<date>"
MASKS = {ID: "id", SENSITIVE: "sensitive", NUM: "num", DATE: "date"}
#: No word that anybody wrote by hand is longer; what is, is taken as it stands.
WORD_CHARS_MAX = 40
SHAPE_CHARS_MAX = 10

DIGIT = re.compile(r"\d")
_DIGITS, _UPPER, _LOWER = re.compile(r"\d"), re.compile(r"[A-Z]"), re.compile(r"[a-z]")
_REPEATED = re.compile(r"(.)\1+")
_VOWELS = re.compile(r"[aeiou]")
_FIGURES = re.compile(r"\d+")
_MASK = re.compile("|".join(MASKS))
_NAMED = (
    "zero one two three four five six seven eight nine ten eleven twelve dozen twenty thirty forty fifty hundred "
    "thousand million half double triple pair both"
)
_NUMBER_WORDS = frozenset(_NAMED.split())
_LETTERS = re.compile(r"[a-z]+")


def has_digit(word: str) -> bool:
    """Whether there is a figure in `word`."""
    return DIGIT.search(word) is not None


_KINDS = str.maketrans(
    dict.fromkeys(digits, "9") | dict.fromkeys(ascii_uppercase, "A") | dict.fromkeys(ascii_lowercase, "a")
)


@lru_cache(maxsize=8192)
def shape(word: str) -> str:
    """The kinds of its characters: ``AN426`` is ``AA999``."""
    if word.isascii():
        return word[:SHAPE_CHARS_MAX].translate(_KINDS)
    return _UPPER.sub("A", _LOWER.sub("a", _DIGITS.sub("9", word)))[:SHAPE_CHARS_MAX]


@lru_cache(maxsize=8192)
def outline(word: str) -> str:
    """Its shape without case and repetition: ``AN426`` is ``A9``."""
    return _REPEATED.sub(r"\1", shape(word.upper()))


def case(word: str) -> str:
    """How it is written: in capitals, small, with a capital, mixed."""
    return "U" if word.isupper() else "l" if word.islower() else "T" if word.istitle() else "m"


def skeleton(word: str) -> str:
    """Its first letter and the consonants after it, each once: what shorthand tends to keep."""
    return word[:1] + _REPEATED.sub(r"\1", _VOWELS.sub("", word[1:]))


def one_left_out(word: str) -> set[str]:
    """`word`, and every word that has one of its letters less."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def invents(word: str, normal: str) -> bool:
    """Whether `normal` says a number that `word` does not say."""
    if normal.isalpha() and normal.isascii() and normal.lower() not in _NUMBER_WORDS:
        return False
    return normal not in MASKS and _invents(word, normal)


@lru_cache(maxsize=8192)
def _invents(word: str, normal: str) -> bool:
    said = set(_FIGURES.findall(word))
    plain = _MASK.sub(" ", normal)
    if any(figures not in said for figures in _FIGURES.findall(plain)):
        return True
    low = word.casefold()
    named = _NUMBER_WORDS.intersection(_LETTERS.findall(plain.casefold()))
    return bool(named) and not said and not all(each in low for each in named)


def masks_in(normal: str) -> list[str]:
    """The masks of a normal form, in its order."""
    return _MASK.findall(normal)
