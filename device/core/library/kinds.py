"""What kind of thing a question asks for, and what such a thing looks like where it stands."""

import re

STEPS = re.compile(
    r"\bhow (?:do|can|should|must) (?:i|we|you)\b|\bhow to\b|\bsteps?\b|\bprocedure\b|\bhow is\b", re.I
)
CAUSES = re.compile(r"\bwhy\b|\bcauses?\b|\breasons?\b|\bremed(?:y|ies)\b|\bwhat(?: is|'s) wrong\b", re.I)
#: What kind of thing answers a question, by how it is asked; the first that fits.
_WANTED = (
    ("interval", re.compile(r"\bhow often\b|\bintervals?\b|\bhow frequent", re.I)),
    ("duration", re.compile(r"\bhow long\b|\bhow many (?:seconds|minutes|hours|days|weeks|months|years)\b", re.I)),
    (
        "volume",
        re.compile(r"\b(?:how many lit(?:re|er)s|how much (?:oil|water|coolant|fuel|refrigerant|glycol))\b", re.I),
    ),
    ("mass", re.compile(r"\bhow heavy\b|\bweighs?\b|\bweight\b|\bhow many (?:grams|kilograms|kg)\b", re.I)),
    ("torque", re.compile(r"\btorques?\b|\bhow tight\b", re.I)),
    ("temperature", re.compile(r"\btemperatures?\b|\bhow (?:hot|warm|cold)\b", re.I)),
    ("pressure", re.compile(r"\bpressures?\b", re.I)),
    ("vibration", re.compile(r"\bvibrations?\b", re.I)),
    ("current", re.compile(r"\bcurrents?\b|\bhow many amp", re.I)),
    ("voltage", re.compile(r"\bvoltages?\b|\bhow many volts\b", re.I)),
    ("speed", re.compile(r"\bhow fast\b|\bspeeds?\b", re.I)),
    (
        "length",
        re.compile(
            r"\bhow (?:far|deep|thick|wide|high|large)\b|\bgaps?\b|\bclearances?\b|\bdistances?\b|\bdeflection\b",
            re.I,
        ),
    ),
    ("noise", re.compile(r"\bhow loud\b", re.I)),
    ("condition", re.compile(r"\bwhen\b", re.I)),
    ("number", re.compile(r"\bhow (?:many|much)\b", re.I)),
)
_TIME = r"s|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?"
_AMOUNT = r"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|twelve|half)"
#: What stands where such a thing stands: in the words themselves or in the head of their table.
SHAPES = {
    "interval": re.compile(
        rf"\bevery\b|\b(?:dai|week|month|quarter|year|half-year)ly\b|\beach\b|\d\s?(?:{_TIME})\b", re.I
    ),
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
    "condition": re.compile(
        r"\b(?:at \d|when|if|above|below|after|before|every|at least|until|within|once|as soon|more than|less than"
        r"|\w+ly)\b",
        re.I,
    ),
    "number": re.compile(r"\d"),
}
#: Kinds that no number need stand for.
WORDLESS = frozenset({"", "condition", "interval", "duration"})
_MEASURED = frozenset({"duration", "volume", "mass", "length", "speed", "noise", "temperature", "voltage", "current"})
_HOW_MUCH = re.compile(r"\bhow\b", re.I)


def wanted(question: str) -> str:
    """The kind of thing that answers a question, a key of `SHAPES`; empty if it may be anything."""
    return next((kind for kind, asks in _WANTED if asks.search(question)), "")


def is_measured(question: str, kind: str) -> bool:
    """Whether only a thing of that kind can answer: "how deep" asks for a length and for nothing else."""
    return kind in _MEASURED and bool(_HOW_MUCH.search(question))
