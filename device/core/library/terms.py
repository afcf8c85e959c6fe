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
    happen happens want wants work works fitted because goes going done being often cause causes reason reasons wrong
    allowed necessary""".split()
)
#: What people do with everything: it says less of what a question is about than what they do it to.
_ACTS = frozenset(
    """replace change changed clean check measure set adjust fit remove open close wait look turn hold run keep start stop
    enter exchange reset add act acts fill carry carried drive cause lie stand store act keep kept contain contains have
    hold holds cover covers come comes stay stays break show shows""".split()
)
#: Groups of words that stand for one another in maintenance texts.
_SAME = (
    "replace change renew swap exchange replacement",
    "torque tighten tightening tightness nm",
    "maximum max highest most limit high upper",
    "minimum min lowest least low lower",
    "remedy cure fix repair solve",
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
    "ations", "ation", "ating", "ators", "ator", "ated", "ates", "ate", "ages", "age", "ments", "ment", "ings", "ing", "ions", "ion", "ness", "edly", "ably", "ally", "ers", "er",
    "ies", "ied", "ed", "es", "ly", "s", "e", "y",
)  # fmt: skip
_IRREGULAR = {
    "kept": "keep", "held": "hold", "broken": "break", "broke": "break", "worn": "wear", "torn": "tear",
    "blown": "blow", "blew": "blow", "ran": "run", "burnt": "burn", "stuck": "stick", "spun": "spin", "bent": "bend",
    "fed": "feed", "cut": "cut", "lost": "lose", "driven": "drive", "drove": "drive", "wound": "wind", "swung": "swing",
    "feet": "foot", "teeth": "tooth", "heavier": "heavy", "heaviest": "heavy",
}  # fmt: skip
#: As much of a stem as must be left.
_STEM_CHARS_MIN = 3
_HOW = frozenset("often long much many high low far large big hot deep thick fast heavy old tight wide small few loud".split())
_STEPS = re.compile(r"\bhow (?:do|can|should|must) (?:i|we|you)\b|\bhow to\b|\bsteps?\b|\bprocedure\b|\bhow is\b", re.I)
_CAUSES = re.compile(r"\bwhy\b|\bcauses?\b|\breasons?\b|\bremed(?:y|ies)\b|\bwhat(?: is|'s) wrong\b", re.I)
#: What kind of thing answers a question, by how it is asked; the first that fits.
_WANTED = (
    ("interval", re.compile(r"\bhow often\b|\bintervals?\b|\bhow frequent", re.I)),
    ("duration", re.compile(r"\bhow long\b|\bhow many (?:seconds|minutes|hours|days|weeks|months|years)\b", re.I)),
    ("volume", re.compile(r"\b(?:how many lit(?:re|er)s|how much (?:oil|water|coolant|fuel|refrigerant|glycol))\b", re.I)),
    ("mass", re.compile(r"\bhow heavy\b|\bweighs?\b|\bweight\b|\bhow many (?:grams|kilograms|kg)\b", re.I)),
    ("torque", re.compile(r"\btorques?\b|\bhow tight\b", re.I)),
    ("temperature", re.compile(r"\btemperatures?\b|\bhow (?:hot|warm|cold)\b", re.I)),
    ("pressure", re.compile(r"\bpressures?\b", re.I)),
    ("vibration", re.compile(r"\bvibrations?\b", re.I)),
    ("current", re.compile(r"\bcurrents?\b|\bhow many amp", re.I)),
    ("voltage", re.compile(r"\bvoltages?\b|\bhow many volts\b", re.I)),
    ("speed", re.compile(r"\bhow fast\b|\bspeeds?\b", re.I)),
    ("length", re.compile(r"\bhow (?:far|deep|thick|wide|high|large)\b|\bgaps?\b|\bclearances?\b|\bdistances?\b|\bdeflection\b", re.I)),
    ("noise", re.compile(r"\bhow loud\b", re.I)),
    ("condition", re.compile(r"\bwhen\b", re.I)),
    ("number", re.compile(r"\bhow (?:many|much)\b", re.I)),
)
_TIME = r"s|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?"
_AMOUNT = r"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|twelve|half)"
#: What stands where such a thing stands: in the words themselves or in the head of their table.
SHAPES = {
    "interval": re.compile(rf"\bevery\b|\b(?:dai|week|month|quarter|year|half-year)ly\b|\beach\b|\d\s?(?:{_TIME})\b", re.I),
    "duration": re.compile(rf"{_AMOUNT}[\w.]*\s*(?:{_TIME})\b", re.I),
    "volume": re.compile(r"\b(?:l|ml|litres?|liters?|m3|kg)\b", re.I),
    "mass": re.compile(r"\b(?:kg|g|grams?|t)\b", re.I),
    "torque": re.compile(r"\bNm\b|\bturns?\b"),
    "temperature": re.compile(r"\b[CKF]\b|°"),
    "pressure": re.compile(r"\bm?bar\b|\b[kM]?Pa\b", re.I),
    "vibration": re.compile(r"\bmm/s\b"),
    "current": re.compile(r"\bm?A\b"),
    "voltage": re.compile(r"\bk?V\b"),
    "speed": re.compile(r"\brpm\b|\bm/s\b|\bper second\b|\bHz\b", re.I),
    "length": re.compile(r"\b(?:mm|cm|m)\b"),
    "noise": re.compile(r"\bdB\b"),
    "condition": re.compile(r"\b(?:at \d|when|if|above|below|after|before|every|at least|until|within|once|as soon|more than|less than|\w+ly)\b", re.I),
    "number": re.compile(r"\d"),
}
#: Kinds that no number need stand for.
WORDLESS = frozenset({"", "condition", "interval", "duration"})
_MEASURED = frozenset({"duration", "volume", "mass", "length", "speed", "noise", "temperature", "voltage", "current"})
_HOW_MUCH = re.compile(r"\bhow\b", re.I)


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
    """What a question is about: its terms; the kind of thing that answers it, a key of `SHAPES` or nothing; and
    whether steps are asked for, or causes; `measured`: only such a thing can answer it."""

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
    for at, token in enumerate(words):
        low, before = token.lower(), words[at - 1].lower() if at else ""
        if low in _FRAME or (low in _HOW and before == "how"):
            continue
        if token.isdigit() and before.isalpha() and before not in _FRAME:
            found.pop(before, None)
            found[f"{before}{token}"] = Term(f"{before} {token}", frozenset({f"{before}{token}"}), named=True)
            continue
        found[low] = _term(low)
    wants = next((kind for kind, asks in _WANTED if asks.search(question)), "")
    steps = bool(_STEPS.search(question))
    measured = wants in _MEASURED and bool(_HOW_MUCH.search(question))
    return Asked(tuple(found.values()), wants, steps, bool(_CAUSES.search(question)), measured)


_ACT_STEMS = frozenset(stem(word) for word in _ACTS)


def _term(low: str) -> Term:
    if names(low):
        return Term(low, frozenset({low, re.sub(r"[-./,]", "", low)}), named=low[0].isalpha())
    if "-" in low or "/" in low or "." in low:
        return Term(low, forms_of(low) if low[0].isdigit() else frozenset({stem(re.sub(r"[-./,]", "", low))}),
                    frozenset(forms_of(low)))
    forms = forms_of(low)
    similar = frozenset(other for form in forms for other in _SIMILAR.get(form, ()))
    return Term(low, forms, similar, act=bool(forms & _ACT_STEMS))


def queried(terms: Iterable[Term]) -> str:
    """The terms as an FTS5 query: any of the words, or of those that stand for them; empty for no terms."""
    words = {word for term in terms for word in (term.word, *term.similar)}
    return " OR ".join(f'"{word.replace(chr(34), " ")}"' for word in sorted(words) if word.strip())
