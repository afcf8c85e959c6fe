"""The words of a question and of a page, made comparable.

Rules
1. A word is compared by its stem; words that maintenance people use for one another count as the same, a little less.
2. A word with a digit in it names one thing (a model, a part, an alarm, a thread): it is compared as it stands, and
   never replaced by a similar one.
3. Words that only frame a question say nothing of what it is about.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from device.core.library.kinds import CAUSES, STEPS, is_measured, wanted

_TOKEN = re.compile(r"[^\W_]+(?:[-./,][^\W_]+)*")
_LISTS = tomllib.loads((resources.files("device.core.library") / "words.toml").read_text(encoding="utf-8"))
_FRAME, _ACTS, _HOW = (frozenset(_LISTS[name].split()) for name in ("frame", "acts", "how"))
_ENDINGS: tuple[str, ...] = tuple(_LISTS["endings"].split())
_IRREGULAR: dict[str, str] = _LISTS["irregular"]
#: As much of a stem as must be left.
_STEM_CHARS_MIN = 3


@dataclass(frozen=True, slots=True)
class Term:
    """One word that a question is about.

    Args:
        word: as it was asked.
        forms: how it may stand on a page, as `forms_of` writes it.
        similar: stems that count for it, a little less.
        named: it names one thing, so that no similar word counts for it.
        act: it is something that is done with everything.
    """

    word: str
    forms: frozenset[str]
    similar: frozenset[str] = frozenset()
    named: bool = False
    act: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about.

    Args:
        terms: its words.
        wants: the kind of thing that answers it, a key of `device.core.library.kinds.SHAPES`; empty for any.
        steps: steps are asked for.
        causes: causes are asked for, or remedies.
        measured: only a thing of that kind can answer it.
    """

    terms: tuple[Term, ...]
    wants: str
    steps: bool
    causes: bool
    measured: bool = False


def tokens(text: str) -> list[str]:
    """The words of a text as they stand; what hyphens, points and slashes join stays together."""
    return _TOKEN.findall(text)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A lower-case word without its ending."""
    word = _IRREGULAR.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_CHARS_MIN:
            return _bare(word[: -len(ending)])
    return word


def _bare(cut: str) -> str:
    """Without a doubled last letter, or the e and y that come and go before an ending."""
    if len(cut) > _STEM_CHARS_MIN and cut[-1] == cut[-2] and cut[-1] not in "ls":
        return cut[:-1]
    return cut[:-1] if len(cut) > _STEM_CHARS_MIN and cut[-1] in "eyi" else cut


def _groups() -> dict[str, frozenset[str]]:
    same: dict[str, set[str]] = {}
    for line in _LISTS["same"].splitlines():
        stems = {stem(word) for word in line.split()}
        for each in stems:
            same.setdefault(each, set()).update(stems)
    return {each: frozenset(stems - {each}) for each, stems in same.items()}


_SIMILAR = _groups()


def names(token: str) -> bool:
    """Whether a token names one thing: it has a digit and something else."""
    return any(char.isdigit() for char in token) and not all(char.isdigit() or char in ".,/" for char in token)


@lru_cache(maxsize=20_000)
def forms_of(token: str) -> frozenset[str]:
    """How a token is compared: as a stem, as a name, as a number, and by its parts."""
    low = token.lower()
    if low[0].isdigit() and not names(low):
        return frozenset({low.replace(",", ".").rstrip(".")})
    parts = [part for part in re.split(r"[-./,]", low) if part]
    if names(low):
        return frozenset({low, "".join(parts), *(part for part in parts if not part.isdigit() or len(parts) == 1)})
    if len(parts) > 1:
        return frozenset({stem("".join(parts)), *(stem(part) for part in parts)})
    return frozenset({stem(low)})


def all_forms(text: str) -> frozenset[str]:
    """Every form of every word of a text; two neighbours of which the second is a number count as one name too."""
    found: set[str] = set()
    before = ""
    for token in tokens(text):
        found |= forms_of(token)
        if token.isdigit() and before.isalpha():
            found.add(f"{before}{token}".lower())
        before = token
    return frozenset(found)


def asked(question: str) -> Asked:
    """What a question is about."""
    found: dict[str, Term] = {}
    words = tokens(question)
    for at, token in enumerate(words):
        low, before = token.lower(), words[at - 1].lower() if at else ""
        if low in _FRAME or (low in _HOW and before == "how"):
            continue
        if token.isdigit() and before.isalpha() and before not in _FRAME:
            found.pop(before, None)
            found[f"{before}{token}"] = Term(f"{before} {token}", frozenset({f"{before}{token}"}), named=True)
            continue
        found[low] = _term(low)
    kind, causes = wanted(question), bool(CAUSES.search(question))
    return Asked(tuple(found.values()), kind, bool(STEPS.search(question)), causes, is_measured(question, kind))


_ACT_STEMS = frozenset(stem(word) for word in _ACTS)


def _term(low: str) -> Term:
    if names(low):
        return Term(low, frozenset({low, re.sub(r"[-./,]", "", low)}), named=low[0].isalpha())
    if "-" in low or "/" in low or "." in low:
        return Term(
            low,
            forms_of(low) if low[0].isdigit() else frozenset({stem(re.sub(r"[-./,]", "", low))}),
            frozenset(forms_of(low)),
        )
    forms = forms_of(low)
    similar = frozenset(other for form in forms for other in _SIMILAR.get(form, ()))
    return Term(low, forms, similar, act=bool(forms & _ACT_STEMS))


def queried(terms: Iterable[Term]) -> str:
    """The terms as an FTS5 query: any of the words, or of those that stand for them; empty for no terms."""
    words = {word for term in terms for word in (term.word, *term.similar)}
    return " OR ".join(f'"{word.replace(chr(34), " ")}"' for word in sorted(words) if word.strip())
