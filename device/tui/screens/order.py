"""One work order: its checklist, history, manuals and readings, and a line to say what was done.

Rules
1. Space marks an item of the checklist; the mark is kept on the disk and is no tick. Enter shows what is marked, and
   `y` there saves it, like everything else.
2. Finishing with things left asks whether they are done too, or why not; it never passes over them in silence.
3. What others changed since the page was last open is said as long as it is open, and counts as seen when it is left.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Paste
from textual.widgets import Input, OptionList, Static

from device.core.interpret import NOTE_CHARS_MAX, Proposal
from device.drafts import Unsaved
from device.errors import DeviceError
from device.looked import Look, keep_look, last_look, news
from device.place import LeftPage
from device.tui import forms, order_acts
from device.tui.draft import Draft, Row, note
from device.tui.screens.dialogs import Read
from device.tui.screens.order_seen import OrderSeen, facts, left, left_words, manuals, missing_below
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.widgets.panes import NAMES, Light, Panes
from device.tui.widgets.tabs import TabLine
from device.workbench import Workbench
from shared.commands.checklist_item_done import checklist
from shared.ids import id_of
from shared.records import Quantity, WorkStatus


class Sentence(Input):
    """Where the person says what was done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "See what it would change")]

    def _on_paste(self, event: Paste) -> None:
        """All of what was pasted on one line, as far as it fits; what does not fit is said."""
        event.prevent_default()
        event.stop()
        words = " ".join(event.text.split())
        room = NOTE_CHARS_MAX - len(self.value) + len(self.selected_text)
        self.insert_text_at_cursor(words[:room]) if self.selection.is_empty else self.replace(
            words[:room], *self.selection
        )
        if len(words) > room:
            self.notify(
                f"A note has {NOTE_CHARS_MAX} characters: {len(words) - room} of what you pasted were left out. "
                "Attach it as a file instead: d, then Attach.",
                severity="warning",
                timeout=15,
                markup=False,
            )


