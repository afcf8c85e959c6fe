"""A short list to choose from by Enter or a click; its highlight stays where it was when it is filled again."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

#: How a part of a row looks that needs the person. It has no colour of its own: that of the cursor may lie behind it.
LOUD = Style(bold=True, reverse=True)


class Choices(OptionList, inherit_bindings=False):
    """Rows of text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open"),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]

    def show_rows(self, rows: Sequence[Text]) -> None:
        """Show `rows`."""
        at = self.highlighted or 0
        self.clear_options()
        self.add_options([Option(each) for each in rows])
        self.highlighted = min(at, len(rows) - 1) if rows else None
