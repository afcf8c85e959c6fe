"""A page that is one list: a line with a filter, the rows, and what is known about the row under the cursor."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Static

from device.tui.screens.page import Page
from device.tui.widgets.table import Column, Line, RowTable

Seen = TypeVar("Seen")


class ListPage(Page[Seen]):
    """Rows, a filter, and a few lines about one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Find"),
        Binding("w", "app.work('offline')", "Offline", tooltip="Work offline"),
        Binding("w", "app.work('online')", "Online", tooltip="Work online"),
    ]
    AUTO_FOCUS = "RowTable"
    COLUMNS: Sequence[Column] = ()
    #: What is said when nothing passes the filter.
    NO_MATCH = "Nothing matches the filter. Esc clears it."
    #: What an empty list says: why it is empty and what comes next.
    EMPTY = ""

    @abstractmethod
    def title_line(self, seen: Seen) -> str:
        """What stands above the rows."""

    @abstractmethod
    def lines(self, seen: Seen) -> list[Line]:
        """Every row, in order."""

    @abstractmethod
    def about(self, seen: Seen, key: str) -> Text:
        """What is known about the row `key`."""

    def body(self) -> ComposeResult:
        """Title and filter, rows, details."""
        with Horizontal(id="above"):
            yield Static(id="title")
            yield Static("/ filter:", id="filter-label")
            yield Input(id="filter", compact=True)
        yield RowTable(self.COLUMNS, id="rows")
        yield Static(self.EMPTY, id="empty", markup=False)
        yield Static(id="about")

    def on_mount(self) -> None:
        """A quiet cursor."""
        self.query_one("#filter", Input).cursor_blink = False

    _prepared: tuple[Seen, list[Line], str] | None = None

    def prepare(self, seen: Seen) -> None:
        """The rows and the title, in words."""
        self._prepared = seen, self.lines(seen), self.title_line(seen)

    def _words_of(self, seen: Seen) -> tuple[list[Line], str]:
        if self._prepared is None or self._prepared[0] is not seen:
            self.prepare(seen)
        assert self._prepared is not None, "it was prepared just now"
        return self._prepared[1:]

    def paint(self, seen: Seen) -> None:
        """Show the rows that pass the filter."""
        (everything, title), passed = self._words_of(seen), self._words_of(seen)[0]
        for word in self._wanted():
            passed = [line for line in passed if word in line.text]
        self.query_one("#title", Static).update(Text(title, no_wrap=True, overflow="ellipsis"), layout=False)
        self.query_one(RowTable).fill(passed)
        self.set_class(not everything, "-empty")
        if everything and self.focused is None:
            self.set_focus(self.query_one(RowTable))
        self._tell_about()

    @property
    def key_here(self) -> str | None:
        """The row under the cursor."""
        return self.query_one(RowTable).key_here

    def _wanted(self) -> list[str]:
        return self.query_one("#filter", Input).value.lower().split()

    # -- what is under the cursor

    def nothing_here(self) -> str | None:
        """Why nothing is under the cursor; None if something is."""
        return None if self.key_here is not None else self.NO_MATCH if self._wanted() else self.EMPTY

    def reasons(self) -> Mapping[str, str | None]:
        """Where nothing is under the cursor, nothing can be opened or copied."""
        nothing = self.nothing_here()
        return {"select_cursor": nothing, "copy": nothing}

    def open_here(self) -> None:
        """Open what is under the cursor."""

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        if not self.says_why_not("select_cursor"):
            self.open_here()

    @on(DataTable.RowHighlighted)
    def _tell_about(self) -> None:
        if self.seen is None:
            return
        key = self.key_here
        nothing = Text(self.NO_MATCH if self._wanted() else "")
        said = self.about(self.seen, key) if key is not None else nothing
        self.query_one("#about", Static).update(said, layout=False)  # of fixed height: nothing moves
        self.show_what_cannot()

    @on(Input.Changed, "#filter")
    def _narrow(self) -> None:
        if self.seen is not None:
            self.paint(self.seen)

    @on(Input.Submitted, "#filter")
    def _to_rows(self) -> None:
        self.set_focus(self.query_one(RowTable))

    def action_filter(self) -> None:
        """Type words that the rows must contain."""
        self.set_focus(self.query_one("#filter", Input))

    def action_back(self) -> None:
        """Clear the filter first, then one level back."""
        field = self.query_one("#filter", Input)
        if field.value or field.has_focus:
            field.value = ""
            self.set_focus(self.query_one(RowTable))
        else:
            self.leave()

    def leave(self) -> None:
        """One level back."""
        self.dismiss()
