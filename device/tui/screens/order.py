"""One work order: its checklist, history, manuals and readings, and a line to say what was done.

Rules
1. Space marks an item of the checklist; the mark is kept on the disk and is no tick. Enter shows what is marked, and
   `y` there saves it, like everything else.
2. Finishing with things left asks whether they are done too, or why not; it never passes over them in silence.
3. What others changed since the page was last open is said as long as it is open, and counts as seen when it is left.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Paste
from textual.widgets import ContentSwitcher, Input, OptionList, Static

from device.core.interpret import NOTE_CHARS_MAX, Proposal
from device.drafts import Unsaved
from device.errors import DeviceError
from device.looked import Look, keep_look, last_look, news
from device.plain import plain
from device.store import Item
from device.tui import forms, order_acts
from device.tui.draft import Draft, Row, note
from device.tui.screens.order_seen import OrderSeen, facts, left
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.widgets.checklist import Checklist, Entry
from device.tui.widgets.choices import Choices
from device.tui.widgets.readings import Quantities, trend_text
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.tui.widgets.tabs import TabLine
from device.words import moment, standing
from device.workbench import Workbench
from shared.commands.checklist_item_done import checklist
from shared.commands.field_updated import FieldUpdated
from shared.commands.status_changed import StatusChanged
from shared.ids import id_of
from shared.outcomes import Standing
from shared.records import DocumentStatus, Record

PANES = ("checklist-pane", "scroll", "manuals-pane", "readings-pane")
_FOCUS = ("#items", "#scroll", "#manuals", "#quantities")


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


class History(VerticalScroll, inherit_bindings=False):
    """What happened, to be scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]


