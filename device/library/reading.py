"""Pages out of a document's bytes, some at a time, whatever the bytes are.

Rules
1. A PDF is read by a process of its own with bounds on memory, processor and time (`pdf_worker`). If a page ends it,
   that page is left out, what was read before it counts, and reading goes on behind it; after `BAD_PAGES_MAX` such
   pages the document is given up.
2. What cannot be read is a sentence that says what to do; it is never a fault of the program.
3. The same bytes give the same pages, so that reading can go on where it stopped.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device.core.library.pages import PAGE_CHARS_MAX, PAGES_MAX, Page, clean, pages_of
from shared.documents import DOCUMENT_BYTES_MAX, PDF, TYPES

#: So many pages are read in one step, and so many seconds a step may take.
STEP_PAGES, STEP_S = 100, 60.0
BAD_PAGES_MAX = 5

_OFFICE = "Ask the office for another file."
SENTENCES = {
    "encrypted": f"It is encrypted with a password. {_OFFICE}",
    "damaged": f"It is damaged or cut short: no page can be read. {_OFFICE}",
    "scanned": "It is scanned: it has pictures of pages and no text. Ask the office for a file with text.",
    "empty": f"It has no text. {_OFFICE}",
    "large": f"It is larger than a laptop reads ({DOCUMENT_BYTES_MAX >> 20} MiB). Ask the office to split it.",
    "type": "It is neither Markdown, plain text nor PDF. Ask the office for such a file.",
    "pages": "Too many of its pages end the reader. Ask the office for another file.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one step read.

    Args:
        pages: those with text, each with the number of pages that were looked at, with it and those before.
        following: the number of pages that were looked at, with those before; where the next step goes on.
        total: how many there are.
        bad: pages that could not be read, this step.
        cut: a sentence if something was left out.
        problem: a sentence if the document cannot be read at all; then nothing else counts.
    """

    pages: tuple[tuple[int, Page], ...] = ()
    following: int = 0
    total: int = 0
    bad: int = 0
    cut: str = ""
    problem: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to read."""
        return bool(self.problem) or self.following >= self.total


def read_step(
    content: bytes, media_type: str, first: int, *, count: int = STEP_PAGES, within_s: float = STEP_S
) -> Step:
    """The next pages of a document.

    Args:
        content: its bytes, all of them.
        media_type: one of `shared.documents.TYPES`.
        first: how many pages the steps before looked at.
        count: at most so many.
        within_s: how long a PDF may take.
    """
    if len(content) > DOCUMENT_BYTES_MAX:
        return Step(problem=SENTENCES["large"])
    if media_type not in TYPES.values():
        return Step(problem=SENTENCES["type"])
    return _pdf(content, first, count, within_s) if media_type == PDF else _text(content, first, count)


def _text(content: bytes, first: int, count: int) -> Step:
    paged = pages_of(content)
    total = len(paged.pages)
    if not total:
        return Step(problem=SENTENCES["empty"])
    following = min(first + count, total)
    pages = enumerate(paged.pages[first:following], start=first + 1)
    return Step(tuple(pages), following, total, cut=paged.cut)


def _pdf(content: bytes, first: int, count: int, within_s: float) -> Step:
    said = list(_spoken(_worked(content, first, count, within_s)))
    problem = next((each["problem"] for each in said if "problem" in each), None)
    total = next((int(each["pages"]) for each in said if "pages" in each), None)
    read = {int(each["page"]): str(each["text"]) for each in said if "page" in each}
    if total is None:
        return Step(problem=SENTENCES[problem if problem in SENTENCES else "damaged"])
    most = min(total, PAGES_MAX)
    texts = ((number + 1, clean(text)[:PAGE_CHARS_MAX]) for number, text in read.items())
    pages = tuple((number, Page(number, text)) for number, text in texts if text.strip())
    cut = f"Only its first {PAGES_MAX} pages are read." if total > PAGES_MAX else ""
    wanted = min(first + count, most)
    reached = max(read, default=first - 1) + 1
    bad = 1 if reached < wanted else 0  # the page behind the last one ended the process
    return Step(pages, min(reached + bad, most), most, bad, cut)


def _worked(content: bytes, first: int, count: int, within_s: float) -> bytes:
    """What the child wrote before it ended, or was ended."""
    command = [sys.executable, "-m", "device.library.pdf_worker", str(first), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            return child.communicate(content, timeout=within_s)[0]
        except subprocess.TimeoutExpired:
            child.kill()
            return child.communicate()[0]
        except BaseException:
            child.kill()
            raise


def _spoken(output: bytes) -> Iterator[dict[str, Any]]:
    """The child's lines; the last one may have been cut."""
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            return
        if isinstance(said, dict):
            yield said
