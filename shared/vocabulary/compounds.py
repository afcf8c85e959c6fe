"""Several words written as one: ``C/O-FILTER``, ``500HR``, ``pos3``, ``RepairPump``.

Rules
1. A compound is taken apart at its signs; the longest rows of parts that are known words of their own stay together.
2. A part is what it stands for beside such a sign, else what it stands for alone; a number is ``<num>``, other parts
   with figures are ``<id>``.
3. Where a part means nothing, nothing is guessed.
"""

import re

from shared.vocabulary.forms import ID, NUM, SENSITIVE, has_digit
from shared.vocabulary.lexicon import Lexicon

_PARTS = re.compile(r"[/&+#@=]|-+|[^/&+#\-@=]+")
_RANGE = re.compile(r"\d+-\d+")
_NUMBER_FIRST = re.compile(r"(\d+)([a-z].*)")
_NUMBER_LAST = re.compile(r"([a-z#/]+)(\d+)")
#: An asset's id with the next word stuck to it.
_STUCK = re.compile(r"([a-z]{1,4}-?\d{2,6})([a-z][a-z/']{2,})")
_HUMPS = re.compile(r"([A-Z]?[a-z]+)([A-Z][a-z]+)")
_SIGNS = {"#": "number", "@": "at", "&": "and", "/": "/", "+": "+", "=": "="}
_PARTS_MAX = 9


def taken_apart(lexicon: Lexicon, word: str) -> str | None:
    """The normal form of a compound; None if it is none, or a part of it means nothing."""
    low = word.lower().rstrip("\\")
    parts = _PARTS.findall(low)
    if len(parts) < 2:
        return low if low.isalpha() else _with_number(lexicon, low)
    if len(parts) > _PARTS_MAX:
        return None
    normal: list[str] = []
    at = 0
    while at < len(parts):
        end, form = _longest(lexicon, parts, at)
        if form is None:
            form, end = _part(lexicon, parts[at], slashed="/" in parts), at + 1
        if form is None:
            return None
        normal.append(form)
        at = end
    return " ".join(normal).replace(f"number {ID}", ID)


def _longest(lexicon: Lexicon, parts: list[str], at: int) -> tuple[int, str | None]:
    """The longest row of parts from `at` on that is known as one word, its end and its normal form."""
    for end in range(len(parts), at + 1, -1):
        row = "".join(parts[at:end])
        if end - at < len(parts) and row in lexicon.spoken:
            return end, lexicon.spoken[row]
        if _RANGE.fullmatch(row):
            return end, f"{NUM}-{NUM}"
    return at, None


def _part(lexicon: Lexicon, part: str, *, slashed: bool) -> str | None:
    if part in _SIGNS or part[0] == "-":
        return _SIGNS.get(part, "-")
    known = (lexicon.halves.get(part) if slashed else None) or lexicon.spoken.get(part)
    if known and not (len(part) < 3 and known == SENSITIVE):
        return known
    if part.isdigit():
        return NUM
    if has_digit(part):
        return _with_number(lexicon, part) or ID
    return _word(lexicon, part) if part.isalpha() else None


def _word(lexicon: Lexicon, part: str) -> str:
    if part in lexicon.words or len(part) < 4:
        return part
    near = lexicon.same_skeleton(part) or (lexicon.respelled(part) if len(part) > 5 else [])
    return near[0] if near else part


def _with_number(lexicon: Lexicon, low: str) -> str | None:
    """The normal form of a number and a word that are written together."""
    if match := _NUMBER_FIRST.fullmatch(low):
        unit = lexicon.units.get(match[2]) or lexicon.spoken.get(match[2])
        return f"{NUM} {unit}" if unit else None
    if (match := _NUMBER_LAST.fullmatch(low)) and match[1] in lexicon.numbered:
        return f"{lexicon.numbered[match[1]]} {NUM}"
    if (match := _STUCK.fullmatch(low)) and match[2] in lexicon.spoken:
        return f"{ID} {lexicon.spoken[match[2]]}"
    return None


def two_words(lexicon: Lexicon, word: str) -> str | None:
    """The two words that `word` is, written together; None if it is not two known ones."""
    if match := _HUMPS.fullmatch(word):
        return " ".join(lexicon.spoken.get(part.lower(), part.lower()) for part in match.groups())
    low = word.lower()
    best, times = None, 2
    for at in range(2, len(low) - 1) if len(low) > 5 else ():
        first, second = low[:at], low[at:]
        if first not in lexicon.spoken or second not in lexicon.spoken:
            continue
        if min(at, len(second)) < 3 and first not in {"lh", "rh"}:
            continue
        seen = min(lexicon.forms[first][0][1], lexicon.forms[second][0][1])
        if seen > times:
            best, times = f"{lexicon.spoken[first]} {lexicon.spoken[second]}", seen
    return best


def merged(lexicon: Lexicon, word: str, following: str, usual: str | None) -> list[str]:
    """The words of normal text that `word` and the word after it may be one of: ``hand rail`` is ``handrail``."""
    found: list[str] = []
    for second in (following, usual) if usual and usual != following else (following,):
        if second.isalpha():
            joined = (word + second, f"{word}-{second}", f"{word.upper()}-{second}")
            found.extend(each for each in joined if each in lexicon.words)
    return found