class OrderPage(Page[OrderSeen]):
    """The work order `job`, a record reference."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "enter_form('reading.recorded')", "Reading"),
        Binding("n", "say", "Note"),
        Binding("a", "app.go('ask')", "Ask"),
        Binding("f", "finish", "Finish"),
        Binding("d", "more", "More"),
        Binding("enter", "save_marks", "Save what is marked", show=False),
        Binding("left,h", "tab(-1)", "Tab to the left", show=False),
        Binding("right,l", "tab(1)", "Tab to the right", show=False),
        Binding("p", "enter_form('part.consumed')", "Part", show=False),
        Binding("t", "enter_form('status.changed')", "Status", show=False),
        Binding("e", "enter_form('field.updated')", "Edit", show=False),
        Binding("g", "attach", "Attach a file", show=False),
        Binding("u", "enter_form('work_order.created')", "Follow-up job", show=False),
        Binding("o", "answer", "Answer the office", show=False),
        Binding("c", "copy", "Copy the job's number", show=False),
    ]

    AUTO_FOCUS = ""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job
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
        yield TabLine(("Checklist", "History", "Manuals", "Readings"), id="tabs")
        with ContentSwitcher(id="panes", initial="scroll"):
            with Vertical(id="checklist-pane"):
                yield Checklist(id="items", compact=True)
                yield Static("There is no checklist on this job. n says what was done, f finishes it.", id="no-items")
            with History(id="scroll"):
                yield Static(id="history")
            with Vertical(id="manuals-pane"):
                yield Choices(id="manuals", compact=True)
                yield Static(
                    "There are no manuals on this laptop yet. They come with the changes, after everything smaller.",
                    id="no-manuals",
                )
            with Vertical(id="readings-pane"):
                yield Quantities(id="quantities", compact=True)
                yield Static(id="trend", markup=False)
        yield Static(id="left", markup=False)
        with Horizontal(id="say"):
            yield Static("Done:", id="say-label")
            yield Sentence(
                id="line",
                placeholder="press n, say what was done, then Enter",
                compact=True,
                max_length=NOTE_CHARS_MAX,
            )

    def on_mount(self) -> None:
        """The words that were typed earlier are still there, and so is what stood on the table."""
        line = self.query_one("#line", Input)
        line.cursor_blink = False
        line.value = self.unsaved.sentence
        if self.unsaved.rows:
            self.call_after_refresh(self._resume)

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
            tuple(filter(_missing_below, mine_here)),
            workbench.status().data_as_of,
            tuple(workbench.trends(str(job.fields["asset"]))),
            tuple(_manuals(workbench, view.records.get(str(job.fields["asset"])))),
            tuple(each for each in workbench.questions() if each.record == self.job and not each.answers),
            tuple(news(self._look.fields, job, workbench.identity.actor)) if self._look else (),
            self._look.at if self._look else None,
        )

    def paint(self, seen: OrderSeen) -> None:
        """Facts above, the tabs below."""
        now, first = self.tailboard.now(), not self.query_one("#facts", Static).has_class("-painted")
        tall = self.size.height >= 30
        said = facts(seen, now, self.tailboard.loud, description_lines=4 if tall else 1)
        self.query_one("#facts", Static).update(said)
        self.query_one("#facts", Static).add_class("-painted")
        self.query_one("#history", Static).update(self._history(seen, now))
        self._paint_checklist(seen)
        self._paint_manuals(seen)
        self.query_one(Quantities).fill(seen.trends, now)
        self._paint_trend()
        done = len(seen.items) - len(left(seen))
        counts = (f"{done}/{len(seen.items)}", len(seen.history), len(seen.documents), len(seen.trends))
        names = ("Checklist", "History", "Manuals", "Readings")
        self.query_one(TabLine).titles = tuple(f"{name} {count}" for name, count in zip(names, counts, strict=True))
        if first:
            self._show_tab(0 if seen.items else 1, focus=not self.query_one("#line", Input).has_focus)

    def on_resize(self) -> None:
        """Another width or height: say it all again."""
        if self.seen is not None:
            self.paint(self.seen)

    def _paint_checklist(self, seen: OrderSeen) -> None:
        marks = self.unsaved.marks
        entries = [
            Entry(item, item.id in marks, seen.ticks.get(item.ticks[-1].id) if item.ticks else None)
            for item in seen.items
        ]
        self.query_one(Checklist).fill(entries, self.tailboard.now())
        self.query_one("#checklist-pane").set_class(not entries, "-empty")
        self.query_one("#left", Static).update(Text(_left_words(seen, marks), no_wrap=True, overflow="ellipsis"))

    def _paint_manuals(self, seen: OrderSeen) -> None:
        own = str(seen.asset.fields["manual"]) if seen.asset else ""
        self.query_one("#manuals", Choices).show_rows([_manual_row(each, own) for each in seen.documents])
        self.query_one("#manuals-pane").set_class(not seen.documents, "-empty")

    @on(OptionList.OptionHighlighted, "#quantities")
    def _paint_trend(self) -> None:
        at = self.query_one(Quantities).highlighted
        trends = self.seen.trends if self.seen else ()
        rows = 6 if self.size.height < 30 else 12
        none = "No limits and no readings of this asset are on this laptop. r enters a reading."
        chosen = trend_text(trends[at], rows=rows) if at is not None and at < len(trends) else Text(none)
        self.query_one("#trend", Static).update(chosen)

    def _history(self, seen: OrderSeen, now: datetime) -> Group:
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(no_wrap=True)
        lines.add_column(no_wrap=True)
        lines.add_column(ratio=1)
        for line in reversed(seen.history):
            loud = self.tailboard.loud if line.standing in NEEDS_A_LOOK else ""
            said = f"{line.who}: {plain(line.what)}"
            lines.add_row(*(Text(cell, loud) for cell in (_tag(line.standing), moment(line.at, now), said)))
        nothing = "" if seen.history else "Nothing yet. Press n and say what was done, or r for a reading."
        return Group(Text(f"History, newest first ({len(seen.history)})", "bold"), lines if seen.history else nothing)

    def on_unmount(self) -> None:
        """What was on the screen counts as seen."""
        if self.seen is not None:
            store, job, now = self.tailboard.device.store, self.seen.job, self.tailboard.now()
            self.tailboard.later(lambda: keep_look(store, job, now))

    # -- tabs

    @on(TabLine.Chosen)
    def _tab_chosen(self, event: TabLine.Chosen) -> None:
        self._show_tab(event.index)

    def _show_tab(self, index: int, *, focus: bool = True) -> None:
        self.query_one(TabLine).chosen = index
        self.query_one("#panes", ContentSwitcher).current = PANES[index]
        if focus:
            self.query_one(_FOCUS[index]).focus()

    def action_tab(self, by: int) -> None:
        """The next tab, or the one before."""
        self.query_one(TabLine).move(by)

    # -- the checklist

    @on(OptionList.OptionSelected, "#items")
    def _mark(self, event: OptionList.OptionSelected) -> None:
        items = self.seen.items if self.seen else ()
        if event.option_index < len(items):
            item, marks = items[event.option_index].id, self.unsaved.marks
            others = tuple(each for each in marks if each != item)
            self._become(replace(self.unsaved, marks=others if item in marks else (*marks, item)))
        if self.seen:
            self._paint_checklist(self.seen)

    def action_save_marks(self) -> None:
        """Show what is marked, to be confirmed."""
        rows = self._marked()
        if rows:
            self._show(*rows)
        else:
            self.tailboard.say("Nothing is marked. Space marks an item of the checklist.")

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
        self.query_one("#line", Input).focus()

    # -- forms

    def action_enter_form(self, kind: str) -> None:
        """Fill the form for one kind of command, then show what it would do."""
        self._begin(lambda: self._fill(kind))

    @on(OptionList.OptionSelected, "#quantities")
    def _reading_here(self, event: OptionList.OptionSelected) -> None:
        trends = self.seen.trends if self.seen else ()
        if event.option_index < len(trends):
            self._begin(lambda: self._measure(event.option_index))

    def _begin(self, form: Callable[[], object]) -> None:
        if not self._filling:
            self._filling = True
            form()

    @work(group="form")
    async def _fill(self, kind: str) -> None:
        _, form = forms.FORMS[kind]
        await self._take(form(self.tailboard, self.job, None))

    @work(group="form")
    async def _measure(self, index: int) -> None:
        assert self.seen is not None, "a quantity was chosen from what was seen"
        await self._take(forms.reading_of(self.tailboard, self.job, self.seen.trends[index].quantity))

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
        if self.seen is not None:
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
        if self.seen and event.option_index < len(self.seen.documents):
            await order_acts.open_manual(self.tailboard, id_of(self.seen.documents[event.option_index].ref))

    # -- moving

    def action_copy(self) -> None:
        """The job's number to the clipboard."""
        self.tailboard.copy(id_of(self.job))

    def action_back(self) -> None:
        """Out of the line first, then one level back."""
        if self.query_one("#line", Input).has_focus:
            self._show_tab(self.query_one(TabLine).chosen)
        else:
            self.dismiss()


