"""One work order: its fields, what happened on it, and a line to say what was done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from device.core.interpret import Proposal
from device.errors import DeviceError
from device.store import Item
from device.tui import forms
from device.tui.draft import Draft, Row, note
from device.tui.screens.page import Page
from device.tui.screens.proposals import ProposalsPage
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.words import due, moment, named, number, plain, standing, value_of
from device.workbench import HistoryLine, Workbench
from shared.commands.field_updated import FieldUpdated
from shared.commands.status_changed import StatusChanged
from shared.ids import id_of
from shared.outcomes import Standing
from shared.records import Limit, Record, WorkStatus


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """The job as the person sees it.

    Args:
        job: with what is saved here on top.
        asset: None if it is not on this laptop.
        history: oldest first.
        changed: for each field that the person changed, where that change stands.
        needs_you: commands on this job that were refused or are in review, and that the history does not show.
        as_of: the server's time of the last successful round.
    """

    job: Record
    asset: Record | None
    history: tuple[HistoryLine, ...]
    changed: Mapping[str, Standing]
    needs_you: tuple[Item, ...]
    as_of: datetime | None


class Sentence(Input):
    """Where the person says what was done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "See what it would change")]


class OrderPage(Page[OrderSeen]):
    """The work order `job`, a record reference."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "enter_form('reading.recorded')", "Reading"),
        Binding("n", "say", "Note"),
        Binding("a", "app.go('ask')", "Ask"),
        Binding("f", "finish", "Finish"),
        Binding("p", "enter_form('part.consumed')", "Part"),
        Binding("t", "enter_form('status.changed')", "Status"),
        Binding("e", "enter_form('field.updated')", "Edit", show=False),
        Binding("c", "copy", "Copy the job's number", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    AUTO_FOCUS = "#scroll"

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job
        self._filling = False

    @property
    def crumb(self) -> str:
        """The job's number."""
        return id_of(self.job)

    def body(self) -> ComposeResult:
        """Fields and history scroll together; the line stays."""
        with VerticalScroll(id="scroll"):
            yield Static(id="facts")
            yield Static(id="history")
        with Horizontal(id="say"):
            yield Static("Done:", id="say-label")
            yield Sentence(
                id="line",
                placeholder="press n, say what was done, then Enter",
                compact=True,
                max_length=4000,
            )

    def on_mount(self) -> None:
        """The words that were typed earlier are still there."""
        line = self.query_one("#line", Input)
        line.cursor_blink = False
        line.value = self.tailboard.words_for.get(self.job, "")

    def read(self, workbench: Workbench) -> OrderSeen:
        """The job as the person sees it: with what is saved here on top."""
        job = workbench.record(self.job)
        view = workbench.view()
        mine_here = [item for item in workbench.outbox() if item.command.record == self.job]
        standing_of = {item.command.id: item.standing for item in mine_here}
        mine = {name: view.pending.get((self.job, name), "") for name in job.fields}
        return OrderSeen(
            job,
            view.records.get(str(job.fields["asset"])),
            tuple(workbench.history(self.job)),
            {name: standing_of[command] for name, command in mine.items() if command in standing_of},
            tuple(filter(_missing_below, mine_here)),
            workbench.status().data_as_of,
        )

    def paint(self, seen: OrderSeen) -> None:
        """Fields above, history below."""
        now = self.tailboard.now()
        facts = _facts(seen, now)
        for item in seen.needs_you:
            facts.append(
                f"{standing(item.standing)}: {plain(item.summary)} ({number(item)}; 5 says why)\n",
                self.tailboard.loud,
            )
        self.query_one("#facts", Static).update(facts)
        self.query_one("#history", Static).update(self._history(seen, now))

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

    # -- saying what was done

    @on(Input.Changed, "#line")
    def _keep(self, event: Input.Changed) -> None:
        self.tailboard.words_for[self.job] = event.value

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
        if line.value == sentence:
            line.value = ""
        self.query_one("#scroll").focus()

    def action_say(self) -> None:
        """To the line."""
        self.query_one("#line", Input).focus()

    # -- forms

    def action_enter_form(self, kind: str) -> None:
        """Fill the form for one kind of command, then show what it would do."""
        if not self._filling:
            self._filling = True
            self._fill(kind)

    @work(group="form")
    async def _fill(self, kind: str) -> None:
        _, form = forms.FORMS[kind]
        try:
            proposal = await form(self.tailboard, self.job, None)
        except DeviceError as error:
            self.tailboard.tell(error)
            return
        finally:
            self._filling = False
        if proposal is not None:
            self._show(proposal)

    def action_finish(self) -> None:
        """Propose that the job is done."""
        self._show(Proposal(StatusChanged.kind.name, self.job, {"to": WorkStatus.DONE.value}, {}))

    def _show(self, proposal: Proposal) -> None:
        if self.is_current:
            self.app.push_screen(ProposalsPage(self.job, Draft((Row(proposal, "you"),))))

    # -- moving

    def action_scroll(self, by: int) -> None:
        """A line down or up."""
        self.query_one("#scroll").scroll_relative(y=by, animate=False)

    def action_copy(self) -> None:
        """The job's number to the clipboard."""
        self.tailboard.copy(id_of(self.job))

    def action_back(self) -> None:
        """Out of the line first, then one level back."""
        if self.query_one("#line", Input).has_focus:
            self.query_one("#scroll").focus()
        else:
            self.dismiss()


