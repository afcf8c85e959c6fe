"""The screen until there is a device: its first page, the door, and the keys that come too early.

Rules
1. The first frame stands before anything of the device is loaded or opened; then the door is gone through, away from
   the screen.
2. What is pressed until the first page shows what is there is kept for it (`device.tui.early`).
3. A PIN that was typed may be typed again. Where it came from elsewhere, a door that does not open ends the program.
"""

import importlib
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import App
from textual.events import Event, Key
from textual.screen import Screen
from textual.widgets import Input

from device.errors import DeviceError, LocalError
from device.tui.desk import beside
from device.tui.door import Door
from device.tui.early import EarlyKeys
from device.tui.screens.opening import OpeningPage
from device.tui.screens.too_small import TooSmall

if TYPE_CHECKING:  # behind the door
    from device.bootstrap import Device

_PAGES = "device.tui.pages"


class Entrance(App[None]):
    """An app that begins in front of a `door`."""

    #: Screens before there is a device; those over it are a stack of their own.
    DEFAULT_MODE = "opening"

    def __init__(self, door: Door) -> None:
        super().__init__()
        #: Whether there is a device, and pages over it.
        self.entered = False
        #: Why the device did not open, if nobody could try again.
        self.shut: DeviceError | OSError | None = None
        self.add_mode(self.DEFAULT_MODE, lambda: OpeningPage(asks=door.pin is None))
        self._door, self._early = door, EarlyKeys()

    @abstractmethod
    async def enter(self, device: "Device") -> None:
        """There is a device."""

    def go_in(self) -> None:
        """Once the first frame stands: load what it did not need, and open the device or wait for a PIN."""
        if self._door.pin is not None:
            self._early.hold()
        self.call_after_refresh(self._prepare)

    @work(group="opening")
    async def _prepare(self) -> None:
        """Load what the first frame did not need, and open the device if nobody has to be asked."""
        if self._door.pin is None:
            await beside(self._load)
        else:
            await self._open(self._door.pin)

    def _load(self) -> None:
        self._door.prepare()
        importlib.import_module(_PAGES)

    @on(Input.Submitted, "#pin")
    def _try_pin(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self._open_with(event.value)
        else:
            self.give_early_keys()

    @work(group="opening")
    async def _open_with(self, pin: str) -> None:
        await self._open(pin)

    async def _open(self, pin: str) -> None:
        if isinstance(self.screen, OpeningPage):
            self.screen.opens()
        try:
            device = await beside(lambda: self._unlock(pin))
        except (DeviceError, OSError) as error:
            self._stays_shut(error)
        else:
            await self.enter(device)

    def _unlock(self, pin: str) -> "Device":
        self._load()
        device = self._door.open(pin)
        with suppress(DeviceError):  # without it everything works, and takes a little longer
            device.store.make_room()
        return device

    def _stays_shut(self, error: DeviceError | OSError) -> None:
        page = self.screen_stack[0]
        if self._door.pin is None and isinstance(error, LocalError) and isinstance(page, OpeningPage):
            self._early.let_go()
            page.asks_again(str(error))
        else:
            self.shut = error
            self.exit(return_code=1)

    async def leave_opening_for(self, home: Screen[None]) -> None:
        """Show `home` in place of the first page; what covers everything goes on covering."""
        covered = isinstance(self.screen, TooSmall)
        self.add_mode("pages", lambda: home)
        await self.switch_mode("pages")
        await self.remove_mode(self.DEFAULT_MODE)
        if covered:
            await self.push_screen(TooSmall())

    async def on_event(self, event: Event) -> None:
        """Keys that come too early are kept; so are those behind the Enter that ends a PIN."""
        if event.is_forwarded or not self._early.keeps(event):
            tries = isinstance(event, Key) and event.key == "enter" and not event.is_forwarded and not self.entered
            await super().on_event(event)
            if tries and isinstance(self.screen, OpeningPage) and self.screen.focused is not None:
                self._early.hold()

    @property
    def early_keys_wait(self) -> bool:
        """Whether something was pressed too early."""
        return self._early.waiting

    def give_early_keys(self) -> None:
        """What was pressed too early is pressed now."""
        for event in self._early.let_go():
            self.post_message(event)
