"""What every page asks the app for: records, dialogs, notices, the clipboard, the time."""

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from rich.style import Style

from device.errors import DeviceError
from device.plain import plain
from device.tui.by_name import ByName
from device.tui.desk import Desk
from device.tui.door import Door

if TYPE_CHECKING:  # loaded behind the first frame, or built elsewhere
    from device.bootstrap import Device
    from device.core.interpret import Proposal
    from device.tui.pages import Pages
    from device.tui.screens.dialogs import Dialog
    from shared.records import Record

Answer = TypeVar("Answer")


class Ground(ByName):
    """The common ground of the pages, once there is a device."""

    device: "Device"
    pages: "Pages"
    desk: Desk

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._said_about: dict[str, str] = {}

    def now(self) -> datetime:
        """The present instant, from the device's clock."""
        return self.device.ports.clock.now()

    @property
    def loud(self) -> Style:
        """How text looks that needs the person."""
        return Style(color=self.current_theme.warning, bold=True)

    async def record(self, ref: str) -> "Record":
        """One record. Raises `LocalError` if it is not on this laptop."""
        return await self.desk.do(lambda: self.device.workbench.record(ref))

    async def of_kind(self, kind: str) -> "list[Record]":
        """Every record of one kind."""
        return await self.desk.do(lambda: self.device.workbench.of_kind(kind))

    async def obstacle(self, proposal: "Proposal") -> str | None:
        """Why `proposal` could not be confirmed now; None if it could."""
        shown = await self.desk.do(lambda: self.device.workbench.show([proposal]))
        return shown[0].preview.obstacle

    async def ask(self, dialog: "Dialog[Answer]") -> Answer | None:
        """Put a dialog in front and wait for its answer; None if the person left it."""
        return await self.push_screen_wait(dialog)

    def say(self, what: str, about: str = "") -> None:
        """A short notice. Said twice, it stands there once: keys that are pressed again pile nothing up.

        Of what is said `about` one thing only the newest stands there: an older one is not true any more.
        """
        said = plain(what)
        self._take_away(said)
        if about:
            self.unsay(about)
            self._said_about[about] = said
        self.notify(said, markup=False)

    def unsay(self, about: str) -> None:
        """Take away what was said `about` something, where that is over."""
        self._take_away(self._said_about.pop(about, None))

    def tell(self, error: DeviceError) -> None:
        """A fault, in its own sentence. It stays long enough to be read."""
        said = plain(str(error))
        self._take_away(said)
        self.notify(said, severity="warning", timeout=15, markup=False)

    def _take_away(self, said: str | None) -> None:
        gone = [each for each in self._notifications if each.message == said]
        for each in gone:
            self._unnotify(each)
            for screen in self.screen_stack:  # its holder, too: left empty, it would keep a row to itself
                screen.query(f"ToastHolder#--textual-toast-{each.identity}").remove()

    def copy(self, text: str) -> None:
        """To the clipboard, through the terminal."""
        self.copy_to_clipboard(text)
        self.say(f"Copied {text}.")

    def refresh_page(self) -> None:
        """Every page reads again, the one in front first."""
        self.pages.refresh()
