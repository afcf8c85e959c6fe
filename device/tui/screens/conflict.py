"""What became of values that could not both stand: field by field, what you said, what others said, what stands."""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from device.clashes import ConflictTold, FieldTold
from device.tui.screens.dialogs import Dialog


class ConflictDialog(Dialog[str]):
    """Shows a conflict. ``answer`` comes back if the person wants to answer what the office asks, else None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer", "Answer the office"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, told: ConflictTold, also: str, loud: Style) -> None:
        super().__init__(told.title)
        self.HINT = f"{'a answer the office   ' if told.asks else ''}arrows scroll   Esc back"
        self._told, self._also, self._loud = told, also, loud

    def inside(self) -> ComposeResult:
        """Every field, what the office asks, and the rest, which scroll together."""
        with VerticalScroll(id="reading"):
            yield Static(self._text())

    def _text(self) -> Text:
        text = Text(f"{self._told.head}\n")
        for field in self._told.fields:
            text.append("\n").append_text(self._field(field))
        for question in self._told.questions:
            text.append(f"\n{question}", "bold")
        return text.append(f"\n\n{self._also}")

    def _field(self, field: FieldTold) -> Text:
        mark = "+" if field.settled else "?"
        text = Text().append(f"{mark} {field.place}\n", "bold" if field.settled else self._loud)
        for who, value, when in field.sides:
            text.append(f"    {who:<12} {value:<18} {when}\n")
        return text.append(f"    {field.fate}\n", "bold")

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one("#reading").focus()

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one("#reading").scroll_relative(y=by, animate=False)

    def action_answer(self) -> None:
        """Answer what the office asks."""
        if self._told.asks:
            self.dismiss("answer")
        else:
            self.app.notify("The office asks nothing about this.", markup=False)
