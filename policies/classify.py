"""How sensitive a text is, by rules that anybody can read: what was found, where, and never which words.

Rules
1. The class starts with what was declared, and only rises. Nothing declared is `restricted`.
2. What cannot be read as a whole is `restricted`: a text that was cut, is too long, holds characters that hide or
   imitate others, or is mostly in a script that the rules do not know.
3. Names, customers and ids that the organisation knows are found by word, in any case and with or without accents.
   A first or last name alone counts where it is written like a name.
4. A learned opinion may raise the class and never lowers it. So does what a learned vocabulary marks.
5. The work grows with the length of the text and with nothing else: no pattern looks back over what it passed.

Both sides of the link use it: the device before it decides, the server because it believes no device.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from policies.rulebook import Classifier
from shared.routing import DataClass, highest
from shared.vocabulary.tokens import Mark, Token

#: So many findings say it; the rest are not listed.
FOUND_MAX = 64

_WORD = re.compile(r"[^\W_]++(?:['’._/-][^\W_]++)*+")
_PARTS = re.compile(r"[^\W_]++")
#: Hidden, private, unassigned or imitating characters: controls, zero widths, directions, full widths, tags.
_UNREADABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uff00-\uffff\U0001d400-\U0001d7ff\U000e0000-\U0010ffff]"
)
_LATIN = "\u0041-\u005a\u0061-\u007a\u00aa-\u024f\u1e00-\u1eff"
_FOREIGN = re.compile(rf"[^\W\d_{_LATIN}\u0370-\u03ff]")  # neither Latin nor the Greek of formulae
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_MIXED = re.compile(rf"[{_LATIN}][^\W\d_{_LATIN}]|[^\W\d_{_LATIN}][{_LATIN}]")


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that fired, and where: positions in the text, not its words."""

    rule: str
    data_class: DataClass
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of a text, and what made it so."""

    data_class: DataClass
    found: tuple[Found, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """The rules that fired, sorted, each once: for logs, counts and screens."""
        return tuple(sorted({each.rule for each in self.found}))


@dataclass(slots=True)
class _Branch:
    """A word of the tree of known words: what follows it, and what it means if nothing does."""

    follows: dict[str, "_Branch"] = field(default_factory=dict)
    meaning: tuple[str, DataClass] | None = None
    as_name: tuple[str, DataClass] | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known words and names as a tree, made once and used for every text."""

    tree: _Branch
    rules: Classifier


def vocabulary(
    rules: Classifier,
    *,
    people: Iterable[str] = (),
    customers: Iterable[str] = (),
    ids: Iterable[str] = (),
) -> Vocabulary:
    """What to look for, out of the rule book and of the organisation's own names."""
    tree = _Branch()
    classes = rules.classes
    for data_class, phrases in rules.words.items():
        for phrase in phrases:
            _plant(tree, phrase, ("word", data_class))
    for rule, names in (("id", ids), ("customer", customers), ("person", people)):
        meaning = (rule, classes.get(rule, DataClass.RESTRICTED))  # type: ignore[call-overload]
        for name in names:
            if rule != "person" or not name.isalpha():  # "Mark" alone is a name only where it is written like one
                _plant(tree, name, meaning)
    as_name = ("person", classes.get("person", DataClass.RESTRICTED))
    for part in (part for name in people for part in _words(name) if len(part) >= 3):
        tree.follows.setdefault(part, _Branch()).as_name = as_name
    return Vocabulary(tree, rules)


def _plant(tree: _Branch, phrase: str, meaning: tuple[str, DataClass]) -> None:
    branch = tree
    for word in _words(phrase):
        branch = branch.follows.setdefault(word, _Branch())
    if branch is not tree:
        branch.meaning = meaning if branch.meaning is None else max(meaning, branch.meaning, key=lambda m: m[1].rank)


def _words(phrase: str) -> list[str]:
    return [_folded(found[0]) for found in _WORD.finditer(phrase)]


def _folded(word: str) -> str:
    """`word` as it is compared: without case, accents and the possessive."""
    folded = word.casefold()
    if not folded.isascii():
        apart = unicodedata.normalize("NFKD", folded)
        folded = "".join(each for each in apart if not unicodedata.combining(each)).replace("’", "'")
    return folded.removesuffix("'s")


