"""What would be saved, exactly, before anybody confirms it: from a sentence, or from a form.

Rules
1. The person's words come first and need no model. Esc stops waiting for the assistant; the words stay.
2. `y` confirms what is ticked, as it is shown; Enter never does. It takes effect only on what has been on the screen
   for a moment, so that a key typed ahead confirms nothing; while something ticked never was, `y` reads on there; and
   if what is shown is no longer what would happen, it is shown again instead.
3. The page leaves only after the device has saved. If it cannot, it says so and everything stays on the page.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from textwrap import shorten
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Button, OptionList, Static
from textual.worker import Worker

from device.core.interpret import Interpretation
from device.drafts import DraftRow
from device.errors import DeviceError
from device.model.port import Watch
from device.plain import plain
from device.tui import forms
from device.tui.desk import beside
from device.tui.draft import Draft, Row, SeenRow, chosen, note, see
from device.tui.screens.page import Page
from device.tui.widgets.key_line import SIGN
from device.tui.widgets.ticks import KeyButton, Ticks
from device.workbench import Workbench
from shared.commands.base import Command
from shared.commands.note_added import NoteAdded

#: How long rows must have been on the screen before `y` takes them.
READ_FIRST_S = 0.4
_NOTHING_YET = "Nothing has happened yet."


class Asking(Enum):
    """Where the question to the assistant stands."""

    NOT_ASKED = "not asked"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAILED = "failed"
    ANSWERED = "answered"


class ProposalsPage(Page[tuple[SeenRow, ...]]):
    """Proposals about `job`: the draft as it stands, and the assistant's when there is a `sentence`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit"),
        Binding("x", "drop", "Drop"),
        Binding("a", "add", "Add"),
        Binding("y", "confirm", "Confirm"),
        Binding("n", "keep_note", "Keep note"),
        Binding("n", "not_now", "Not now"),
    ]

    AUTO_FOCUS = "Ticks"
    where = "proposals"

    def __init__(self, job: str, draft: Draft, *, sentence: str = "", again: bool = False) -> None:
        super().__init__()
        self.job, self.draft, self.sentence = job, draft, sentence
        self._again = again
        self.asking = Asking.NOT_ASKED
        self._asked_at_s = 0.0
        self._question: Worker[None] | None = None
        self._saving = False
        self._filling = False
        self._unread: Timer | None = None
        self._below = 0

    @property
    def crumb(self) -> str:
        """What it came from."""
        return "Note" if self.sentence else "Form"

    def body(self) -> ComposeResult:
        """The words, the state of the question, the rows, the two large keys."""
        yield Static(id="words")
        yield Static(id="said")
        yield Ticks(id="ticks", compact=True)
        yield Static("What you confirm is saved here, then sent when there is a link.", id="then", markup=False)
        with Horizontal(id="answers"):
            yield KeyButton(Text("y  Confirm"), id="confirm")
            yield KeyButton(Text("n  Keep the note" if self.sentence else "n  Not now"), id="refuse")

    def on_mount(self) -> None:
        """The person's words at once, the assistant's when they come."""
        self._show_words()
        self._say(f"{'As you left it' if self._again else 'Your entry'}. {_NOTHING_YET}")
        if self.sentence and not self._again:
            self._asked_at_s = self.tailboard.device.ports.clock.monotonic_s()
            self._wait(0)
            self.set_interval(1.0, self._still_waiting)
            self._question = self._ask()

    # -- asking

    @work(group="ask", exclusive=True)
    async def _ask(self) -> None:
        workbench, sentence, job, watch = self.tailboard.device.workbench, self.sentence, self.job, Watch()
        try:
            await self.tailboard.assistant_ready()
            answer = await beside(lambda: workbench.propose(sentence, job, watch))
        except asyncio.CancelledError:
            watch.stop()  # nobody waits for it any more, and the next question need not either
            raise
        except DeviceError as error:
            self.asking = Asking.FAILED
            self._say(f"{error} {_how_to_go_on()}", loud=True)
            return
        self._take(answer)

    def _take(self, answer: Interpretation) -> None:
        self.asking = Asking.ANSWERED
        self.draft = self.draft.with_proposals(answer.proposals)
        self._say(self._provenance(answer))
        self.reload()

    def _provenance(self, answer: Interpretation) -> str:
        model = self.tailboard.device.workbench.model
        took_s = self.tailboard.device.ports.clock.monotonic_s() - self._asked_at_s
        where = f"[THIS LAPTOP, {model.name if model else 'model'}, {took_s:.1f} s]"
        if answer.reason:
            return f"{where} {answer.reason} {_how_to_go_on()}"
        found = len(self.draft.rows) > 1
        left_out = f" {len(answer.dropped)} left out: not in your words." if answer.dropped else ""
        told = "Proposed by" if found else "Nothing but the note found by"
        return f"{told} {where}. {_NOTHING_YET}{left_out}"

    def _still_waiting(self) -> None:
        if self.asking is Asking.WAITING:
            self._wait(self.tailboard.device.ports.clock.monotonic_s() - self._asked_at_s)

    def _wait(self, seconds: float) -> None:
        self.asking = Asking.WAITING
        what = "Loading the assistant" if self.tailboard.loading else "Asking the assistant on this laptop"
        self._say(f"{what}… {seconds:.0f} s. Esc stops waiting, n keeps just the note.")

    def _stop(self) -> None:
        if self._question is not None:
            self._question.cancel()
        self.asking = Asking.STOPPED
        self._say(f"Stopped waiting. Your words are still here. {_how_to_go_on()}")

    # -- showing

    def read(self, workbench: Workbench) -> tuple[SeenRow, ...]:
        """Every row with the change that it would make now."""
        return see(self.draft, workbench)

    def paint(self, seen: tuple[SeenRow, ...]) -> None:
        """The rows, and how many `y` would confirm."""
        self.query_one(Ticks).fill(seen)
        self._write_down(tuple(_kept(row.row) for row in seen))
        self._read_first()

    def _read_first(self) -> None:
        if self._unread is not None:
            self._unread.stop()
        self._unread = self.set_timer(READ_FIRST_S, self._has_been_shown)

    @property
    def never_shown(self) -> list[int]:
        """What `y` would confirm without its having been on the screen, by its place."""
        rows = self.seen or ()
        unseen = (each for ticks in self.query(Ticks) for each in ticks.unseen())  # none while it is taken apart
        return [each for each in unseen if each < len(rows) and rows[each].chosen]

    @on(Ticks.Drawn)
    def _count_below(self) -> None:
        self._below = len(self.never_shown)
        self.show_what_cannot()

    def _write_down(self, rows: tuple[DraftRow, ...]) -> None:
        """What stands on the table outlasts a crash."""
        book = self.tailboard.notebook
        book.become(self.job, replace(book.of(self.job), rows=rows))

    def _leave(self) -> None:
        """Back, without having saved anything: the table is cleared, the words stay in the line."""
        self._write_down(())
        self.dismiss()

    def _has_been_shown(self) -> None:
        self._unread = None

    @property
    def can_be_confirmed(self) -> bool:
        """Whether what is ticked has been on the screen long enough to have been read."""
        shown = tuple(row.row for row in self.seen or ())
        return shown == self.draft.rows and self._unread is None and self.asking is not Asking.WAITING

    def _show_words(self) -> None:
        words = Text("Your words  ", "bold")
        words.append(shorten(plain(self.sentence), 300, placeholder=" …"), "not bold")
        self.query_one("#words", Static).update(words)
        self.query_one("#words").display = bool(self.sentence)

    def _say(self, what: str, *, loud: bool = False) -> None:
        self.query_one("#said", Static).update(Text(plain(what), self.tailboard.loud if loud else ""))
        self.show_what_cannot()

    # -- changing the rows

    @on(OptionList.OptionSelected)
    def _toggle(self, event: OptionList.OptionSelected) -> None:
        row = self.seen[event.option_index] if self.seen else None
        if row is not None and row.obstacle:
            self.tailboard.say("This one cannot be ticked: see the line with the !. e edits it.")
        elif event.option_index < len(self.draft.rows):
            self._become(self.draft.toggled(event.option_index))

    def _become(self, draft: Draft) -> None:
        self.draft = draft
        self.reload()

    @property
    def _here(self) -> int | None:
        at = self.query_one(Ticks).highlighted
        return at if at is not None and at < len(self.draft.rows) else None

    def action_edit(self) -> None:
        """Change the row under the cursor with its form."""
        if not self.says_why_not("edit") and self._here is not None and not self._filling:
            self._filling = True
            self._fill(self.draft.rows[self._here])

    def action_add(self) -> None:
        """Add a row with a form."""
        if not self._filling:
            self._filling = True
            self._fill(None)

    @work(group="form")
    async def _fill(self, row: Row | None) -> None:
        app = self.tailboard
        try:
            proposal = await (forms.edit(app, row.proposal) if row else forms.any_of_them(app, self.job))
        except DeviceError as error:
            app.tell(error)
            return
        finally:
            self._filling = False
        if proposal is not None:
            self._become(self.draft.with_edit(row, proposal) if row else self.draft.with_row(proposal))

    def action_drop(self) -> None:
        """Take the row under the cursor off the table."""
        if not self.says_why_not("drop") and self._here is not None:
            self._become(self.draft.dropped(self._here))

    # -- deciding

    def reasons(self) -> Mapping[str, str | None]:
        """What `y` would have nothing to confirm for, and what needs a row."""
        row = None if self._here is not None else "There is no row under the cursor. a adds one."
        ticked = None
        if self.asking is Asking.WAITING:
            ticked = "Still waiting for the assistant. n keeps just the note, Esc stops waiting."
        elif not chosen(self.seen or ()):
            ticked = "Nothing is ticked. Space ticks a line, e edits it, a adds one."
        return {"confirm": ticked, "edit": row, "drop": row}

    def show_what_cannot(self) -> None:
        """The large key looks like the small one."""
        super().show_what_cannot()
        for button in self.query("#confirm").results(KeyButton):
            off = "confirm" in self.cannot()
            button.set_class(off, "-cannot")
            does = f"Read on: {self._below} more" if self._below else f"Confirm {len(chosen(self.seen or ()))}"
            button.label = Text(f"y {SIGN if off else ' '}{does}")

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        """Save what is ticked; what of it was not on the screen yet is shown first."""
        if self.says_why_not("confirm") or self.seen is None or not self.can_be_confirmed or self._saving:
            return
        if never_shown := self.never_shown:
            self.query_one(Ticks).read_on(never_shown[0])
            self._read_first()
            of = len(chosen(self.seen))
            self.tailboard.say(f"{len(never_shown)} of {of} were not on the screen yet. Read them, then press y.")
            return
        self._saving = True
        self._confirm(self.seen)

    def action_keep_note(self) -> None:
        """Save just your words, as a note."""
        if not self._saving:
            self._saving = True
            self._keep_note()

    def action_not_now(self) -> None:
        """Leave without saving."""
        self._leave()

    @on(Button.Pressed, "#refuse")
    def _refuse(self) -> None:
        (self.action_keep_note if self.sentence else self.action_not_now)()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`n` keeps the note where there are words, and leaves where there are none."""
        if action in {"keep_note", "not_now"}:
            return (action == "keep_note") == bool(self.sentence)
        return super().check_action(action, parameters)

    @work(group="save")
    async def _confirm(self, shown: tuple[SeenRow, ...]) -> None:
        workbench, draft = self.tailboard.device.workbench, self.draft
        by_assistant = any(row.row.by == "assistant" for row in shown if row.chosen)

        def save() -> tuple[Command, ...] | None:
            now = see(draft, workbench)
            if now != shown:
                return None
            said = self.sentence or "; ".join(row.summary for row in now if row.chosen)
            return workbench.confirm(chosen(now), sentence=said, source="assistant" if by_assistant else "form")

        await self._save(save)

    @work(group="save")
    async def _keep_note(self) -> None:
        workbench, job, text = self.tailboard.device.workbench, self.job, self._note_text()
        await self._save(lambda: workbench.note(job, text))

    def _note_text(self) -> str:
        notes = [row.proposal for row in self.draft.rows if row.proposal.kind == NoteAdded.kind.name]
        return str((notes[0] if notes else note(self.job, self.sentence)).payload["text"])

    async def _save(self, save: Callable[[], tuple[Command, ...] | None]) -> None:
        try:
            saved = await self.tailboard.desk.do(save)
        except DeviceError as error:
            self.tailboard.tell(error)
            return
        finally:
            self._saving = False
        if saved is None:
            self.tailboard.say("It changed meanwhile. Look again, then press y.")
            self.reload()
            return
        self.tailboard.saved(self.job, self.sentence, saved)
        self.dismiss()

    def action_back(self) -> None:
        """Stop waiting first, then one level back. Nothing is saved; the words stay in the line."""
        if self.asking is Asking.WAITING:
            self._stop()
        else:
            self._leave()


def _kept(row: Row) -> DraftRow:
    given = row.proposal
    return DraftRow(given.kind, given.record, dict(given.payload), dict(given.words), row.by, row.ticked)


def _how_to_go_on() -> str:
    return "y saves what is ticked; a adds by form."
