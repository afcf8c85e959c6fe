"""A text as pages, as a reader would turn them.

Rules
1. A page begins where the text says so: at a form feed, or at a line ``<!-- page N -->``, whose number counts.
2. A text that says nothing is cut between blocks, before `PAGE_CHARS` are exceeded; a longer block is a longer page.
3. What cannot be seen is dropped: control characters, marks that turn the direction of reading. What was no UTF-8
   stands as the replacement character.
4. A page has at most `PAGE_CHARS_MAX` characters and a document at most `PAGES_MAX` pages; the rest is left out, and
   said so.
"""

import re
import unicodedata
from dataclasses import dataclass

from shared.documents import told

#: About a printed page.
PAGE_CHARS = 3000
PAGE_CHARS_MAX = 60_000
PAGES_MAX = 5000

_MARK = re.compile(r"^[ \t]*<!--\s*page\s+(\d{1,5})\s*-->[ \t]*$", re.MULTILINE)
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\u00a0": " ", "\u00ad": ""})
_KEPT = frozenset("\n\t\f")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number, from 1 up, and its text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Paged:
    """The pages of a text; `cut` is a sentence if something was left out."""

    pages: tuple[Page, ...]
    cut: str = ""


def clean(text: str) -> str:
    """`text` without what cannot be seen, with plain line ends."""
    plain = _LINE_ENDS.sub("\n", text).translate(_LIGATURES)
    return "".join(char for char in plain if char in _KEPT or not unicodedata.category(char).startswith("C"))


def pages_of(content: bytes) -> Paged:
    """The pages of a Markdown or plain text file, in UTF-8; empty pages are left out."""
    text = clean(told(content.decode("utf-8-sig", errors="replace"))[1])
    found = [page for page in _split(text) if page.text.strip()]
    cut = ""
    if len(found) > PAGES_MAX:
        found, cut = found[:PAGES_MAX], f"Only its first {PAGES_MAX} pages are read."
    if any(len(page.text) > PAGE_CHARS_MAX for page in found):
        cut = f"{cut} Of each page the first {PAGE_CHARS_MAX} characters are read.".strip()
    return Paged(tuple(Page(page.number, page.text[:PAGE_CHARS_MAX]) for page in found), cut)


def _split(text: str) -> list[Page]:
    marks = list(_MARK.finditer(text))
    if marks:
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        pages = [Page(int(mark[1]), text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
        return _with_before(text[: marks[0].start()], pages)
    if "\f" in text:
        return [Page(number, part) for number, part in enumerate(text.split("\f"), start=1)]
    return [Page(number, part) for number, part in enumerate(_by_length(text), start=1)]


def _with_before(before: str, pages: list[Page]) -> list[Page]:
    """What stands before the first mark belongs to that page; pages that say the same number are one."""
    texts: dict[int, str] = {pages[0].number: before}
    for page in pages:
        texts[page.number] = texts.get(page.number, "") + page.text
    return [Page(max(number, 1), text) for number, text in texts.items()]


def _by_length(text: str) -> list[str]:
    parts: list[str] = [""]
    for block in re.split(r"(?<=\n)(?=[ \t]*\n)", text):
        if parts[-1].strip() and len(parts[-1]) + len(block) > PAGE_CHARS:
            parts.append("")
        parts[-1] += block
    return parts
