"""A list of rows that keeps its place when it is filled again. Only what is on the screen is ever drawn.

A hundred thousand rows cost what twenty cost: a row is made into text when it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import DataTable

from device.plain import plain


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and a width in characters; the one column with width 0 takes what is left."""

    title: str
    width: int


@dataclass(frozen=True, slots=True)
class Line:
    """A row: `key` names it, `loud` marks one that needs the person, `also` is found by the filter but not shown.

    `text` is what a filter looks at, in lower case.
    """

    key: str
    cells: tuple[str, ...]
    loud: bool = False
    also: str = ""
    text: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join((*self.cells, self.also)).lower())


class RowTable(ScrollView, can_focus=True):
    """Rows of plain text with one of them under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open"),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("home", "to(0)", "First", show=False),
        Binding("end", "to(-1)", "Last", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-table--loud", "row-table--header", "row-table--cursor"}

    cursor_row: reactive[int] = reactive(0, init=False)

    class Moved(DataTable.RowHighlighted):
        """Another row is under the cursor."""

        def __init__(self) -> None:
            Message.__init__(self)

        @property
        def control(self) -> DataTable[object]:
            """No table of Textual's stands behind it."""
            raise NotImplementedError

    class Opened(DataTable.RowSelected):
        """Enter, or a click on the row under the cursor."""

        def __init__(self) -> None:
            Message.__init__(self)

        @property
        def control(self) -> DataTable[object]:
            """No table of Textual's stands behind it."""
            raise NotImplementedError

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self._columns = columns
        self._lines: Sequence[Line] = ()

    def fill(self, lines: Sequence[Line]) -> None:
        """Show `lines`, with the cursor on the row it was on, or near where that row was."""
        key, place = self.key_here, self.cursor_row
        self._lines = lines
        self.virtual_size = Size(0, len(lines) + 1)
        row = next((index for index, line in enumerate(lines) if line.key == key), place) if key is not None else 0
        self.cursor_row = max(0, min(row, len(lines) - 1))
        self._into_view()
        self.refresh()

    @property
    def key_here(self) -> str | None:
        """The key of the row under the cursor."""
        row = self.cursor_row
        return self._lines[row].key if 0 <= row < len(self._lines) else None

    # -- moving

    def go_to(self, key: str) -> None:
        """To the row of that key, if there is one."""
        row = next((index for index, line in enumerate(self._lines) if line.key == key), None)
        if row is not None:
            self._go_to(row)

    def action_move(self, by: int) -> None:
        """So many rows down, or up."""
        self._go_to(self.cursor_row + by)

    def action_to(self, row: int) -> None:
        """To that row; -1 is the last."""
        self._go_to(len(self._lines) - 1 if row < 0 else row)

    def action_page(self, by: int) -> None:
        """A screenful down, or up."""
        self._go_to(self.cursor_row + by * max(1, self.size.height - 2))

    def action_select_cursor(self) -> None:
        """Open the row under the cursor; the page says so if there is none."""
        self.post_message(self.Opened())

    def on_click(self, event: Click) -> None:
        """The first click goes to a row, the next one opens it."""
        row = event.y - 1 + round(self.scroll_y)
        if event.y < 1 or row >= len(self._lines):
            return
        if row == self.cursor_row:
            self.action_select_cursor()
        else:
            self._go_to(row)

    def _go_to(self, row: int) -> None:
        self.cursor_row = max(0, min(row, len(self._lines) - 1))
        self._into_view()

    def watch_cursor_row(self) -> None:
        """Draw it again, and tell."""
        self.refresh()
        self.post_message(self.Moved())

    def _into_view(self) -> None:
        top, rows = round(self.scroll_y), max(1, self.size.height - 1)
        if self.cursor_row < top:
            self.scroll_to(y=self.cursor_row, animate=False, force=True)
        elif self.cursor_row >= top + rows:
            self.scroll_to(y=self.cursor_row - rows + 1, animate=False, force=True)

    def on_resize(self) -> None:
        """The row under the cursor stays in sight."""
        self._into_view()
        self.refresh()

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """The heading, or the row that is there now."""
        width = self.scrollable_content_region.width
        if y == 0:
            titles = [column.title for column in self._columns]
            return self._strip(titles, self.get_component_rich_style("row-table--header"), width)
        row = round(self.scroll_offset.y) + y - 1
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[row]
        return self._strip(line.cells, self._style(row, loud=line.loud), width)

    def _style(self, row: int, *, loud: bool) -> Style:
        if row == self.cursor_row:
            return self.get_component_rich_style("row-table--cursor")
        return self.get_component_rich_style("row-table--loud") if loud else self.rich_style

    def _strip(self, cells: Sequence[str], style: Style, width: int) -> Strip:
        text = "".join(f" {_fit(cell, wide)} " for cell, wide in zip(cells, self._widths(width), strict=True))
        return Strip([Segment(set_cell_size(text, width), style)], width)

    def _widths(self, width: int) -> list[int]:
        fixed = sum(column.width for column in self._columns) + 2 * len(self._columns)
        rest = max(10, width - fixed)
        return [column.width or rest for column in self._columns]


def _fit(cell: str, width: int) -> str:
    """`cell` in exactly `width` columns, with an ellipsis if it is longer."""
    text = plain(cell)
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
