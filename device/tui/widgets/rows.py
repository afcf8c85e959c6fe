"""Rows of text under a cursor: one way to move among them, and a cursor that stays when they are filled again."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class Rows(OptionList, inherit_bindings=False):
    """The common part of the lists; what Space or Enter does there is said by each of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]

    def show_rows(self, rows: Sequence[Text]) -> None:
        """Show `rows`; the cursor stays where it was."""
        at = self.highlighted or 0
        self.clear_options()
        self.add_options([Option(each) for each in rows])
        self.highlighted = min(at, len(rows) - 1) if rows else None
