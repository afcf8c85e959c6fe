"""What every full page has: heading, status bar, footer, and one way to read and to repaint.

Rules
1. `read` runs away from the screen and only reads; `paint` shows what it returned and asks nothing.
2. A page reads again when it comes to the front and whenever the device may have changed. Nothing moves on the screen
   if nothing changed.
3. Where a key leads to a line, the line has the focus when that key is done with (`set_focus`, not `focus`): what is
   typed right behind it fires nothing.
4. What cannot be done now is named by `cannot` with its reason: its key looks it, and answers with that sentence.
5. A fault of the store is told in a sentence; what is on the screen and what was typed stays.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input, OptionList

from device.errors import DeviceError
from device.place import LeftPage
from device.tui.messages import Changed
from device.tui.widgets.heading import Heading
from device.tui.widgets.key_line import KeyLine
from device.tui.widgets.status_bar import StatusBar
from device.tui.widgets.table import RowTable
from device.workbench import Status, Workbench

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

Seen = TypeVar("Seen")
#: The line of a work order: what stands in it is a draft, and kept as one.
DRAFT_LINE = "line"


class Page(Screen[None], Generic[Seen]):
    """A page over one workbench; `Seen` is what it reads."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]
    #: What a key or the palette calls it; empty if only another page leads to it.
    where: ClassVar[str] = ""

    seen: Seen | None = None
    _keys_for_online: bool | None = None

    def __init__(self) -> None:
        super().__init__()
        #: Set when it has looked for the first time, whatever came of it.
        self.looked = asyncio.Event()
        self._key_line = KeyLine(compact=True)

    @property
    def tailboard(self) -> "TailboardApp":
        """The running app."""
        return cast("TailboardApp", self.app)

    @property
    @abstractmethod
    def crumb(self) -> str:
        """What the breadcrumb calls this page."""

    @abstractmethod
    def body(self) -> ComposeResult:
        """The widgets between status bar and footer."""

    @abstractmethod
    def read(self, workbench: Workbench) -> Seen:
        """What this page shows, read away from the screen. Raises `DeviceError`."""

    def prepare(self, seen: Seen) -> None:
        """Work out what `paint` will need, away from the screen, too."""

    @abstractmethod
    def paint(self, seen: Seen) -> None:
        """Show it."""

    def reasons(self) -> Mapping[str, str | None]:
        """Why something cannot be done now, by its action as the bindings name it; None if it can."""
        return {}

    def cannot(self) -> Mapping[str, str]:
        """What cannot be done now, each with its reason, as far as the page knows it."""
        return {action: why for action, why in self.reasons().items() if why}

    def says_why_not(self, action: str) -> bool:
        """Whether `action` cannot be done now; then that is said."""
        why = self.cannot().get(action)
        if why:
            self.tailboard.say(why)
        return bool(why)

    def show_what_cannot(self) -> None:
        """Mark the keys of what cannot be done now."""
        if self._key_line.is_attached:  # it is not while the page is taken apart
            self._key_line.cannot = frozenset(self.cannot())

    def compose(self) -> ComposeResult:
        """Heading, status bar, body, footer."""
        yield Heading()
        yield StatusBar()
        yield from self.body()
        yield self._key_line

    def on_screen_resume(self) -> None:
        """In front again: say where we are, and look again."""
        heading, identity = self.query_one(Heading), self.tailboard.device.identity
        heading.trail = " > ".join(page.crumb for page in self.app.screen_stack if isinstance(page, Page))
        heading.who = f"{identity.actor_name}   {identity.device}"
        self.reload()

    def on_changed(self, message: Changed) -> None:
        """The device may have changed."""
        message.stop()
        self.reload()

    @work(group="reload", exclusive=True)
    async def reload(self) -> None:
        """Read and repaint, soon."""
        workbench, before = self.tailboard.device.workbench, self.seen

        def look() -> tuple[Status, Seen]:
            status, seen = workbench.status(), self.read(workbench)
            if before is not None and seen == before:
                return status, before  # what was worked out for it holds
            self.prepare(seen)
            return status, seen

        try:
            status, seen = await self.tailboard.desk.do(look)
        except DeviceError as error:
            self.tailboard.tell(error)
            self.looked.set()
            return
        if not self.query(StatusBar):  # it was left meanwhile, and is being taken apart
            return
        self.show_status(status)
        changed, self.seen = seen is not self.seen, seen
        if changed:
            self.paint(seen)
        self.show_what_cannot()
        self.looked.set()

    def show_status(self, status: Status) -> None:
        """Repaint the status bar, and the keys that depend on the link."""
        self.query_one(StatusBar).facts = self.tailboard.facts(status)
        if status.online is not self._keys_for_online:
            self._keys_for_online = status.online
            self.refresh_bindings()

    # -- where the person is on it

    @property
    def tab(self) -> int | None:
        """The tab that is shown, on a page that has tabs."""
        return None

    def left(self) -> LeftPage:
        """This page as it is."""
        tables = {str(each.id): each.key_here for each in self.query(RowTable) if each.key_here is not None}
        lists = {str(each.id): each.highlighted for each in self.query(OptionList) if each.highlighted is not None}
        typed = {str(each.id): each.value for each in self.query(Input) if each.value and each.id != DRAFT_LINE}
        focus = self.focused.id if self.focused is not None else None
        job: str | None = getattr(self, "job", None)
        return LeftPage(self.where, job, self.tab, {**tables, **lists}, typed, focus or "")

    def come_back(self, left: LeftPage) -> None:
        """Show what was shown when it was `left`, as far as it is still there."""
        for line in self.query(Input):
            if line.id in left.typed:
                line.value = left.typed[line.id]
        for table in self.query(RowTable):
            table.go_to(str(left.rows.get(str(table.id), "")))
        for each in self.query(OptionList):
            row = left.rows.get(str(each.id))
            if isinstance(row, int) and 0 <= row < each.option_count:
                each.highlighted = row
        for widget in self.query("*"):
            if left.focus and widget.id == left.focus and widget.focusable:
                widget.focus()  # behind the focus that the page gave itself

    def action_back(self) -> None:
        """One level back."""
        self.dismiss()
