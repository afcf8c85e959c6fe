"""The outbox: every command of this laptop, where it stands, why, and *Send now*.

What needs the person comes first, then what is on its way in the order of sending, then what was accepted, newest
first. Nothing here is ever called sent before the server's receipt says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from device.clashes import told
from device.errors import DeviceError
from device.store import Item
from device.tui import forms
from device.tui.screens.conflict import ConflictDialog
from device.tui.screens.dialogs import Read, YesNo
from device.tui.screens.list_page import ListPage
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.tui.widgets.table import Column, Line
from device.words import moment, number, plain, standing, troubles, why
from device.workbench import Asked, Workbench
from shared.outcomes import Outcome, Standing
from shared.records import Record

_PLACE = {
    each: place for place, each in enumerate((Standing.REFUSED, Standing.REVIEW, Standing.SENT, Standing.SAVED))
}


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """The commands in the order of the page, and what explains them."""

    items: tuple[Item, ...]
    conflicts: tuple[Record, ...]
    blocked: Mapping[str, str]
    as_of: datetime | None
    last_error: str | None
    expiring: Mapping[str, timedelta]
    troubles: tuple[str, ...]
    questions: tuple[Asked, ...]
    tasks: tuple[Record, ...]


class OutboxPage(ListPage[OutboxSeen]):
    """The outbox."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_now", "Send now"),
        Binding("t", "take_back", "Take back what was not sent", show=False),
        Binding("g", "give_again", "Give again what came back", show=False),
        Binding("x", "drop", "Drop what came back", show=False),
        Binding("a", "answer", "Answer the office", show=False),
        Binding("1,f2", "app.go('jobs')", "Jobs"),
        Binding("2,f3", "app.go('order')", "Order"),
        Binding("c", "copy", "Copy the command's id", show=False),
    ]
    COLUMNS = (Column("#", 5), Column("State", 15), Column("When", 12), Column("What", 0))
    EMPTY = "The outbox is empty. What you confirm on a job appears here: 1 goes to the jobs."
    crumb = "Outbox"

    def body(self) -> ComposeResult:
        """The list, and what came of the last try."""
        yield from super().body()
        yield Static(id="last-try", markup=False)

    def read(self, workbench: Workbench) -> OutboxSeen:
        """Everything in the outbox with what explains it."""
        status = workbench.status()
        return OutboxSeen(
            tuple(sorted(workbench.outbox(), key=_order)),
            tuple(workbench.of_kind("conflict")),
            dict(workbench.view().blocked),
            status.data_as_of,
            status.last_error if status.online else None,
            status.expiring,
            tuple(troubles(status)),
            tuple(each for each in workbench.questions() if not each.answers),
            tuple(workbench.of_kind("assist_task")),
        )

    def paint(self, seen: OutboxSeen) -> None:
        """The list and the last try."""
        super().paint(seen)
        self.show_last_try()

    def title_line(self, seen: OutboxSeen) -> str:
        """Totals, split into what the server has accepted and what has no final answer."""
        accepted = sum(item.standing is Standing.ACCEPTED for item in seen.items)
        as_of = moment(seen.as_of, self.tailboard.now()) if seen.as_of else "never"
        return f"{accepted} accepted + {len(seen.items) - accepted} not accepted, as of {as_of}"

    def lines(self, seen: OutboxSeen) -> list[Line]:
        """One row per command."""
        now = self.tailboard.now()
        return [
            Line(
                item.command.id,
                (
                    number(item),
                    standing(item.standing),
                    moment(item.command.issued_at, now),
                    f"taken back: {item.summary}" if item.withdrawal else item.summary,
                ),
                loud=item.standing in NEEDS_A_LOOK and not item.dealt,
            )
            for item in seen.items
        ]

    def about(self, seen: OutboxSeen, key: str) -> Text:
        """Why the command stands where it stands."""
        item = next(each for each in seen.items if each.command.id == key)
        reasons = why(item, seen.items, seen.conflicts, seen.blocked, seen.expiring, seen.tasks)
        return Text("\n".join([*_you_can(item), *reasons]), overflow="ellipsis")

    def show_last_try(self) -> None:
        """What came of the last *Send now*, or of the last try in the background."""
        last, error = self.tailboard.last_send, self.seen.last_error if self.seen else None
        if self.tailboard.sending:
            said = "Sending… You can go on working."
        elif last is not None:
            said = f"Send now, {moment(last.at, self.tailboard.now())}: {last.words()}"
        else:
            trouble = self.seen.troubles[0] if self.seen and self.seen.troubles else ""
            said = trouble or (f"Last try: {error}" if error else "")
        asked = len(self.seen.questions) if self.seen else 0
        asks = f"The office asks {asked}: a answers. " if asked else ""
        self.query_one("#last-try", Static).update(Text(f"{asks}{plain(said)}"))

    @on(DataTable.RowSelected)
    def explain_here(self) -> None:
        """All about the command under the cursor."""
        item = (
            next((each for each in self.seen.items if each.command.id == self.key_here), None) if self.seen else None
        )
        if item is None or self.seen is None:
            return
        if conflict := self._conflict_of(item):
            self._show_conflict(conflict, f"Command {number(item)}, id {item.command.id}")
            return
        text = Text(f"{standing(item.standing)}\n", "bold")
        text.append(f"{plain(item.summary)}\n\n", "not bold")
        text.append(
            "\n".join(
                why(
                    item,
                    self.seen.items,
                    self.seen.conflicts,
                    self.seen.blocked,
                    self.seen.expiring,
                    self.seen.tasks,
                )
            ),
            "not bold",
        )
        text.append(
            f"\n\nConfirmed {moment(item.command.issued_at, self.tailboard.now())} by {item.command.actor}.",
            "not bold",
        )
        text.append(f"\nId {item.command.id}", "not bold")
        self.app.push_screen(Read(f"Command {number(item)}", text))

    def _conflict_of(self, item: Item) -> Record | None:
        named_one = item.receipt.conflict if item.receipt else None
        return next((each for each in self.seen.conflicts if each.ref == named_one), None) if self.seen else None

    @work(group="conflict", exclusive=True)
    async def _show_conflict(self, conflict: Record, also: str) -> None:
        app, bench = self.tailboard, self.tailboard.device.workbench
        try:
            records = await app.desk.do(lambda: dict(bench.view().records))
        except DeviceError as error:
            app.tell(error)
            return
        dialog = ConflictDialog(told(conflict, records, app.now()), also, app.loud)
        if await app.ask(dialog) == "answer":
            self.action_answer()

    def action_send_now(self) -> None:
        """Send everything that waits, now, and say what came of each."""
        self.tailboard.send_now()

    @work(group="take-back")
    async def action_take_back(self) -> None:
        """Take back the command under the cursor, and what rests on it, if it was not sent yet."""
        key, bench, desk = self.key_here, self.tailboard.device.workbench, self.tailboard.desk
        if key is None:
            return
        try:
            going = await desk.do(lambda: bench.going_along([key]))
            listed = "\n".join(f"{number(item)} {plain(item.summary)}" for item in going)
            if await self.tailboard.ask(YesNo("Take back?", listed, yes="Take back", no="Keep")):
                await desk.do(lambda: bench.withdraw([key]))
                self.tailboard.say(f"{len(going)} taken back. Nothing will change because of it.")
        except DeviceError as error:
            self.tailboard.tell(error)
        self.tailboard.refresh_page()

    @work(group="came-back")
    async def action_give_again(self) -> None:
        """Give the command under the cursor again, from what is seen today, if it was refused or is too old."""
        await self._settle_with("Give again?", "Give again", Workbench.reissue, "Given again. Saved on this laptop.")

    @work(group="came-back")
    async def action_drop(self) -> None:
        """Leave the command under the cursor as it is, if it was refused or is too old."""
        await self._settle_with("Drop?", "Drop", Workbench.drop, "Dropped. It stays in the list.")

    async def _settle_with(self, title: str, yes: str, act: Callable[[Workbench, str], object], said: str) -> None:
        """Ask, then do `act` about the command under the cursor."""
        key, bench, desk = self.key_here, self.tailboard.device.workbench, self.tailboard.desk
        if key is None:
            return
        try:
            item = await desk.do(lambda: bench.came_back(key))
            if await self.tailboard.ask(YesNo(title, f"{number(item)} {plain(item.summary)}", yes=yes, no="Keep")):
                await desk.do(lambda: act(bench, key))
                self.tailboard.say(said)
        except DeviceError as error:
            self.tailboard.tell(error)
        self.tailboard.refresh_page()

    @work(group="answer")
    async def action_answer(self) -> None:
        """Answer a question of the office: pick it, type the answer, look at it, y."""
        bench, desk = self.tailboard.device.workbench, self.tailboard.desk
        try:
            answered = await forms.answer(self.tailboard)
            if answered is None:
                return
            if await self.tailboard.ask(YesNo("Answer the office?", answered.words, yes="Answer", no="Keep")):
                await desk.do(lambda: bench.answer(answered.question, answered.text))
                self.tailboard.say("Answered. Saved on this laptop.")
        except DeviceError as error:
            self.tailboard.tell(error)
        self.tailboard.refresh_page()

    def action_copy(self) -> None:
        """The command's id to the clipboard."""
        if self.key_here is not None:
            self.tailboard.copy(self.key_here)


def _you_can(item: Item) -> list[str]:
    """What can be done here about a command that came back."""
    over = item.receipt is not None and item.receipt.outcome in {Outcome.REJECTED, Outcome.EXPIRED}
    return ["You can:  g give it again   x drop it"] if over and not item.dealt else []


def _order(item: Item) -> tuple[int, int]:
    place = _PLACE.get(item.standing, len(_PLACE))
    return place, item.position if place < len(_PLACE) else -item.position
