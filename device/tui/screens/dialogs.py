"""Dialogs above a page: pick one, type one line, read something, say yes or no. Each gives back a plain value.

Esc is always the way out, and out means that nothing happens. In `YesNo`, Enter does nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from device.plain import plain
from device.tui.widgets.ticks import KeyButton

Answer = TypeVar("Answer")
Check = Callable[[str], Awaitable[str | None]]


def _line_by_line(text: str) -> str:
    return "\n".join(map(plain, text.split("\n")))


class Dialog(ModalScreen[Answer | None]):
    """A box with a title and a line that names the keys. None means: left without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]
    HINT = "Esc back"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def inside(self) -> ComposeResult:
        """The widgets between title and key line."""
        yield from ()

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box"):
            yield Static(Text(plain(self._title)), id="dialog-title")
            yield from self.inside()
            yield Static(self.HINT, id="dialog-hint", markup=False)

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to pick: `key` is given back, `label` is shown."""

    key: str
    label: str


class Pick(Dialog[str]):
    """Pick one of a list."""

    HINT = "Enter choose   / find   Esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Find"),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], *, at: str | None = None) -> None:
        super().__init__(title)
        self._choices = self._passing = tuple(choices)
        self._at = next((index for index, choice in enumerate(choices) if choice.key == at), 0)

    def inside(self) -> ComposeResult:
        """The filter, which is there when it is asked for, and the list."""
        yield Input(id="narrow", compact=True, max_length=100, placeholder="words that it must contain")
        yield OptionList(*map(_option, self._choices), compact=True)

    def on_mount(self) -> None:
        """Start on what is chosen now."""
        narrow, choices = self.query_one(Input), self.query_one(OptionList)
        narrow.cursor_blink = narrow.display = False
        choices.highlighted = self._at
        choices.focus()

    def action_filter(self) -> None:
        """Type words that a choice must contain."""
        narrow = self.query_one(Input)
        narrow.display = True
        self.set_focus(narrow)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        words = event.value.lower().split()
        self._passing = tuple(each for each in self._choices if all(word in each.label.lower() for word in words))
        choices = self.query_one(OptionList)
        choices.set_options(map(_option, self._passing))
        choices.highlighted = 0 if self._passing else None

    @on(Input.Submitted)
    def _entered(self) -> None:
        """What is the only one left is chosen; else it goes on among what is left."""
        if len(self._passing) == 1:
            self.dismiss(self._passing[0].key)
        else:
            self._to_choices()

    def _to_choices(self) -> None:
        self.set_focus(self.query_one(OptionList))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._passing[event.option_index].key)

    def action_leave(self) -> None:
        """Clear the filter first, then close without an answer."""
        narrow = self.query_one(Input)
        if not narrow.display:
            super().action_leave()
            return
        narrow.value, narrow.display = "", False
        self._to_choices()

    def action_move(self, by: int) -> None:
        """Down or up."""
        choices = self.query_one(OptionList)
        (choices.action_cursor_down if by > 0 else choices.action_cursor_up)()


def _option(choice: Choice) -> Option:
    return Option(Text(plain(choice.label), no_wrap=True))


class Ask(Dialog[str]):
    """Type one line. `check` says what is wrong with it, or None; the box stays open until it is right."""

    HINT = "Enter go on   Esc back"

    def __init__(self, title: str, label: str, *, value: str, check: Check) -> None:
        super().__init__(title)
        self._label, self._value, self._check = label, value, check
        #: Who hears what stands in the line whenever that changes.
        self.hear: Callable[[str], None] = lambda _: None

    def start_with(self, typed: str | None) -> None:
        """What stands in the line at first, if somebody typed it before."""
        self._value = self._value if typed is None else typed

    def inside(self) -> ComposeResult:
        """The label, the line, and room for what is wrong with it."""
        yield Static(Text(_line_by_line(self._label)))
        yield Input(self._value, max_length=4000, select_on_focus=False)
        yield Static(id="wrong")

    def on_mount(self) -> None:
        """A quiet cursor."""
        self.query_one(Input).cursor_blink = False

    @on(Input.Changed)
    def _typing(self, event: Input.Changed) -> None:
        if event.value != self._value:
            self._value = event.value
            self.hear(event.value)

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        wrong = await self._check(event.value)
        if wrong is None:
            self.dismiss(event.value)
        else:
            self.query_one("#wrong", Static).update(Text(f"! {plain(wrong)}"))


class Read(Dialog[None]):
    """Something to read, of any length."""

    HINT = "arrows scroll   Esc back"

    def __init__(self, title: str, text: Text) -> None:
        super().__init__(title)
        self._text = text

    def inside(self) -> ComposeResult:
        """The text, which scrolls."""
        with VerticalScroll(id="reading"):
            yield Static(self._text)

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one("#reading").focus()


class YesNo(Dialog[bool]):
    """A question whose yes costs something. `y` is yes; `n` and Esc are no; Enter does nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n", "leave", "No"),
    ]

    def __init__(self, title: str, text: str, *, yes: str, no: str) -> None:
        super().__init__(title)
        self._text, self._yes, self._no = text, yes, no

    def inside(self) -> ComposeResult:
        """The question and the two answers."""
        with VerticalScroll(id="reading"):
            yield Static(Text(_line_by_line(self._text)))
        with Horizontal(classes="answers"):
            yield KeyButton(Text(f"y  {self._yes}"), id="yes")
            yield KeyButton(Text(f"n  {self._no}"), id="no")

    def action_yes(self) -> None:
        """Yes."""
        self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(True if event.button.id == "yes" else None)


class Keep(Dialog[bool]):
    """A value that looks odd. `y` keeps it, `r` takes it again, Esc leaves; Enter does nothing."""

    HINT = "y keep   r take it again   Esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Keep"),
        Binding("r", "answer(False)", "Take it again"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._text = text

    def inside(self) -> ComposeResult:
        """What is odd about it, and the two answers."""
        yield Static(Text(plain(self._text)))
        with Horizontal(classes="answers"):
            yield KeyButton(Text("y  Keep it"), id="keep")
            yield KeyButton(Text("r  Take it again"), id="again")

    def action_answer(self, keep: bool) -> None:  # an action's parameter
        """Keep it, or take it again."""
        self.dismiss(keep)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "keep")
