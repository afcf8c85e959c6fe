"""The manuals on this laptop: how far each is, and a search through all of their pages. Needs no model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Static

from device.library.library import Standing, standing_words
from device.library.search import Hit
from device.plain import plain
from device.tui.screens.manual import ManualPage
from device.tui.screens.page import Page
from device.tui.widgets.table import Column, Line, RowTable
from device.words import counted, moment
from device.workbench import Workbench

HITS_MAX = 40
_NONE = "No manuals on this laptop yet. They come with the next contact: w works online, then wait a moment."

_NOT_FOUND = "Nothing is near to that. Esc clears."


@dataclass(frozen=True, slots=True)
class LibrarySeen:
    """The manuals, and the pages that come nearest to `words`; None while nothing is searched for."""

    standings: tuple[Standing, ...]
    as_of: datetime | None
    words: str
    hits: tuple[Hit, ...] | None


class LibraryPage(Page[LibrarySeen]):
    """The manuals."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("w", "app.work('offline')", "Offline", tooltip="Work offline"),
        Binding("w", "app.work('online')", "Online", tooltip="Work online"),
        Binding("3,f4", "app.go('ask')", "Ask"),
    ]
    AUTO_FOCUS = "RowTable"
    crumb, where = "Manuals", "library"

    def __init__(self, *, search: bool = False) -> None:
        super().__init__()
        self._search_first, self._words = search, ""

    def body(self) -> ComposeResult:
        """Title and search, the rows, what is under the cursor."""
        with Horizontal(id="above"):
            yield Static(id="title")
            yield Static("/ search:", id="filter-label")
            yield Input(id="search", compact=True, max_length=200)
        yield RowTable((Column("Where", 30), Column("What", 0)), id="rows")
        yield Static(_NONE, id="empty", markup=False)
        yield Static(id="about")

    def on_mount(self) -> None:
        """A quiet cursor; in the search if that is what was wanted."""
        field = self.query_one("#search", Input)
        field.cursor_blink = False
        if self._search_first:
            self.set_focus(field)

    def read(self, workbench: Workbench) -> LibrarySeen:
        """The manuals; the hits, if something is searched for."""
        library, words = self.tailboard.device.library, self._words
        hits = tuple(library.hits(words, HITS_MAX)) if words else None
        return LibrarySeen(tuple(library.standings()), workbench.status().data_as_of, words, hits)

    def paint(self, seen: LibrarySeen) -> None:
        """The manuals, or what was found in them."""
        self.query_one("#title", Static).update(
            Text(_title(seen, self.tailboard.now()), no_wrap=True, overflow="ellipsis")
        )
        lines = [_document_line(each, self.tailboard.now().date()) for each in seen.standings]
        if seen.hits is not None:
            lines = [_hit_line(number, hit) for number, hit in enumerate(seen.hits)]
        self.query_one(RowTable).fill(lines)
        self.set_class(not seen.standings, "-empty")
        self._tell_about()

    def reasons(self) -> Mapping[str, str | None]:
        """Where nothing was found there is no page to open."""
        key = self.query_one(RowTable).key_here
        return {"select_cursor": None if key is not None else _NOT_FOUND if self._words else _NONE}

    @on(DataTable.RowHighlighted)
    def _tell_about(self) -> None:
        seen, key = self.seen, self.query_one(RowTable).key_here
        text = Text(overflow="ellipsis")
        if seen is not None and seen.hits is not None:
            found = seen.hits[int(key)] if key is not None and int(key) < len(seen.hits) else None
            text.append(" ".join(plain(found.found.body).split()) if found else _NOT_FOUND)
        elif seen is not None and (here := next((each for each in seen.standings if each.document.id == key), None)):
            text.append(plain(standing_words(here, late=here.document.out_of_date(self.tailboard.now().date()))))
        self.query_one("#about", Static).update(text)
        self.show_what_cannot()

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        self._words = event.value.strip()
        self.reload()

    @on(Input.Submitted, "#search")
    def _to_rows(self) -> None:
        self.set_focus(self.query_one(RowTable))

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        seen, key = self.seen, self.query_one(RowTable).key_here
        if self.says_why_not("select_cursor") or seen is None or key is None:
            return
        if seen.hits is None:
            pages = self.tailboard.device.library.index.pages(_sha256(seen, key))
            self.app.push_screen(ManualPage(key, pages[0] if pages else 1))
        elif int(key) < len(seen.hits):
            hit = seen.hits[int(key)]
            self.app.push_screen(ManualPage(hit.document.id, hit.found.page, hit.found.body))

    def action_search(self) -> None:
        """Type words; the pages that come nearest are listed as you type."""
        self.set_focus(self.query_one("#search", Input))

    def action_back(self) -> None:
        """Clear the search first, then one level back."""
        field = self.query_one("#search", Input)
        if field.value or field.has_focus:
            field.value = self._words = ""
            self.set_focus(self.query_one(RowTable))
            self.reload()
        else:
            self.dismiss()


def _title(seen: LibrarySeen, now: datetime) -> str:
    if seen.hits is not None:
        few = f"{counted(len(seen.hits), 'page')} near to that"
        return few if len(seen.hits) < HITS_MAX else f"The {HITS_MAX} nearest pages"
    as_of = moment(seen.as_of, now) if seen.as_of else "never"
    return f"{counted(len(seen.standings), 'manual')} on this laptop, as of {as_of}"


def _document_line(standing: Standing, today: date) -> Line:
    document = standing.document
    late = document.out_of_date(today)
    words = standing_words(standing, late=late)
    return Line(document.id, (document.title, words.removeprefix(f"{document.title}, ")), loud=bool(standing.problem))


def _hit_line(number: int, hit: Hit) -> Line:
    where = f"{hit.document.title[:20]} p. {hit.found.page}"
    section = f"{hit.found.section}: " if hit.found.section else ""
    return Line(str(number), (where, f"{section}{' '.join(hit.found.body.split())}"))


def _sha256(seen: LibrarySeen, name: str) -> str:
    return next(each.document.sha256 for each in seen.standings if each.document.id == name)
