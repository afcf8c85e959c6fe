"""Ask: a question, what came of it and where that ran, and the pages of the manuals that it rests on.

Rules
1. Something is on the screen as soon as Enter is pressed, also while the model is still loading: that is said, and
   that the question waits for it. Esc stops what runs, and what came so far is marked.
2. Where a question runs is decided by `device.assist`. If only a consent is missing, the person is asked, with what
   would leave; no is the default, and Enter never agrees.
3. Without a model the page is a search through the manuals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, OptionList, Static

from device.assist import Waiting
from device.errors import DeviceError
from device.plain import plain
from device.tasks import Left, cancel, left
from device.tui.answers import AnswerRow, as_copied, as_note, turn_rows, waiting_rows
from device.tui.draft import Draft, Row, note
from device.tui.screens.consent import ConsentDialog
from device.tui.screens.dialogs import YesNo
from device.tui.screens.manual import ManualPage
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.screens.reasons import ReasonsPage
from device.tui.talk import Talk, Turn
from device.tui.widgets.thread import Thread
from device.workbench import Workbench
from shared.assist import Answer
from shared.ids import id_of

#: How often a running answer is painted again.
PAINT_S = 0.1
QUESTION_CHARS_MAX = 4000
Model = Literal["here", "loading", "none"]
_LOADING = "The model is still loading. Ask all the same: your question waits for it. "
_NO_PAGE = "No page lies behind this row: a source opens its page, an answer why it ran where it ran."
_NO_OFFER = "Nothing waits for your consent here. e says why an answer ran where it ran."
_NOT_WAITING = "This question does not wait. x cancels one that was left for the cluster."


@dataclass(frozen=True, slots=True)
class AskSeen:
    """What the page stands on: the job's title, questions that were left for the cluster, how many manuals are here.

    `titles` are those of the manuals, by their short names; `ready` of the manuals can be searched. `model` says
    whether there is one.
    """

    title: str
    left: tuple[Left, ...]
    titles: Mapping[str, str]
    manuals: int
    ready: int
    model: Model


class QuestionLine(Input):
    """Where the question is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Ask"),
        Binding("down", "screen.to_answers", "To the answers", show=False),
    ]


