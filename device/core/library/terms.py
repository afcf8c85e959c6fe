"""The words of a question and of a page, made comparable.

Rules
1. A word is compared by its stem; words that maintenance people use for one another count as the same, a little less.
2. A word with a digit in it names one thing (a model, a part, an alarm, a thread): it is compared as it stands, and
   never replaced by a similar one.
3. Words that only frame a question say nothing of what it is about.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"[^\W_]+(?:[-./,][^\W_]+)*")
_FRAME = frozenset(
    """a about above after all allowed also am an and any are as at back be been before being below between both but by
    can cannot could did do does doing done down each either else every exact exactly example far few find first for
    from get give given gives go had has have having he her here his how i if in instead into is it its just know let
    like made make makes many may me mean meant mine more most much must my need needed needs no not now of off on once
    one only onto or other our out over own per please possible put right said same say says see shall she should
    show so some still such take takes tell than that the their them then there these they this those through to too
    under until up upon us use used using very was way we were what when where whether which while who whom whose why
    will with within without would you your correct recommended required proper properly specified specification
    value number page manual manuals section handbook document according kind type sort there's what's must that's
    happen happens want wants work works fitted""".split()
)
#: Groups of words that stand for one another in maintenance texts.
_SAME = (
    "replace change renew swap exchange replacement",
    "torque tighten tightening tightness nm",
    "often interval frequency frequently",
    "maximum max highest most limit",
    "minimum min lowest least",
    "remedy cure fix repair solve",
    "cause reason why",
    "amount fill quantity volume capacity litre liter litres l",
    "isolate lockout lock isolation",
    "clean cleaning wash rinse",
    "blocked clogged dirty plugged choked",
    "noise sound noisy squeal rattle knocking",
    "hot warm temperature overheat heat",
    "lubricate grease lubricant lubrication oil",
    "current amps amp ampere amperage a",
    "voltage volts volt v",
    "pressure bar",
    "speed rpm revolutions",
    "yearly annual annually year",
    "monthly month",
    "weekly week",
    "quarterly quarter",
    "leak leakage weep drip leaking",
    "spare stock",
    "part number",
    "setpoint set-point setting",
    "vibration vibrate shake",
    "worn wear",
    "broken damaged damage",
    "trip shutdown shut-down cutout",
    "warning alarm",
    "measure check test",
    "danger hazard safety risk",
    "start starting startup",
    "permit permission",
    "weight weigh kg heavy",
    "gap clearance play",
    "fit install mount assemble",
    "remove dismantle disassemble",
)
_ENDINGS = (
    "ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "ness", "edly", "ably", "ally", "ers", "er",
    "ies", "ied", "ed", "es", "ly", "s", "e", "y",
)  # fmt: skip
#: As much of a stem as must be left.
_STEM_CHARS_MIN = 3
_HOW = frozenset("often long much many high low far large big hot deep thick fast heavy old tight wide small few".split())
_ASKS_NUMBER = frozenset(
    """torque pressure current voltage temperature speed flow interval limit range clearance gap amount capacity weight
    setting setpoint power size rating level frequency distance depth thickness deflection tension maximum
    minimum""".split()
)
_STEPS = re.compile(r"\bhow (?:do|does|can|should|is|are|must)\b|\bhow to\b|\bsteps?\b|\bprocedure\b|\border of\b", re.I)
_COUNTS = re.compile(r"\bhow (?:often|long|much|many|high|low|far|large|big|hot|deep|thick|fast|heavy|old|tight|wide)\b", re.I)


@dataclass(frozen=True, slots=True)
class Term:
    """One word that a question is about.

    Args:
        word: as it was asked.
        forms: how it may stand on a page, as `forms_of` writes it.
        similar: stems that count for it, a little less.
        named: it names one thing, so that no similar word counts for it.
    """

    word: str
    forms: frozenset[str]
    similar: frozenset[str] = frozenset()
    named: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about: its terms, whether a number is asked for, and whether steps are."""

    terms: tuple[Term, ...]
    number: bool
    steps: bool


def tokens(text: str) -> list[str]:
    """The words of a text as they stand; what hyphens, points and slashes join stays together."""
    return _TOKEN.findall(text)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A lower-case word without its ending."""
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
    for line in _SAME:
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
    counted = bool(_COUNTS.search(question))
    for at, token in enumerate(words):
        low = token.lower()
        if low in _FRAME or (low in _HOW and at and words[at - 1].lower() == "how" and low != "often"):
            continue
        if token.isdigit() and at and words[at - 1].isalpha() and words[at - 1].lower() not in _FRAME:
            joined = f"{words[at - 1]}{token}".lower()  # pump 7 is PUMP-7
            found.pop(words[at - 1].lower(), None)
            found[joined] = Term(f"{words[at - 1]} {token}", frozenset({joined}), named=True)
            continue
        found[low] = _term(low)
    terms = tuple(found.values())
    numeric = counted or any(stem(word.lower()) in _NUMERIC for word in words)
    return Asked(terms, numeric, bool(_STEPS.search(question)) and not counted)


_NUMERIC = frozenset(stem(word) for word in _ASKS_NUMBER)


def _term(low: str) -> Term:
    if names(low):
        return Term(low, frozenset({low, re.sub(r"[-./,]", "", low)}), named=True)
    if "-" in low or "/" in low or "." in low:
        return Term(low, forms_of(low) if low[0].isdigit() else frozenset({stem(re.sub(r"[-./,]", "", low))}),
                    frozenset(forms_of(low)))
    forms = forms_of(low)
    similar = frozenset(other for form in forms for other in _SIMILAR.get(form, ()))
    return Term(low, forms, similar)


def queried(terms: Iterable[Term]) -> str:
    """The terms as an FTS5 query: any of the words, or of those that stand for them; empty for no terms."""
    words = {word for term in terms for word in (term.word, *term.similar)}
    return " OR ".join(f'"{word.replace(chr(34), " ")}"' for word in sorted(words) if word.strip())
