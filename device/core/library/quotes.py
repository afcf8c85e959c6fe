"""Whether what is said stands in the manuals: checked after it was written, whoever wrote it.

Rules
1. Every quote stands on the page that it names, word for word, white space aside.
2. Every number in a sentence, in digits or in words, stands in one of its quotes.
3. A sentence says no "not" that its quotes do not say, and leaves none out.
4. Half of what a sentence is about stands in its quotes or in the question.
5. A sentence that breaks a rule is dropped as a whole; nothing is mended.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from device.core.library.terms import Term, all_forms, asked

#: A shorter quote stands on every page.
QUOTE_CHARS_MIN = 3
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50",
    "hundred": "100", "thousand": "1000",
}  # fmt: skip
_NOT = re.compile(
    r"(?<!part )(?<!serial )(?<!item )(?<!stock )\b(?:no(?!\.)|not|never|none|without|cannot|nothing|neither|nor"
    r"|must\s?n.t|do\s?n.t|is\s?n.t)\b",
    re.IGNORECASE,
)

#: Document, revision and page, as a citation names them.
Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a page."""

    document: str
    revision: str
    page: int
    text: str

    @property
    def place(self) -> Place:
        """Where they stand."""
        return self.document, self.revision, self.page


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer, with the quotes that it rests on."""

    sentence: str
    quotes: tuple[Quote, ...]


def flat(text: str) -> str:
    """`text` with every white space as one blank."""
    return " ".join(text.split())


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, whichever way they are written."""
    digits = {found.replace(",", ".") for found in _NUMBER.findall(text)}
    return frozenset(digits | {_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS})


def verified(claims: Iterable[Claim], pages: Mapping[Place, str], question: str = "") -> tuple[Claim, ...]:
    """The claims that keep the rules, in their order.

    Args:
        claims: what was written.
        pages: the text of each page that may be cited; any other page is none.
        question: what was asked: a sentence may repeat its words.
    """
    texts = {place: flat(text) for place, text in pages.items()}
    return tuple(claim for claim in claims if _holds(claim, texts, question))


def _holds(claim: Claim, pages: Mapping[Place, str], question: str) -> bool:
    said = " ".join(quote.text for quote in claim.quotes)
    return (
        bool(claim.sentence.strip())
        and bool(claim.quotes)
        and all(_stands(quote, pages) for quote in claim.quotes)
        and numbers(claim.sentence) <= numbers(said)
        and bool(_NOT.search(claim.sentence)) == bool(_NOT.search(said))
        and _about_the_same(claim.sentence, f"{said} {question}")
    )


def _stands(quote: Quote, pages: Mapping[Place, str]) -> bool:
    words = flat(quote.text)
    return len(words) >= QUOTE_CHARS_MIN and words in pages.get(quote.place, "")


def _about_the_same(sentence: str, said: str) -> bool:
    terms = asked(sentence).terms
    there = all_forms(said)
    return sum(1 for term in terms if _there(term, there)) * 2 >= len(terms)


def _there(term: Term, there: frozenset[str]) -> bool:
    return bool(term.forms & there or term.similar & there)