def classify(
    text: str,
    known: Vocabulary,
    *,
    declared: DataClass | None,
    learned: DataClass | None = None,
    marked: Iterable[Token] = (),
    whole: bool = True,
) -> Classified:
    """The class of `text`.

    Args:
        text: what a person wrote, or what would leave.
        known: what to look for (`vocabulary`).
        declared: of the record fields that it comes from, or of typed words; None if nobody can say.
        learned: what a model thinks of it; raises only.
        marked: words of it that the organisation's vocabulary takes for ids or names; raise only.
        whole: False if the text was cut somewhere.
    """
    base = [] if declared else [Found("undeclared", DataClass.RESTRICTED, 0, len(text))]
    if learned:
        base.append(Found("learned", learned, 0, len(text)))
    found = [*base, *_look(text, known, whole=whole), *_marked(marked, known.rules)]
    return Classified(
        highest(*([declared] if declared else []), *(each.data_class for each in found)), tuple(found[:FOUND_MAX])
    )


def _marked(tokens: Iterable[Token], rules: Classifier) -> Iterator[Found]:
    """What a vocabulary marked: a name is one of a person or of an organisation, and counts as the higher of both."""
    for token in tokens:
        for mark, rules_of in ((Mark.ID, ("id",)), (Mark.SENSITIVE, ("person", "customer"))):
            if mark in token.marks:
                classes = [rules.classes.get(rule, DataClass.RESTRICTED) for rule in rules_of]  # type: ignore[call-overload]
                yield Found(f"marked_{mark.value}", highest(*classes), token.start, token.end)


def _look(text: str, known: Vocabulary, *, whole: bool) -> Iterator[Found]:
    obscure = _obscure(text, known.rules, whole=whole)
    if obscure is not None:
        yield obscure
    if len(text) <= known.rules.chars_max:
        yield from _patterns(text, known.rules)
        yield from _vocabulary(text, known.tree)


# -- what cannot be read


def _obscure(text: str, rules: Classifier, *, whole: bool) -> Found | None:
    rule = (
        "truncated" if not whole
        else "too_long" if len(text) > rules.chars_max
        else "" if text.isascii() and text.isprintable()
        else "unreadable" if _UNREADABLE.search(text)
        else "" if text.isascii()
        else "mixed_scripts" if _imitates(text)
        else "script" if _is_foreign(text)
        else ""
    )  # fmt: skip
    return Found(rule, DataClass.RESTRICTED, 0, len(text)) if rule else None


def _imitates(text: str) -> bool:
    """Whether letters of two scripts stand in one word, as in a name written with a Cyrillic o."""
    return any(_MIXED.search(word[0]) and _FOREIGN.search(word[0]) for word in _PARTS.finditer(text))


def _is_foreign(text: str) -> bool:
    """Whether a fifth of the letters are of a script that the rules do not know."""
    return 5 * len(_FOREIGN.findall(text)) > len(_LETTER.findall(text))


# -- what looks like something


