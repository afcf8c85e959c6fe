"""Ready for the road: everything that today's jobs need, row by row, each with the next step; and fetching it."""

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static
from textual.worker import Worker

from device.core.readiness import Check, Verdict, headline
from device.errors import DeviceError
from device.plain import plain
from device.readiness import fetch, look
from device.tui.screens.list_page import ListPage
from device.tui.widgets.table import Column, Line
from device.workbench import Workbench

_MARKS = {Verdict.OK: "+ ok", Verdict.WARN: "? warn", Verdict.FAIL: "! fail"}
#: What the command line's next step is on the screen.
_HERE = {
    "tailboard outbox list": "5 shows them",
    "tailboard model list": "the laptop's page (i) lists the models",
    "tailboard fetch JOB NAME": "open the job, then its files",
}


class ReadyPage(ListPage[tuple[Check, ...]]):
    """Whether this laptop is ready for the road."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fetch", "Fetch", tooltip="Fetch what is missing"),
        Binding("slash", "filter", "Find", show=False),
        Binding("i", "app.go('laptop')", "This laptop"),
    ]
    COLUMNS = (Column("", 6), Column("What", 9), Column("How it is", 0))
    EMPTY = "Nothing was looked at yet. Wait a moment; if this stays, restart the program."
    crumb, where = "Ready for the road", "ready"

    def __init__(self) -> None:
        super().__init__()
        self._fetching: Worker[None] | None = None
        self._steps = 0

    def body(self) -> ComposeResult:
        """The rows, and how the fetching goes."""
        yield from super().body()
        yield Static(id="last-try", markup=False)

    def read(self, workbench: Workbench) -> tuple[Check, ...]:
        """Every row."""
        return tuple(look(self.tailboard.device))

    def title_line(self, seen: tuple[Check, ...]) -> str:
        """The whole, in a sentence."""
        return headline(seen)

    def lines(self, seen: tuple[Check, ...]) -> list[Line]:
        """One line for each."""
        return [
            Line(each.name, (_MARKS[each.verdict], each.name, each.said), loud=each.verdict is not Verdict.OK)
            for each in seen
        ]

    def about(self, seen: tuple[Check, ...], key: str) -> Text:
        """The row in full, and the exact next step."""
        check = next(each for each in seen if each.name == key)
        text = Text(f"{check.name}: {plain(check.said)}")
        return text.append(f"\nNext: {next_here(check)}", "bold") if check.next_step else text

    # -- fetching

    def reasons(self) -> Mapping[str, str | None]:
        """A row opens nothing; what is being fetched is not fetched twice."""
        going_on = "Fetching already. Esc stops." if self._fetching else None
        behind = "No page lies behind this row: what it says, and the next step, stand below."
        return {"select_cursor": self.nothing_here() or behind, "fetch": going_on}

    def action_fetch(self) -> None:
        """Fetch what is missing, step by step; Esc stops, and the next time it goes on there."""
        if not self.says_why_not("fetch"):
            self._steps = 0
            self._tell("Fetching… Esc stops; what came is kept.")
            self._fetching = self._fetch()
            self.show_what_cannot()

    @work(group="fetch", exclusive=True)
    async def _fetch(self) -> None:
        app, ended = self.tailboard, "Stopped. What came is kept; f goes on there."
        try:
            error = await fetch(app.device, self._stepped, app.link.one_step)
            ended = (
                f"Ended early: {error} f tries again and goes on there." if error else "All that can be had is here."
            )
        except DeviceError as error:
            ended = str(error)
        finally:
            self._fetching = None
            self._tell(ended)
            self.show_what_cannot()
            app.refresh_page()

    def _stepped(self, sentence: str) -> None:
        self._steps += 1
        self._tell(f"Step {self._steps}: {sentence}. Esc stops.".replace("..", "."))

    def _tell(self, sentence: str) -> None:
        if self.is_mounted:
            self.query_one("#last-try", Static).update(Text(plain(sentence)))

    def action_back(self) -> None:
        """Stop fetching first, then one level back."""
        if self._fetching is not None:
            self._fetching.cancel()
        else:
            super().action_back()


def next_here(check: Check) -> str:
    """The next step on the screen."""
    if check.fetched:
        return "f fetches it (online)"
    return _HERE.get(check.next_step, check.next_step)
