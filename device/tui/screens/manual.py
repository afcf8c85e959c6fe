"""A page of a manual, opened at words that were quoted from it; the page before, the page after."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from device.errors import LocalError
from device.library.shelf import Document
from device.plain import plain
from device.tui.screens.page import Page
from device.workbench import Workbench

#: So many lines stand above the quoted words, where there are as many.
_ABOVE = 3


@dataclass(frozen=True, slots=True)
class ManualSeen:
    """A page. `text` is empty, and `problem` a sentence, if it cannot be shown. `pages` are those that have text."""

    document: Document | None
    text: str
    pages: tuple[int, ...]
    late: bool
    problem: str = ""


class ManualPage(Page[ManualSeen]):
    """Page `number` of the document of that short name, at the words `quote`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,n", "turn(1)", "Next page"),
        Binding("left,p", "turn(-1)", "Page before"),
        Binding("c", "copy", "Copy the place"),
        Binding("slash", "app.go('search')", "Search"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]
    AUTO_FOCUS = "#scroll"

    def __init__(self, document: str, number: int, quote: str = "") -> None:
        super().__init__()
        self.document, self.number, self.quote = document, number, quote

    @property
    def crumb(self) -> str:
        """The manual."""
        return self.document

    def body(self) -> ComposeResult:
        """What it is, and the page."""
        yield Static(id="manual-title")
        with VerticalScroll(id="scroll"):
            yield Static(id="page-text")

    def read(self, workbench: Workbench) -> ManualSeen:
        """The page's text, and which pages there are."""
        library, today = self.tailboard.device.library, self.tailboard.now().date()
        try:
            document = library.document(self.document)
            pages = tuple(library.index.pages(document.sha256))
            text = library.page(document, self.number)
        except LocalError as error:
            return ManualSeen(None, "", (), late=False, problem=str(error))
        return ManualSeen(document, text, pages, document.out_of_date(today))

    def paint(self, seen: ManualSeen) -> None:
        """The page, scrolled to what was quoted, which is shown reversed."""
        self.query_one("#manual-title", Static).update(self._title(seen))
        text = _lines(seen.text) if seen.document else Text(plain(seen.problem), self.tailboard.loud)
        found = _find(text.plain, self.quote)
        if found is not None:
            text.stylize("bold reverse", *found)
        self.query_one("#page-text", Static).update(text)
        self.call_after_refresh(self._show_below, text.plain[: found[0]] if found else "")

    def _title(self, seen: ManualSeen) -> Text:
        if seen.document is None:
            return Text(plain(self.document), "bold")
        last = seen.pages[-1] if seen.pages else self.number
        title = Text(plain(f"{seen.document.title}, revision {seen.document.revision}"), "bold")
        title.append(f"   page {self.number} of {last}   {seen.document.data_class.value}", "not bold")
        if seen.late:
            title.append(f"   ! OUT OF DATE since {seen.document.valid_until}", self.tailboard.loud)
        return title

    def _show_below(self, before: str) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        width = max(10, scroll.content_size.width)
        above = len(Text(before).wrap(self.app.console, width)) if before else 0
        scroll.scroll_to(y=max(0, above - _ABOVE), animate=False)

    def reasons(self) -> Mapping[str, str | None]:
        """Before the first page and after the last there is none."""
        pages, gone = (self.seen.pages, self.seen.problem) if self.seen else ((), "")
        return {
            "turn(1)": None if any(each > self.number for each in pages) else "That is the last page.",
            "turn(-1)": None if any(each < self.number for each in pages) else "That is the first page.",
            "copy": gone or None,
        }

    def action_turn(self, by: int) -> None:
        """The next page that has text, or the one before."""
        pages = self.seen.pages if self.seen else ()
        if self.says_why_not(f"turn({by})"):
            return
        further = [each for each in pages if (each > self.number if by > 0 else each < self.number)]
        self.number, self.quote = (further[0] if by > 0 else further[-1]), ""
        self.reload()

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one("#scroll").scroll_relative(y=by, animate=False)

    def action_copy(self) -> None:
        """Manual, revision, page and the quoted words to the clipboard."""
        if self.says_why_not("copy") or self.seen is None or self.seen.document is None:
            return
        document = self.seen.document
        quoted = f": “{self.quote}”" if self.quote else ""
        self.tailboard.copy(f"{document.title}, revision {document.revision}, page {self.number}{quoted}")


def _lines(text: str) -> Text:
    return Text("\n".join(plain(line) for line in text.splitlines()))


def _find(text: str, quote: str) -> tuple[int, int] | None:
    """Where the words of `quote` stand in `text`, white space aside; as much of them as there is in one place."""
    words = plain(quote).split()
    for many in (len(words), 12, 6):
        if words and many <= len(words):
            found = re.search(r"\s+".join(map(re.escape, words[:many])), text)
            if found:
                return found.span()
    return None
