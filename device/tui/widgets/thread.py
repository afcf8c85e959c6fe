"""A talk as a list to walk through: what was asked, what came, and sources that can be opened."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets.option_list import Option

from device.tui.answers import AnswerRow, Look
from device.tui.widgets.rows import Rows


class Thread(Rows):
    """Rows of a talk with one of them under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Open")]

    rows: tuple[AnswerRow, ...] = ()
    _loud: Style | None = None
    _calm: int | None = None

    def fill(self, rows: Sequence[AnswerRow], loud: Style, *, at: int | None = None) -> None:
        """Show `rows`, with the cursor on row `at`, or where it was."""
        kept = self.highlighted if at is None else at
        if tuple(rows) != self.rows:
            self.rows, self._loud, self._calm = tuple(rows), loud, None
            self.clear_options()
            self.add_options([Option(_text(row, loud)) for row in rows])
        self.highlighted = min(kept or 0, len(rows) - 1) if rows else None

    def fill_from(self, rows: Sequence[AnswerRow], loud: Style, *, top: int) -> None:
        """Show `rows`, row `top` in the first line if that can be, with the cursor on the row after it."""
        self.fill(rows, loud, at=top)
        self.scroll_to_highlight(top=True)
        self.highlighted = min(top + 1, len(rows) - 1)

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Under the cursor, where the colours are turned round, what is loud has no colour of its own."""
        super().watch_highlighted(highlighted)
        before, self._calm = self._calm, highlighted
        for at in {before, highlighted} - {None}:
            if at is not None and at < min(len(self.rows), self.option_count) and _is_loud(self.rows[at]):
                self.replace_option_prompt_at_index(
                    at, _text(self.rows[at], None if at == highlighted else self._loud)
                )

    @property
    def here(self) -> AnswerRow | None:
        """The row under the cursor."""
        at = self.highlighted
        return self.rows[at] if at is not None and at < len(self.rows) else None


def _is_loud(row: AnswerRow) -> bool:
    return any(look == "loud" for _, look in row.lines)


def _text(row: AnswerRow, loud: Style | None) -> Text:
    text = Text()
    for line, look in row.lines:
        text.append("\n" if text else "").append(line, _style(look, loud))
    return text


def _style(look: Look, loud: Style | None) -> str | Style:
    match look:
        case "badge":
            return "bold underline"
        case "loud":
            return loud or "bold"
        case _:
            return "bold" if look == "bold" else ""