def _missing_below(item: Item) -> bool:
    """Whether a command needs the person and leaves no line in the history."""
    changes_field = item.command.kind in {StatusChanged.kind.name, FieldUpdated.kind.name}
    return item.dealt is None and (
        item.standing is Standing.REFUSED or (item.standing is Standing.REVIEW and changes_field)
    )


def _tag(where: Standing | None) -> str:
    return standing(where) if where else ""


def _left_words(seen: OrderSeen, marks: tuple[str, ...]) -> str:
    """What stands between the person and Finish; a question of the office first."""
    asked = [f"{plain(each.question.author)} asks: “{plain(each.question.text)}”  o answers" for each in seen.asked]
    return "\n".join(filter(None, [*asked[:1], _list_words(seen, marks)]))


def _list_words(seen: OrderSeen, marks: tuple[str, ...]) -> str:
    if marks:
        return f"{len(marks)} marked, not saved: Enter shows them, then y saves. f finishes with them."
    open_items = left(seen)
    if open_items:
        names = ", ".join(plain(item.text) for item in open_items)
        return f"{len(open_items)} left before Finish: {names}"
    return "Everything on the list is done. f finishes the job." if seen.items else ""


def _manuals(workbench: Workbench, asset: Record | None) -> list[Record]:
    """The documents in force, the asset's own first."""
    own = f"document/{asset.fields['manual']}" if asset else ""
    documents = [each for each in workbench.of_kind("document") if each.fields["status"] == DocumentStatus.IN_FORCE]
    return sorted(documents, key=lambda each: (each.ref != own, each.ref))


def _manual_row(document: Record, own: str) -> Text:
    fields: Mapping[str, object] = document.fields
    mine = "  for this asset" if id_of(document.ref) == own else ""
    said = f"{id_of(document.ref):<14} {plain(str(fields['title']))}, revision {plain(str(fields['revision']))}{mine}"
    return Text(said, no_wrap=True, overflow="ellipsis")
