"""A consent, asked before anything leaves: what, where to, for how long, and how far it reaches.

Rules
1. The focus starts on No, and stays there; Esc and Enter mean no. The keys for yes differ from the key that led here,
   and take effect only when the question has been on the screen for a moment, so that no key typed ahead agrees.
2. Everything that would leave can be read here, to its last line, by keys.
3. The dialog gives back what the person said and does nothing itself.
"""

from datetime import timedelta
from typing import ClassVar, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from device.assist import Offer
from device.plain import plain
from device.tui.screens.dialogs import Dialog
from device.tui.widgets.ticks import KeyButton
from device.words import PLACES

Said = Literal["once", "job", "never"]
#: How long the question must have been on the screen before a yes counts.
READ_FIRST_S = 0.4


class NoButton(Button):
    """The safe choice, which has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "press", "No", show=False)]


class ConsentDialog(Dialog[Said]):
    """Asks for the consent in `offer`. None is no."""

    HINT = "v all that would leave   Esc no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "leave", "No"),
        Binding("o", "agree('once')", "Once"),
        Binding("j", "agree('job')", "This job"),
        Binding("x", "agree('never')", "Never"),
        Binding("v", "view", "View all that would leave"),
    ]

    def __init__(self, offer: Offer, question: str) -> None:
        super().__init__(f"Send this question to {PLACES[offer.target]}?")
        self.offer, self._question = offer, question
        self._read = False

    def inside(self) -> ComposeResult:
        """What leaves, where to, for how long; then the answers."""
        with VerticalScroll(id="leaving", can_focus=False):
            yield Static(self._told())
        with Horizontal(id="consents"):
            yield NoButton(Text("n  No"), id="no")
            yield KeyButton(Text("o  Once"), id="once")
            if "job" in self.offer.lives:
                yield KeyButton(Text("j  This job"), id="job")
            yield KeyButton(Text("x  Never"), id="never")

    def on_mount(self) -> None:
        """The focus is on No; what is typed ahead agrees to nothing."""
        self.query_one("#no").focus()
        self.set_timer(READ_FIRST_S, self._was_read)

    def _was_read(self) -> None:
        self._read = True

    def _told(self) -> Text:
        offer, text = self.offer, Text()
        words = len(self._question.split())
        because = f" ({', '.join(each.replace('_', ' ') for each in offer.found)})" if offer.found else ""
        text.append("Leaves: ", "bold").append(f"your {words} words, {_pages(len(offer.pages))}, ")
        text.append(f"{len(offer.leaves):,} characters in all. Not: photos, notes, people of the job.\n")
        text.append("Class:  ", "bold").append(f"{offer.data_class.value}{plain(because)}\n")
        text.append("To:     ", "bold").append(f"{PLACES[offer.target]}. {plain(offer.disclosure)}\n")
        text.append("Holds:  ", "bold").append(f"{self._holds()}\n")
        if offer.waits:
            text.append("It cannot go there now: it waits on this laptop, and leaves when it can.\n")
        return text.append("Never:  ", "bold").append("not asked for that place again; what was agreed ends.")

    def _holds(self) -> str:
        lives = self.offer.lives
        job = f"; this job: {_spell(lives['job'])}" if "job" in lives else ""
        return f"once: this question, {_spell(lives['once'])} at most{job}. You can take it back."

    @on(Button.Pressed, "#no")
    def _no(self) -> None:
        self.action_leave()

    @on(Button.Pressed, "KeyButton")
    def _clicked(self, event: Button.Pressed) -> None:
        if event.button.id in {"once", "job", "never"}:
            self.action_agree(event.button.id)

    def action_agree(self, said: str) -> None:
        """Once, for this job, or never."""
        if not self._read:
            return
        match said:
            case "once" | "never":
                self.dismiss(said)
            case "job" if "job" in self.offer.lives:
                self.dismiss("job")
            case _:
                self.app.notify("There is no job here: once, or no.", markup=False)

    def action_view(self) -> None:
        """Read everything that would leave, to its last line."""
        self.app.push_screen(Leaving(self.offer))


class Leaving(Dialog[None]):
    """Everything that would leave; the keys scroll at once."""

    HINT = "arrows, PgUp, PgDn, Home, End scroll   Esc back to the question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, offer: Offer) -> None:
        super().__init__(f"Would leave for {PLACES[offer.target]}: all of it")
        self._offer = offer

    def inside(self) -> ComposeResult:
        """The words as they would be sent."""
        with VerticalScroll(id="reading"):
            yield Static(Text(self._words()), id="leaves")

    def _words(self) -> str:
        pages = [f"Pages of manuals: {'; '.join(self._offer.pages)}", ""] if self._offer.pages else []
        return "\n".join(plain(line) for line in [*pages, *self._offer.leaves.splitlines()])

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one("#reading").focus()

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one("#reading").scroll_relative(y=by, animate=False)


def _pages(count: int) -> str:
    return "no page of a manual" if not count else f"{count} page{'s' if count > 1 else ''} of manuals"


def _spell(life: timedelta) -> str:
    hours = life.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:g} h"
