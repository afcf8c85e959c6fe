"""Why an answer ran where it ran: the decision with every why-not, its policies, the attempts, what moved."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from device.reasons import Reasons, reason_lines
from device.tui.screens.page import Page
from device.workbench import Workbench

_GONE = (
    "This decision is not kept on this laptop: it is older than what is kept, or was made by the server for a "
    "question that waited. The list of decisions is under e on the laptop's page (i)."
)


class ReasonsPage(Page[Reasons | str]):
    """The decision of that hash."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy the decision's hash"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]
    AUTO_FOCUS = "#scroll"
    crumb = "Why here"

    def __init__(self, decision: str) -> None:
        super().__init__()
        self.decision = decision

    def body(self) -> ComposeResult:
        """One text, which scrolls."""
        with VerticalScroll(id="scroll"):
            yield Static(id="reasons")

    def read(self, workbench: Workbench) -> Reasons | str:
        """The decision and what was tried after it; a sentence if it is not kept."""
        decision = self.tailboard.device.store.decision(self.decision)
        if decision is None:
            return _GONE
        return Reasons(decision, tuple(workbench.routes.evidence.tried(decision.hash)))

    def paint(self, seen: Reasons | str) -> None:
        """Every line of it."""
        if isinstance(seen, str):
            text = Text(seen)
        else:
            first, *rest = reason_lines(seen, self.tailboard.now())
            text = Text(f"{first}\n", "bold").append("\n".join(rest), "not bold")
        self.query_one("#reasons", Static).update(text)

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one("#scroll").scroll_relative(y=by, animate=False)

    def action_copy(self) -> None:
        """The decision's hash to the clipboard."""
        self.tailboard.copy(self.decision)
