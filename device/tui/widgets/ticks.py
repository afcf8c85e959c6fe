"""The proposals as a list to tick. Space and a click pick a row; Enter does nothing here, on purpose."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Button

from device.tui.draft import SeenRow
from device.tui.widgets.choices import LOUD
from device.tui.widgets.rows import Rows


class Ticks(Rows):
    """Rows with a box, the exact changes, the words they came from, and what stands in the way."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Tick")]

    def fill(self, rows: Sequence[SeenRow]) -> None:
        """Show `rows`; the highlight stays where it was."""
        self.show_rows([_row(number, row) for number, row in enumerate(rows, start=1)])


class KeyButton(Button, can_focus=False):
    """A large place to click for something that a key does. It takes no focus, so that Enter can never press it."""


def _row(number: int, row: SeenRow) -> Text:
    box = "[!]" if row.obstacle else "[x]" if row.row.ticked else "[ ]"
    text = Text(f"{box} {number} {row.verb}", "bold")
    if row.row.by != "you":
        words = ", ".join(f"“{words}”" for words in row.came_from)
        text.append(f"   assistant, from {words}" if words else "   assistant", "not bold italic")
    for line in row.lines:
        text.append(f"\n      {line}", "not bold")
    if row.guesses:
        text.append(f"\n      ? guessed, not in your words: {', '.join(row.guesses)}. e changes it", LOUD)
    if row.odd:
        text.append(f"\n      ? {row.odd} e changes it", LOUD)
    if row.obstacle:
        text.append(f"\n      ! {row.obstacle}", LOUD)
    return text
