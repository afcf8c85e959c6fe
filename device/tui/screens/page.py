"""What every full page has: heading, status bar, footer, and one way to read and to repaint.

Rules
1. `read` runs away from the screen and only reads; `paint` shows what it returned and asks nothing.
2. A page reads again when it comes to the front and whenever the device may have changed. Nothing moves on the screen
   if nothing changed.
3. Where a key leads to a line, the line has the focus when that key is done with (`set_focus`, not `focus`): what is
   typed right behind it fires nothing.
4. A fault of the store is told in a sentence; what is on the screen and what was typed stays.
"""

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from device.errors import DeviceError
from device.tui.messages import Changed
from device.tui.widgets.heading import Heading
from device.tui.widgets.status_bar import StatusBar
from device.workbench import Status, Workbench

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

Seen = TypeVar("Seen")


class Page(Screen[None], Generic[Seen]):
    """A page over one workbench; `Seen` is what it reads."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    seen: Seen | None = None
    _keys_for_online: bool | None = None

    def __init__(self) -> None:
        super().__init__()
        #: Set when it has looked for the first time, whatever came of it.
        self.looked = asyncio.Event()

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

    def compose(self) -> ComposeResult:
        """Heading, status bar, body, footer."""
        yield Heading()
        yield StatusBar()
        yield from self.body()
        yield Footer(compact=True)

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
        workbench = self.tailboard.device.workbench

        def look() -> tuple[Status, Seen]:
            status, seen = workbench.status(), self.read(workbench)
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
        changed, self.seen = seen != self.seen, seen
        if changed:
            self.paint(seen)
        self.looked.set()

    def show_status(self, status: Status) -> None:
        """Repaint the status bar, and the keys that depend on the link."""
        self.query_one(StatusBar).facts = self.tailboard.facts(status)
        if status.online is not self._keys_for_online:
            self._keys_for_online = status.online
            self.refresh_bindings()

    def action_back(self) -> None:
        """One level back."""
        self.dismiss()