class AskPage(Page[AskSeen]):
    """Questions about `job`, a record reference; None asks about no job."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "type", "Ask"),
        Binding("c", "copy", "Copy"),
        Binding("n", "to_note", "To note"),
        Binding("e", "why_here", "Why here"),
        Binding("s", "elsewhere", "Send elsewhere", show=False),
        Binding("x", "cancel", "Cancel a question that waits", show=False),
        Binding("slash", "app.go('search')", "Search the manuals", show=False),
    ]
    AUTO_FOCUS = "#question"
    crumb, where = "Ask", "ask"

    def __init__(self, job: str | None) -> None:
        super().__init__()
        self.job = job
        self._shown = -1

    @property
    def talk(self) -> Talk:
        """The questions about this job."""
        return self.tailboard.talks.about(self.job)

    @property
    def up_to_date(self) -> bool:
        """Whether the newest of the talk is on the screen."""
        return self._shown == self.talk.revision

    def body(self) -> ComposeResult:
        """What it is about, the talk, the line."""
        yield Static(id="about-what")
        yield Thread(id="thread", compact=True)
        with Horizontal(id="say"):
            yield Static("Ask:", id="say-label")
            yield QuestionLine(
                id="question",
                placeholder="type a question, then Enter",
                compact=True,
                max_length=QUESTION_CHARS_MAX,
                select_on_focus=False,
            )

    def on_mount(self) -> None:
        """What was asked before is there; what is being written is painted as it comes."""
        self.query_one("#question", Input).cursor_blink = False
        self.set_interval(PAINT_S, self._follow)

    def read(self, workbench: Workbench) -> AskSeen:
        """The job, what was left for the cluster about it, and the manuals."""
        order = workbench.record(self.job) if self.job else None
        questions = [each for each in left(workbench, everything=True) if self._mine(each, workbench)]
        standings = self.tailboard.device.library.standings()
        ready = sum(each.here and not each.waits and not each.problem for each in standings)
        titles = {each.document.id: each.document.title for each in standings}
        title = str(order.fields["title"]) if order else ""
        model: Model = "here" if workbench.model else "loading" if self.tailboard.loading else "none"
        return AskSeen(title, tuple(questions), titles, len(standings), ready, model)

    def _mine(self, question: Left, workbench: Workbench) -> bool:
        task = question.task
        return task.asked_by == workbench.identity.actor and self.job in {None, task.record}

    def paint(self, seen: AskSeen) -> None:
        """What it is about, and the talk below."""
        about = f"About {id_of(self.job)} {plain(seen.title)}. " if self.job else "About no job. "
        self.query_one("#about-what", Static).update(Text(about + self._from_what(seen), no_wrap=False))
        self._show_talk()

    def _from_what(self, seen: AskSeen) -> str:
        if not seen.manuals:
            loading = _LOADING if seen.model == "loading" else ""
            return f"{loading}No manuals on this laptop yet: they come with the next contact."
        without = {"here": "", "loading": _LOADING, "none": "No model: this page searches the manuals. "}[seen.model]
        some = f"{seen.ready} of {seen.manuals} manuals can be searched." if seen.ready < seen.manuals else ""
        return f"{without}{some}" or f"{seen.manuals} manual{'s' if seen.manuals > 1 else ''} here."

    # -- the talk

    def _follow(self) -> None:
        talk = self.talk
        if self.seen is not None and (talk.running or talk.revision != self._shown):
            self._show_talk()
        last = talk.turns[-1] if talk.turns else None
        if last and not last.running and last.offer and last.came and not isinstance(last.came, Answer):
            self._offer_once(last)

    def _show_talk(self) -> None:
        talk, thread = self.talk, self.query_one(Thread)
        now_s = self.tailboard.device.ports.clock.monotonic_s()
        newest = talk.revision != self._shown
        self._shown = talk.revision
        waiting = {each.id: each for each in self.seen.left} if self.seen else {}
        mine = [_waits_as(turn) for turn in talk.turns]
        titles = self.seen.titles if self.seen else {}
        rows: list[AnswerRow] = waiting_rows([each for each in waiting.values() if each.id not in mine], titles)
        at = len(rows)
        for number, (turn, task) in enumerate(zip(talk.turns, mine, strict=True)):
            at = len(rows)
            rows += turn_rows(number, turn, now_s - turn.began_s, titles)
            rows += waiting_rows([waiting[task]], titles) if task in waiting else []
        rows = rows or [AnswerRow(((self._nothing_yet(), "plain"),))]
        if newest and talk.turns:
            thread.fill_from(rows, self.tailboard.loud, top=at)
        else:
            thread.fill(rows, self.tailboard.loud)
        self.show_what_cannot()

    def _nothing_yet(self) -> str:
        return (
            "Nothing asked yet. Type a question below and press Enter: the answer quotes the manuals, says where it "
            "was worked out and what left this laptop."
        )

    # -- what cannot be done now

    def reasons(self) -> Mapping[str, str | None]:
        """Most keys need an answer, or a question that waits."""
        row, answer = self.query_one(Thread).here, self._answer_here()
        last = self.talk.turns[-1] if self.talk.turns else None
        offered = last is not None and last.offer is not None and not last.running
        on_job = "A note belongs to a job. Open one with 1, ask there, then n." if self.job is None else None
        decided = (row and row.decision) or self._last_decision(row)
        return {
            "select": None if row and (row.place or row.decision) else _NO_PAGE,
            "copy": None if answer else "There is no answer here to copy yet.",
            "to_note": on_job if answer else "There is no answer here to make a note of yet.",
            "why_here": None if decided else "Nothing was decided here yet: ask something first.",
            "elsewhere": None if offered else _NO_OFFER,
            "cancel": None if row and row.task else _NOT_WAITING,
        }

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.show_what_cannot()

    # -- asking

    @on(Input.Submitted, "#question")
    def _asked(self, event: Input.Submitted) -> None:
        question = event.value.strip()
        if not question:
            self.tailboard.say("Type a question first.")
        elif self.talk.running:
            self.tailboard.say("One question is being answered. Esc stops it.")
        else:
            event.input.value = ""
            self.ask(question)

    def ask(self, question: str) -> None:
        """Ask, and go to where the answer will be."""
        self.talk.ask(question)
        self._show_talk()
        self.set_focus(self.query_one(Thread))

    def action_type(self) -> None:
        """To the line."""
        self.set_focus(self.query_one("#question", Input))

    def action_to_answers(self) -> None:
        """From the line to the answers."""
        self.set_focus(self.query_one(Thread))

    # -- a consent

    def _offer_once(self, turn: Turn) -> None:
        """Ask for a consent that is missing, once, and only if nothing else is in front."""
        if not turn.offered and self.is_current:
            turn.offered = True
            self._ask_consent(turn)

    def action_elsewhere(self) -> None:
        """Let the last question go where it may not without you: see what would leave, then decide."""
        turn = self.talk.turns[-1] if self.talk.turns else None
        if not self.says_why_not("elsewhere") and turn is not None:
            self._ask_consent(turn)

    @work(group="consent", exclusive=True)
    async def _ask_consent(self, turn: Turn) -> None:
        app, offer = self.tailboard, turn.offer
        assert offer is not None, "there is something to ask"
        said = await app.ask(ConsentDialog(offer, turn.question))
        if said in {"once", "job"} and not self.talk.running:
            self.talk.again(turn, "once" if said == "once" else "job")
        elif said == "never":
            await app.desk.do(lambda: app.device.workbench.routes.consents.never(offer.target))
            turn.offer = None
            app.say("You are not asked for that place again. The laptop's page (i) takes that back.")
        self._show_talk()

    # -- what is under the cursor

    @on(OptionList.OptionSelected)
    def _open(self) -> None:
        row = self.query_one(Thread).here
        if self.says_why_not("select") or row is None:
            return
        if row.place is not None:
            self.app.push_screen(ManualPage(row.place.document, row.place.page, row.place.quote))
        elif row.decision is not None:
            self.app.push_screen(ReasonsPage(row.decision))

    def _answer_here(self) -> tuple[str, Answer] | None:
        """Question and answer under the cursor, or the last ones that there are."""
        row = self.query_one(Thread).here
        if row and row.answer:
            return self._question_of(row), row.answer
        turn = self._turn_here(row)
        return (turn.question, turn.came) if turn and isinstance(turn.came, Answer) else None

    def _turn_here(self, row: AnswerRow | None) -> Turn | None:
        turns = self.talk.turns
        if row and row.turn is not None:
            return turns[row.turn]
        return turns[-1] if turns else None

    def _question_of(self, row: AnswerRow) -> str:
        if row.turn is not None:
            return self.talk.turns[row.turn].question
        waiting = self.seen.left if self.seen else ()
        return next((each.task.question for each in waiting if each.id == row.task), "")

    def action_copy(self) -> None:
        """The answer with its sources to the clipboard."""
        found = self._answer_here()
        if self.says_why_not("copy") or found is None:
            return
        self.app.copy_to_clipboard(as_copied(found[1]))
        self.tailboard.say("Copied the answer with its source.")

    def action_to_note(self) -> None:
        """Make a note of the answer; you see it before it is saved."""
        found = self._answer_here()
        if not self.says_why_not("to_note") and found is not None and self.job is not None:
            row = Row(note(self.job, as_note(*found)), "you")
            self.app.push_screen(ProposalsPage(self.job, Draft((row,))))

    def action_why_here(self) -> None:
        """Why the answer ran where it ran: the decision with every why-not."""
        row = self.query_one(Thread).here
        decision = row.decision if row and row.decision else self._last_decision(row)
        if not self.says_why_not("why_here") and decision is not None:
            self.app.push_screen(ReasonsPage(decision))

    def _last_decision(self, row: AnswerRow | None) -> str | None:
        turn = self._turn_here(row)
        if turn is None or turn.came is None:
            return None
        return turn.came.decision if isinstance(turn.came, Answer) else turn.came.decision.hash

    @work(group="cancel", exclusive=True)
    async def action_cancel(self) -> None:
        """Give up the question under the cursor that waits for the cluster; you are asked first."""
        row, app = self.query_one(Thread).here, self.tailboard
        task = row.task if row else None
        if self.says_why_not("cancel") or task is None:
            return
        try:
            if await app.ask(YesNo("Give this question up?", plain(_said(row)), yes="Give it up", no="Keep it")):
                how = await app.desk.do(lambda: cancel(app.device.workbench, task))
                taken_back = "Taken back. Nothing of it left this laptop."
                app.say(taken_back if how == "withdrawn" else "Cancelled as soon as the server hears of it.")
        except DeviceError as error:
            app.tell(error)
        app.refresh_page()

    def action_back(self) -> None:
        """Stop what runs first, then out of the line, then one level back."""
        line = self.query_one("#question", Input)
        if self.talk.running:
            self.talk.stop()
            self._show_talk()
        elif line.has_focus and self.talk.turns:
            self.set_focus(self.query_one(Thread))
        else:
            self.dismiss()


def _waits_as(turn: Turn) -> str | None:
    return turn.came.command.id if isinstance(turn.came, Waiting) else None


def _said(row: AnswerRow | None) -> str:
    return row.lines[0][0] if row else ""
