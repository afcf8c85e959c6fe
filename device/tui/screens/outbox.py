"""The outbox: every command of this laptop, where it stands, why, and *Send now*.

What needs the person comes first, then what is on its way in the order of sending, then the latest of what is over,
newest first. Nothing here is ever called sent before the server's receipt says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from device.clashes import told
from device.core.link_state import LOOKED_AT
from device.core.queue_time import Waits, first_words, waits, waits_words
from device.errors import DeviceError
from device.plain import plain
from device.recourse import not_come_back, not_taken_back
from device.refusals import refusal_words
from device.store import UNSETTLED, Item
from device.tui import order_acts
from device.tui.outbox_acts import give_again, withdraw
from device.tui.screens.conflict import ConflictDialog
from device.tui.screens.dialogs import Read
from device.tui.screens.list_page import ListPage
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.tui.widgets.table import Column, Line
from device.words import instead, moment, number, standing, troubles, why
from device.workbench import Asked, Workbench
from shared.outcomes import Outcome, Standing
from shared.records import Record

#: So many of those that are over are listed; Enter in the filter finds older ones, too.
OVER_SHOWN = 200
_PLACE = {
    each: place for place, each in enumerate((Standing.REFUSED, Standing.REVIEW, Standing.SENT, Standing.SAVED))
}


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """The commands in the order of the page, and what explains them."""

    items: tuple[Item, ...]
    older: int
    counts: Mapping[Standing, int]
    online: bool
    conflicts: tuple[Record, ...]
    approvals: tuple[Record, ...]
    blocked: Mapping[str, str]
    as_of: datetime | None
    last_error: str | None
    expiring: Mapping[str, timedelta]
    troubles: tuple[str, ...]
    questions: tuple[Asked, ...]
    tasks: tuple[Record, ...]
    waits: Waits
    hopeless: frozenset[str]


class OutboxPage(ListPage[OutboxSeen]):
    """The outbox."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_now", "Send", tooltip="Send now"),
        Binding("x", "withdraw", "Withdraw"),
        Binding("z", "undo", "Undo"),
        Binding("e", "edit", "Change what came back, and give it again", show=False),
        Binding("g", "give_again", "Give again what came back", show=False),
        Binding("a", "answer", "Answer the office", show=False),
        Binding("c", "copy", "Copy the command's id", show=False),
    ]
    COLUMNS = (Column("#", 5), Column("State", 15), Column("When", 12), Column("What", 0))
    EMPTY = "The outbox is empty. What you confirm on a job appears here: 1 goes to the jobs."
    NO_MATCH = "Nothing here matches the filter. Enter looks among older ones, too; Esc clears it."
    crumb, where = "Outbox", "outbox"
    _further: Sequence[str] = ()

    def body(self) -> ComposeResult:
        """The list, and what came of the last try."""
        yield from super().body()
        yield Static(id="last-try", markup=False)

    def read(self, workbench: Workbench) -> OutboxSeen:
        """Everything in the outbox with what explains it."""
        status, store = workbench.status(), self.tailboard.device.store
        still, over = workbench.open_items(), workbench.latest_over(self._further, OVER_SHOWN + 1)
        return OutboxSeen(
            (*sorted(still, key=_order), *over[:OVER_SHOWN]),
            max(0, len(over) - OVER_SHOWN),
            status.counts,
            status.online,
            tuple(workbench.of_kind("conflict")),
            tuple(workbench.of_kind("approval")),
            dict(workbench.view().blocked),
            status.data_as_of,
            status.last_error if status.online else None,
            status.expiring,
            tuple(troubles(status)),
            tuple(workbench.questions()),
            tuple(workbench.of_kind("assist_task")),
            waits(still, store.latest_exchanges(LOOKED_AT)),
            frozenset(each.command.id for each in still if store.is_hopeless(each.command.id)),
        )

    def paint(self, seen: OutboxSeen) -> None:
        """The list and the last try."""
        super().paint(seen)
        self.show_last_try()

    def title_line(self, seen: OutboxSeen) -> str:
        """What the server has accepted, what is only here, and what left without an answer; nothing else counts."""
        accepted, here, sent = (seen.counts[each] for each in (Standing.ACCEPTED, Standing.SAVED, Standing.SENT))
        as_of = moment(seen.as_of, self.tailboard.now()) if seen.as_of else "never"
        on_way = f" + {sent} sent" if sent else ""
        return f"{accepted} accepted + {here} only here{on_way}, as of {as_of}"

    def lines(self, seen: OutboxSeen) -> list[Line]:
        """One row per command."""
        now = self.tailboard.now()
        unsettled = {item.command.id: number(item) for item in seen.items if item.state in UNSETTLED}
        return [_line(item, unsettled, instead(item, seen.conflicts), now) for item in seen.items]

    def about(self, seen: OutboxSeen, key: str) -> Text:
        """Why the command stands where it stands."""
        item = next(each for each in seen.items if each.command.id == key)
        reasons = why(item, seen.items, seen.conflicts, seen.blocked, seen.expiring, seen.tasks)
        refused = refusal_words(item, seen.approvals, self.tailboard.now())
        return Text("\n".join([*_you_can(item), *map(plain, refused or reasons)]), overflow="ellipsis")

    def show_last_try(self) -> None:
        """What came of the last *Send now*, or of the last try in the background."""
        last, error = self.tailboard.last_send, self.seen.last_error if self.seen else None
        if self.tailboard.sending:
            so_far = self.tailboard.so_far
            said = f"Sending… {f'{so_far}. ' if so_far else ''}You can go on working; w works offline and stops it."
        elif last is not None:
            said = f"Send now, {moment(last.at, self.tailboard.now())}: {last.words()}"
        else:
            trouble = self.seen.troubles[0] if self.seen and self.seen.troubles else ""
            said = trouble or (f"Last try: {error}" if error else "")
        asked = sum(not each.answers for each in self.seen.questions) if self.seen else 0
        asks = f"The office asks {asked}: a answers. " if asked else ""
        lines = [f"{asks}{plain(said)}", self._what_goes_first(), self._what_waits()]
        self.query_one("#last-try", Static).update(Text("\n".join(filter(None, lines))))
        self.show_what_cannot()

    def _what_goes_first(self) -> str:
        """What is about safety, and what goes with it."""
        found = self.seen.waits if self.seen else Waits()
        return first_words(found, [number(each) for each in found.safety])

    def _what_waits(self) -> str:
        """How much waits, how long it would take, and when the next try is."""
        seen = self.seen
        if seen is None or not seen.waits.count:
            return ""
        at = self.tailboard.link.next_at
        when = moment(at, self.tailboard.now()) if at else "as soon as there is a link"
        return f"{waits_words(seen.waits)} Next try: {when if seen.online else 'when you work online (w)'}."

    @on(Input.Submitted, "#filter")
    def _look_further(self) -> None:
        """What is older than the list is looked for, too. That reads all of the outbox: not with every key."""
        self._further = self._wanted()
        self.reload()

    def _item_here(self) -> Item | None:
        key, items = self.key_here, self.seen.items if self.seen else ()
        return next((each for each in items if each.command.id == key), None)

    def reasons(self) -> Mapping[str, str | None]:
        """What depends on where the command under the cursor stands."""
        item, nothing, seen = self._item_here(), self.nothing_here(), self.seen
        came_back = taken = nothing
        if item and seen:
            came_back = not_come_back(item, hopeless=item.command.id in seen.hopeless)
            taken = not_taken_back(item) if came_back else None
        return {
            **super().reasons(),
            "send_now": "Sending already." if self.tailboard.sending else None,
            "withdraw": taken,
            "edit": came_back,
            "give_again": came_back,
            "undo": None if self.tailboard.undoable else "There is nothing to undo.",
            "answer": None if seen and seen.questions else "The office asks nothing.",
        }

    def open_here(self) -> None:
        """All about the command under the cursor."""
        item = self._item_here()
        if item is None or self.seen is None:
            return
        if conflict := self._conflict_of(item):
            self._show_conflict(conflict, f"Command {number(item)}, id {item.command.id}")
            return
        text = Text(f"{standing(item.standing)}\n", "bold")
        text.append(f"{plain(item.summary)}\n\n", "not bold")
        refused = refusal_words(item, self.seen.approvals, self.tailboard.now())
        text.append("".join(f"{plain(line)}\n" for line in refused), "not bold")
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
            records = await app.desk.do(lambda: bench.view().records)
        except DeviceError as error:
            app.tell(error)
            return
        dialog = ConflictDialog(told(conflict, records, app.now()), also, app.loud)
        if await app.ask(dialog) == "answer":
            self.action_answer()

    def action_send_now(self) -> None:
        """Send everything that waits, now, and say what came of each."""
        if not self.says_why_not("send_now"):
            self.tailboard.send_now()

    @work(group="withdraw", exclusive=True)
    async def action_withdraw(self) -> None:
        """Take back the command under the cursor, with what rests on it; drop it if it came back."""
        app, key = self.tailboard, self.key_here
        if self.says_why_not("withdraw") or key is None:
            return
        try:
            gone = await withdraw(app, key)
        except DeviceError as error:
            app.tell(error)
            return
        if gone:
            app.undoable.append(gone)
        app.refresh_page()

    @work(group="withdraw", exclusive=True)
    async def action_undo(self) -> None:
        """Undo the last withdrawal or drop, as long as nothing of it was sent."""
        app = self.tailboard
        if self.says_why_not("undo"):
            return
        ids = app.undoable.pop()
        try:
            back = await app.desk.do(lambda: app.device.workbench.restore(ids))
        except DeviceError as error:
            app.tell(error)
            return
        app.say(f"Undone: {', '.join(map(number, back))} as before.")
        app.link.ring()
        app.refresh_page()

    @work(group="came-back", exclusive=True)
    async def action_give_again(self) -> None:
        """Give the command under the cursor again, from what is seen today, if it came back."""
        await self._give_again(change=False)

    @work(group="came-back", exclusive=True)
    async def action_edit(self) -> None:
        """Change the command under the cursor with its form, and give it again, if it came back."""
        await self._give_again(change=True)

    async def _give_again(self, *, change: bool) -> None:
        app, key = self.tailboard, self.key_here
        if self.says_why_not("edit" if change else "give_again") or key is None:
            return
        try:
            if await give_again(app, key, change=change):
                app.say("Given again. Saved on this laptop.")
                app.link.ring()
        except DeviceError as error:
            app.tell(error)
        app.refresh_page()

    @work(group="answer")
    async def action_answer(self) -> None:
        """Answer a question of the office: pick it, type the answer, look at it, y."""
        if not self.says_why_not("answer"):
            await order_acts.answer(self.tailboard, None)

    def action_copy(self) -> None:
        """The command's id to the clipboard."""
        if not self.says_why_not("copy") and self.key_here is not None:
            self.tailboard.copy(self.key_here)