class OrderPage(Page[OrderSeen]):
    """The work order `job`, a record reference."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "enter_form('reading.recorded')", "Reading"),
        Binding("n", "say", "Note"),
        Binding("a", "app.go('ask')", "Ask"),
        Binding("f", "finish", "Finish"),
        Binding("d", "more", "More"),
        Binding("slash", "filter", "Find", show=False),
        Binding("enter", "save_marks", "Save what is marked", show=False),
        Binding("left,h", "tab(-1)", "Tab to the left", show=False),
        Binding("right,l", "tab(1)", "Tab to the right", show=False),
        Binding("p", "enter_form('part.consumed')", "Part", show=False),
        Binding("t", "enter_form('status.changed')", "Status", show=False),
        Binding("e", "enter_form('field.updated')", "Edit", show=False),
        Binding("g", "attach", "Attach a file", show=False),
        Binding("u", "enter_form('work_order.created')", "Follow-up job", show=False),
        Binding("o", "answer", "Answer the office", show=False),
        Binding("v", "view", "All that is written about the job", show=False),
        Binding("c", "copy", "Copy the job's number", show=False),
    ]

    AUTO_FOCUS = ""
    where = "order"

    def __init__(self, job: str, *, say: bool = False) -> None:
        super().__init__()
        self.job = job
        self._say_first = say
        self._filling = False
        self._look: Look | None = None
        self._looked_for = False

    @property
    def crumb(self) -> str:
        """The job's number."""
        return id_of(self.job)

    def body(self) -> ComposeResult:
        """Facts, the tabs and what they show, what is left, the line."""
        yield Static(id="facts")
        with Horizontal(id="tabs-line"):
            yield TabLine(NAMES, id="tabs")
            yield Static("/ filter:", id="filter-label")
            yield Input(id="filter", compact=True, max_length=100)
        yield Panes(id="panes", initial="scroll")
        yield Static(id="left", markup=False)
        with Horizontal(id="say"):
            yield Static("Done:", id="say-label")
            yield Sentence(
                id="line",
                placeholder="press n, say what was done, then Enter",
                compact=True,
                max_length=NOTE_CHARS_MAX,
                select_on_focus=False,
            )

    def on_mount(self) -> None:
        """The words that were typed earlier are still there, and so is what stood on the table."""
        line = self.query_one("#line", Input)
        line.cursor_blink = self.query_one("#filter", Input).cursor_blink = False
        self._show_filter(shown=False)
        line.value = self.unsaved.sentence
        if self.unsaved.rows:
            self.call_after_refresh(self._resume)
        elif self._say_first:
            self.action_say()

    def _resume(self) -> None:
        rows = tuple(Row(each.proposal, each.by, each.ticked) for each in self.unsaved.rows)
        self.app.push_screen(ProposalsPage(self.job, Draft(rows), sentence=self.unsaved.sentence, again=True))

    @property
    def unsaved(self) -> Unsaved:
        """What stands here and is not saved."""
        return self.tailboard.notebook.of(self.job)

    def _become(self, unsaved: Unsaved) -> None:
        self.tailboard.notebook.become(self.job, unsaved)

    # -- looking

    def read(self, workbench: Workbench) -> OrderSeen:
        """The job as the person sees it: with what is saved here on top."""
        job = workbench.record(self.job)
        view = workbench.view()
        if not self._looked_for:
            self._look, self._looked_for = last_look(self.tailboard.device.store, self.job), True
        mine = {name: view.pending.get((self.job, name), "") for name in job.fields}
        items = checklist(job)
        standing_of = workbench.standings({*mine.values(), *(tick.id for item in items for tick in item.ticks)})
        mine_here = [item for item in workbench.open_items() if item.command.record == self.job]
        return OrderSeen(
            job,
            view.records.get(str(job.fields["asset"])),
            items,
            standing_of,
            tuple(workbench.history(self.job)),
            {name: standing_of[command] for name, command in mine.items() if command in standing_of},
            tuple(filter(missing_below, mine_here)),
            workbench.status().data_as_of,
            tuple(workbench.trends(str(job.fields["asset"]))),
            tuple(manuals(workbench, view.records.get(str(job.fields["asset"])))),
            tuple(each for each in workbench.questions() if each.record == self.job and not each.answers),
            workbench.identity.actor,
            tuple(news(self._look.fields, job, workbench.identity.actor)) if self._look else (),
            self._look.at if self._look else None,
        )

    def paint(self, seen: OrderSeen) -> None:
        """Facts above, the tabs below."""
        now, first = self.tailboard.now(), not self.query_one("#facts", Static).has_class("-painted")
        tall = self.size.height >= 30
        said = facts(seen, now, self.tailboard.loud, lines_each=4 if tall else 1)
        self.query_one("#facts", Static).update(said)
        self.query_one("#facts", Static).add_class("-painted")
        self._paint_lists(seen)
        done = len(seen.items) - len(left(seen))
        counts = (f"{done}/{len(seen.items)}", len(seen.history), len(seen.documents), len(seen.trends))
        self.query_one(TabLine).titles = tuple(f"{name} {count}" for name, count in zip(NAMES, counts, strict=True))
        if first:
            self._show_tab(0 if seen.items else 1, focus=not self.query_one("#line", Input).has_focus)

    def on_resize(self) -> None:
        """Another width or height: say it all again."""
        if self.seen is not None:
            self.paint(self.seen)

    def _paint_lists(self, seen: OrderSeen) -> None:
        light = Light(self.tailboard.now(), self.tailboard.loud, self.size.height >= 30)
        self.query_one(Panes).paint(seen, self._wanted(), self.unsaved.marks, light)
        self._say_left(seen)

    def _paint_checklist(self, seen: OrderSeen) -> None:
        self.query_one(Panes).paint_checklist(seen, self._wanted(), self.unsaved.marks, self.tailboard.now())
        self._say_left(seen)

    def _say_left(self, seen: OrderSeen) -> None:
        said = left_words(seen, self.unsaved.marks)
        self.query_one("#left", Static).update(Text(said, no_wrap=True, overflow="ellipsis"))
        self.show_what_cannot()

    @on(OptionList.OptionHighlighted, "#quantities")
    def _paint_trend(self) -> None:
        self.query_one(Panes).paint_trend()

    def on_unmount(self) -> None:
        """What was on the screen counts as seen."""
        if self.seen is not None:
            store, job, now = self.tailboard.device.store, self.seen.job, self.tailboard.now()
            self.tailboard.later(lambda: keep_look(store, job, now))

    def reasons(self) -> Mapping[str, str | None]:
        """What the job's state and its marks leave to be done."""
        marks = None if self.unsaved.marks else "Nothing is marked. Space marks an item of the checklist."
        if self.seen is None:
            return {"save_marks": marks}
        return {
            "save_marks": marks,
            "finish": forms.why_no_step(self.seen.job, WorkStatus.DONE),
            "enter_form('status.changed')": forms.why_no_step(self.seen.job),
        }

    # -- tabs

    @property
    def tab(self) -> int:
        """The tab that is shown."""
        return next((each.chosen for each in self.query(TabLine)), 0)  # none while it is taken apart

    def come_back(self, left: LeftPage) -> None:
        """As it was left: the tab, the filter, the row."""
        self._show_filter(shown=bool(left.typed.get("filter")))
        if left.tab is not None and 0 <= left.tab < len(NAMES):
            self._show_tab(left.tab, focus=False)
        super().come_back(left)

    @on(TabLine.Chosen)
    def _tab_chosen(self, event: TabLine.Chosen) -> None:
        self._show_tab(event.index)

    def _show_tab(self, index: int, *, focus: bool = True) -> None:
        self.query_one(TabLine).chosen = index
        self.query_one(Panes).show(index, focus=focus)

    def action_tab(self, by: int) -> None:
        """The next tab, or the one before."""
        self.query_one(TabLine).move(by)

    # -- the filter

    def _wanted(self) -> list[str]:
        return self.query_one("#filter", Input).value.lower().split()

    def action_filter(self) -> None:
        """Type words that the rows of every tab must contain."""
        self._show_filter(shown=True)
        self.set_focus(self.query_one("#filter", Input))

    def _show_filter(self, *, shown: bool) -> None:
        for each in self.query("#filter, #filter-label"):
            each.display = shown

    @on(Input.Changed, "#filter")
    def _narrow(self) -> None:
        if self.seen is not None:
            self._paint_lists(self.seen)

    @on(Input.Submitted, "#filter")
    def _to_rows(self) -> None:
        self._show_tab(self.query_one(TabLine).chosen)

    def _show_everything(self) -> None:
        self.query_one("#filter", Input).value = ""
        self._show_filter(shown=False)
        self._to_rows()

    # -- the checklist

    @on(OptionList.OptionSelected, "#items")
    def _mark(self, event: OptionList.OptionSelected) -> None:
        items = self.query_one(Panes).items
        if event.option_index < len(items):
            item, marks = items[event.option_index].id, self.unsaved.marks
            others = tuple(each for each in marks if each != item)
            self._become(replace(self.unsaved, marks=others if item in marks else (*marks, item)))
        if self.seen:
            self._paint_checklist(self.seen)

    def action_save_marks(self) -> None:
        """Show what is marked, to be confirmed."""
        if not self.says_why_not("save_marks"):
            self._show(*self._marked())

    def _marked(self) -> list[Proposal]:
        return order_acts.ticks(self.job, self.seen.items, self.unsaved.marks) if self.seen else []

    # -- saying what was done

    @on(Input.Changed, "#line")
    def _keep(self, event: Input.Changed) -> None:
        self._become(replace(self.unsaved, sentence=event.value))

    @on(Input.Submitted, "#line")
    def _said(self, event: Input.Submitted) -> None:
        self.tell(event.value)

    def tell(self, sentence: str) -> None:
        """Show what `sentence` would come to: itself as a note first, then what the assistant makes of it."""
        if not sentence.strip():
            self.tailboard.say("Type what was done first. r enters a reading, t a status, p a part.")
            return
        draft = Draft((Row(note(self.job, sentence), "you"),))
        self.app.push_screen(ProposalsPage(self.job, draft, sentence=sentence))

    def saved(self, sentence: str) -> None:
        """Those words are on the disk: clear the line if they still stand there."""
        line = self.query_one("#line", Input)
        if sentence and line.value == sentence:
            line.value = ""
        if self.seen is not None:
            self._paint_checklist(self.seen)
        self._show_tab(self.query_one(TabLine).chosen)

    def action_say(self) -> None:
        """To the line."""
        self.set_focus(self.query_one("#line", Input))

    # -- forms

    def action_enter_form(self, kind: str) -> None:
        """Fill the form for one kind of command, then show what it would do."""
        if not self.says_why_not(f"enter_form('{kind}')"):
            self._begin(lambda: self._fill(kind))

    @on(OptionList.OptionSelected, "#quantities")
    def _reading_here(self, event: OptionList.OptionSelected) -> None:
        trends = self.query_one(Panes).trends
        if event.option_index < len(trends):
            self._begin(lambda: self._measure(trends[event.option_index].quantity))

    def _begin(self, form: Callable[[], object]) -> None:
        if not self._filling:
            self._filling = True
            form()

    @work(group="form")
    async def _fill(self, kind: str) -> None:
        _, form = forms.FORMS[kind]
        await self._take(form(self.tailboard, self.job, None))

    @work(group="form")
    async def _measure(self, what: Quantity) -> None:
        await self._take(forms.reading_of(self.tailboard, self.job, what))

    @work(group="form")
    async def _finish(self) -> None:
        assert self.seen is not None, "nothing is finished that was not seen"
        await self._take(order_acts.finish(self.tailboard, self.job, self.seen.items, self.unsaved.marks))

    async def _take(self, form: "order_acts.Asked") -> None:
        """Show what a form gave."""
        try:
            given = await form
        except DeviceError as error:
            self.tailboard.tell(error)
            return
        finally:
            self._filling = False
        if given:
            self._show(*(given if isinstance(given, list) else [given]))

    def action_finish(self) -> None:
        """Propose that the job is done, with all that is marked; what is left is asked about."""
        if self.seen is not None and not self.says_why_not("finish"):
            self._begin(self._finish)

    def _show(self, *proposals: Proposal) -> None:
        if self.is_current:
            rows = tuple(Row(each, "you") for each in proposals)
            self.app.push_screen(ProposalsPage(self.job, Draft(rows)))

    # -- more

    @work(group="more")
    async def action_more(self) -> None:
        """Everything else that can be done with this job."""
        chosen = await order_acts.more(self.tailboard, self.job)
        if chosen is not None:
            await self.run_action(chosen)

    @work(group="form")
    async def action_attach(self) -> None:
        """Attach a photo or a file: its path, then a look at it, then y."""
        await order_acts.attach(self.tailboard, self.job)

    @work(group="form")
    async def action_answer(self) -> None:
        """Answer what the office asks about this job: the answer, then a look at it, then y."""
        await order_acts.answer(self.tailboard, self.job)

    @on(OptionList.OptionSelected, "#manuals")
    @work(group="form")
    async def _open_manual(self, event: OptionList.OptionSelected) -> None:
        documents = self.query_one(Panes).documents
        if event.option_index < len(documents):
            await order_acts.open_manual(self.tailboard, id_of(documents[event.option_index].ref))

    # -- moving

    def action_view(self) -> None:
        """The facts to the last word; above the tabs there is not room for all."""
        if self.seen is not None:
            said = facts(self.seen, self.tailboard.now(), self.tailboard.loud, lines_each=None)
            self.app.push_screen(Read(self.crumb, said))

    def action_copy(self) -> None:
        """The job's number to the clipboard."""
        self.tailboard.copy(id_of(self.job))

    def action_back(self) -> None:
        """Out of the line first, then clear the filter, then one level back."""
        if self.query_one("#line", Input).has_focus:
            self._to_rows()
        elif self.query_one("#filter").display:
            self._show_everything()
        else:
            self.dismiss()
