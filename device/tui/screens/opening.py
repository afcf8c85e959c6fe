"""The first page: the program is here, the device is not open yet. It says so, and asks for the PIN if it must.

It stands on Textual alone: nothing of the device is loaded when it is painted.
"""

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from device.plain import plain
from device.tui.widgets.heading import Heading

LOCKED = "This laptop is locked."
OPENING = "Opening this laptop. What you press now counts as soon as the jobs are here."


class OpeningPage(Screen[None]):
    """Before there is a device. `asks` says whether the person has to type the PIN."""

    def __init__(self, *, asks: bool) -> None:
        super().__init__()
        self._asks = asks

    def compose(self) -> ComposeResult:
        """Heading, how it stands, the PIN, footer."""
        yield Heading()
        yield Static(LOCKED if self._asks else OPENING, id="standing", markup=False)
        if self._asks:
            yield Static("PIN:", id="pin-label")
            yield Input(password=True, id="pin", compact=True)
            yield Static(id="wrong")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """A quiet cursor."""
        self.query_one(Heading).trail = "Opening"
        for field in self.query(Input):
            field.cursor_blink = False

    def opens(self) -> None:
        """The PIN is being tried."""
        self.query_one("#standing", Static).update(OPENING)
        for wrong in self.query("#wrong").results(Static):
            wrong.update("")
        for field in self.query(Input):
            field.disabled = True

    def asks_again(self, why: str) -> None:
        """It did not open. Type the PIN again."""
        self.query_one("#standing", Static).update(LOCKED)
        self.query_one("#wrong", Static).update(Text(f"! {plain(why)}"))
        field = self.query_one(Input)
        field.disabled, field.value = False, ""
        field.focus()