def _luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    doubled = [int(each) * (1 + index % 2) for index, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _card(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    return 13 <= len(digits) <= 19 and _luhn(digits)


def _iban(found: str) -> bool:
    """Source: ISO 13616, check digits by ISO/IEC 7064 MOD 97-10."""
    packed = found.replace(" ", "")
    return 15 <= len(packed) <= 34 and int("".join(str(int(each, 36)) for each in packed[4:] + packed[:4])) % 97 == 1


def _number_to_call(found: str) -> bool:
    """Digits enough, and neither a date nor a time: notes are full of those."""
    digits = sum(each.isdigit() for each in found)
    return 8 <= digits <= 15 and not _DATE.match(found)


def _random(found: str) -> bool:
    """Letters and digits in one long word without a pause: a key, a token, something encoded."""
    return any(each.isdigit() for each in found) and any(each.isalpha() for each in found)


def _always(_: str) -> bool:
    return True


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4}")
_STREET = "street|road|avenue|lane|boulevard|crescent|terrace|close|drive|square|court|st|rd|ave|ln|blvd|dr"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A rule, what it looks like, and what must be true of a match besides.

    `needs` are words of which a text must hold one, `digits` how many digits it must hold: a text that lacks them is
    not searched.
    """

    rule: str
    looks: re.Pattern[str]
    holds: Callable[[str], bool] = _always
    needs: tuple[str, ...] = ("",)
    digits: int = 0


#: What is looked for. Every repetition is bounded or possessive, so that no pattern goes back over what it passed.
PATTERNS: tuple[_Pattern, ...] = (
    _Pattern("secret", re.compile(
        r"\b(?:pass(?:word|wd|code|phrase)|passwort|kennwort|secret|token|bearer|(?:api|access|private)[ _-]?key)"
        r"\b(?:\s{0,3}(?:is|ist|:|=|->))?\s{1,3}\S|\bpin(?: ?code)?(?:\s{0,3}(?:is|ist|:|=))?\s{1,3}\d{4,8}\b"
        r"|\b(?:password|passwd|secret|token|api[_-]?key|pin)[:=]\S", re.IGNORECASE
    ), needs=("pass", "kennwort", "secret", "token", "bearer", "key", "pin")),
    _Pattern("secret", re.compile(
        r"-----BEGIN |\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16}|\bgh[pousr]_[A-Za-z0-9]{20}|\bAKIA[0-9A-Z]{12}"
        r"|\bxox[abprs]-|\beyJ[A-Za-z0-9_-]{10}"
    ), needs=("-----begin ", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "gh", "akia", "xox", "eyj")),
    _Pattern("secret", re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{32,}+"), _random, digits=1),
    _Pattern("account", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban, digits=2),
    _Pattern("account", re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])"), _card, digits=13),
    _Pattern("national_id", re.compile(
        r"\b\d{3}-\d{2}-\d{4}\b|\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"
    ), digits=6),
    _Pattern("phone", re.compile(
        r"(?<![\w.,-])(?:\+|\(?0)\d{0,3}\)?(?:[ ()./-]{0,2}\d){6,13}(?!\w)"
    ), _number_to_call, needs=("+", "0"), digits=8),
    _Pattern("phone", re.compile(
        r"(?<![\w.,-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
    ), _number_to_call, digits=10),
    _Pattern("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}"), needs=("@",)),
    _Pattern("address", re.compile(
        rf"\b\d{{1,5}}[A-Za-z]?,? (?:[A-Z][\w'’]{{1,30}} ){{1,3}}(?i:{_STREET})\b"
        r"|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]{2} \d{5}(?:-\d{4})?\b"
    ), digits=1),
    _Pattern("address", re.compile(
        r"\b[^\W\d_]{2,30}(?:straße|strasse|str\.|weg|gasse|platz|allee) \d{1,4}[a-z]?\b", re.IGNORECASE
    ), needs=("stra", "str.", "weg", "gasse", "platz", "allee"), digits=1),
    _Pattern("person", re.compile(
        r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Sig|Mme)\.? {1,2}[A-Z][\w'’-]{1,40}"
        r"|\b[A-Z]\. ?[A-Z][a-z'’][\w'’-]{1,40}|(?i:\bmy name is) {1,2}[A-Z][\w'’-]{1,40}"
    )),
)  # fmt: skip


def _patterns(text: str, rules: Classifier) -> Iterator[Found]:
    folded, digits = text.casefold(), len(_DIGIT.findall(text))
    for pattern in PATTERNS:
        if digits < pattern.digits or not any(word in folded for word in pattern.needs):
            continue
        data_class = rules.classes.get(pattern.rule, DataClass.RESTRICTED)  # type: ignore[call-overload]
        for match in pattern.looks.finditer(text):
            if pattern.holds(match[0]):
                yield Found(pattern.rule, data_class, match.start(), match.end())


# -- what the organisation knows


def _vocabulary(text: str, tree: _Branch) -> Iterator[Found]:
    """Known words and names; of those that begin at one word, the longest."""
    if text.isascii() and _strange(text.lower(), tree):
        return
    words = [(match.start(), match.end(), _folded(match[0])) for match in _WORD.finditer(text)]
    for index, (start, _, word) in enumerate(words):
        branch = tree.follows.get(word)
        if branch is not None:
            yield from _walk(text, words, index, branch)
        if "/" in word or "-" in word or "." in word:  # joined to something else, it is the same name
            for part in _PARTS.finditer(text[start : words[index][1]]):
                yield from _alone(tree, part[0], start + part.start())


def _strange(text: str, tree: _Branch) -> bool:
    """Whether no word of a text of ASCII in lower case, and no part of one, begins anything known."""
    words = _WORD.findall(text)
    return tree.follows.keys().isdisjoint(_PARTS.findall(text)) and tree.follows.keys().isdisjoint(
        word.removesuffix("'s") for word in words
    )


def _walk(text: str, words: list[tuple[int, int, str]], index: int, branch: _Branch) -> Iterator[Found]:
    start, end, _ = words[index]
    if branch.as_name and text[start].isupper():
        yield Found(*branch.as_name, start, end)
    meaning, last = branch.meaning, end
    for _, after, word in words[index + 1 : index + 8]:
        following = branch.follows.get(word)
        if following is None:
            break
        branch = following
        if branch.meaning:
            meaning, last = branch.meaning, after
    if meaning:
        yield Found(*meaning, start, last)


def _alone(tree: _Branch, word: str, start: int) -> Iterator[Found]:
    branch = tree.follows.get(_folded(word))
    meaning = branch and (branch.meaning or (branch.as_name if word[0].isupper() else None))
    if meaning:
        yield Found(*meaning, start, start + len(word))
