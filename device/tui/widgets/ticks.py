"""The proposals as a list to tick. Space and a click pick a row; Enter does nothing here, on purpose.

Which of their lines were on the screen is kept in mind: nobody confirms what was never drawn.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Button

from device.tui.draft import SeenRow
from device.tui.widgets.choices import LOUD
from device.tui.widgets.rows import Rows


class Ticks(Rows):
    """Rows with a box, the exact changes, the words they came from, and what stands in the way."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Tick")]

    class Drawn(Message):
        """Something of the rows is on the screen now."""

    def __init__(self, *, id: str | None = None, compact: bool = False) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, compact=compact)
        self._words: tuple[str, ...] = ()
        self._drawn: set[tuple[str, int]] = set()

    def fill(self, rows: Sequence[SeenRow]) -> None:
        """Show `rows`; the highlight stays where it was."""
        shown = [_row(number, row) for number, row in enumerate(rows, start=1)]
        self._words = tuple(each.plain for each in shown)
        self.show_rows(shown)

    def unseen(self) -> list[int]:
        """The rows, by their place, of which a line was never on the screen as they are now."""
        return sorted({row for row, line in self._lines if not self._was_drawn(row, line)})

    def read_on(self, row: int) -> None:
        """To the first line of that row that was not on the screen."""
        self.highlighted = row
        at = next(
            at for at, (each, line) in enumerate(self._lines) if each == row and not self._was_drawn(each, line)
        )
        self.scroll_to(y=at, animate=False, force=True, immediate=True)

    def _was_drawn(self, row: int, line: int) -> bool:
        return (self._words[row], line) in self._drawn

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw them, and tell."""
        self.post_message(self.Drawn())
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one, and keep in mind that it was."""
        at = self.scroll_offset.y + y
        if at < len(self._lines):
            row, line = self._lines[at]
            self._drawn.add((self._words[row], line))
        return super().render_line(y)


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