def _line(item: Item, unsettled: Mapping[str, str], otherwise: str, now: datetime) -> Line:
    """One row; what waits for another says for which, and what was decided otherwise says so."""
    earlier = [unsettled[each] for each in item.command.needs if each in unsettled and not item.withdrawal]
    what = f"taken back: {item.summary}" if item.withdrawal else item.summary
    what = f"{otherwise}; {what}" if otherwise else what
    after = f"after {', '.join(earlier)}: " if earlier and item.command.id in unsettled else ""
    first = "SAFETY  " if item.safety and item.command.id in unsettled else ""
    cells = (number(item), standing(item.standing), moment(item.command.issued_at, now), f"{first}{after}{what}")
    return Line(item.command.id, cells, loud=item.standing in NEEDS_A_LOOK and not item.dealt, also=item.command.id)


def _you_can(item: Item) -> list[str]:
    """What can be done here about a command that came back."""
    over = item.receipt is not None and item.receipt.outcome in {Outcome.REJECTED, Outcome.EXPIRED}
    return (
        ["You can:  e change it and give it again   g give it again   x drop it"] if over and not item.dealt else []
    )


def _order(item: Item) -> tuple[int, int]:
    """What needs the person first, then what is on its way, in the order of sending."""
    return _PLACE.get(item.standing, len(_PLACE)), item.position