# -- the fields


def _missing_below(item: Item) -> bool:
    """Whether a command needs the person and leaves no line in the history."""
    changes_field = item.command.kind in {StatusChanged.kind.name, FieldUpdated.kind.name}
    return item.standing is Standing.REFUSED or (item.standing is Standing.REVIEW and changes_field)


def _facts(seen: OrderSeen, now: datetime) -> Text:
    job = seen.job.fields
    text = Text()
    text.append(plain(str(job["title"])), "bold")
    text.append(f"   as of {moment(seen.as_of, now)}\n" if seen.as_of else "\n")
    text.append(f"{_asset_line(seen)}\n")
    text.append(_pair(seen, "status")).append("   ").append(_pair(seen, "priority")).append("   ")
    text.append(_pair(seen, "activity")).append(f"   Due: {due(job['due_on'], now)}{_mark(seen, 'due_on')}\n")
    if job["safety_critical"]:
        text.append("SAFETY CRITICAL\n", "bold")
    for name in ("access", "description"):
        if job[name]:
            text.append(f"{_pair(seen, name)}\n")
    for line in _limit_lines(seen.asset):
        text.append(f"{line}\n")
    return text


def _pair(seen: OrderSeen, name: str) -> str:
    return f"{named(name).capitalize()}: {value_of(name, seen.job.fields[name])}{_mark(seen, name)}"


def _mark(seen: OrderSeen, name: str) -> str:
    where = seen.changed.get(name)
    return f" [{standing(where)}]" if where else ""


def _tag(where: Standing | None) -> str:
    return standing(where) if where else ""


def _asset_line(seen: OrderSeen) -> str:
    ref = str(seen.job.fields["asset"])
    if seen.asset is None:
        return f"{id_of(ref)} (not on this laptop)"
    names = [str(seen.asset.fields[name]) for name in ("name", "site", "location", "maker", "model")]
    return f"{id_of(ref)}  {plain(', '.join(name for name in names if name))}"


def _limit_lines(asset: Record | None) -> list[str]:
    listed = asset.fields["limits"] if asset else None
    limits = [Limit.model_validate(each) for each in listed] if isinstance(listed, list) else []
    ranges = [f"{named(each.quantity)} {_bounds(each)} {plain(each.unit)}" for each in limits]
    return [f"Normal: {'; '.join(ranges)}"] if ranges else []


def _bounds(limit: Limit) -> str:
    low = "" if limit.low is None else f"{limit.low:g}"
    high = "" if limit.high is None else f"{limit.high:g}"
    return f"{low} to {high}".strip() if low else f"up to {high}"
