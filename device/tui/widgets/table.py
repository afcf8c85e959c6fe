"""A list of rows that keeps its place when it is filled again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable
from textual.widgets.data_table import RowDoesNotExist

from device.words import plain


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and a width in characters; the one column with width 0 takes what is left."""

    title: str
    width: int


@dataclass(frozen=True, slots=True)
class Line:
    """A row: `key` names it, `loud` marks one that needs the person, `also` is found by the filter but not shown."""

    key: str
    cells: tuple[str, ...]
    loud: bool = False
    also: str = ""

    def matches(self, words: Sequence[str]) -> bool:
        """Whether each of the lower-case `words` stands somewhere in the row."""
        text = " ".join((*self.cells, self.also)).lower()
        return all(word in text for word in words)


class RowTable(DataTable[Text]):
    """Rows of plain text with one of them under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open"),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-table--loud"}

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._columns_wanted = columns
        self._lines: tuple[Line, ...] = ()

    def fill(self, lines: Sequence[Line]) -> None:
        """Show `lines`, with the cursor on the row it was on, or near where that row was."""
        key, place, left = self.key_here, self.cursor_row, self.scroll_x
        self._lines = tuple(lines)
        self.clear(columns=True)
        widths = self._widths()
        for column, width in zip(self._columns_wanted, widths, strict=True):
            self.add_column(Text(column.title), width=width)
        loud = self.get_component_rich_style("row-table--loud", partial=True)
        for line in lines:
            cells = (Text(plain(cell), no_wrap=True, overflow="ellipsis") for cell in line.cells)
            self.add_row(*(_styled(cell, loud if line.loud else None) for cell in cells), key=line.key)
        self.move_cursor(row=self._row_of(key, place), animate=False)
        self.scroll_to(x=left, animate=False)

    @property
    def key_here(self) -> str | None:
        """The key of the row under the cursor."""
        row = self.cursor_row
        return self._lines[row].key if 0 <= row < len(self._lines) else None

    def on_resize(self) -> None:
        """Another width: share it out again."""
        if self._lines:
            self.fill(self._lines)

    def _row_of(self, key: str | None, otherwise: int) -> int:
        try:
            return self.get_row_index(key) if key is not None else 0
        except RowDoesNotExist:
            return min(otherwise, max(0, len(self._lines) - 1))

    def _widths(self) -> list[int]:
        gaps = 2 * self.cell_padding * len(self._columns_wanted)
        scrollbar = 2
        fixed = sum(column.width for column in self._columns_wanted)
        rest = max(10, self.size.width - fixed - gaps - scrollbar)
        return [column.width or rest for column in self._columns_wanted]


def _styled(cell: Text, style: Style | None) -> Text:
    if style is not None:
        cell.stylize(style)
    return cell
