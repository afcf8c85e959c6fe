"""The bookmark: which pages lie open, and where on them the person is; written when the keys rest, and gone back to.

Rules
1. It is written a moment after the last key, so that a list that is run through writes nothing; and at the end.
2. It is gone back to behind the first page that shows what is there. Who has pressed a key by then is led nowhere: no
   key that was meant for one page may act on another.
3. A page whose record is not on this laptop any more is not opened, and neither is what lay on it; that is said.
4. What lies open for a moment (a dialog, a page of a manual) is no place. Proposals come back with their draft.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.timer import Timer

from device.errors import DeviceError
from device.place import LeftPage, keep_place, last_place
from device.tui import further
from device.tui.screens.page import Page
from shared.ids import id_of

if TYPE_CHECKING:
    from device.bootstrap import Device
    from device.tui.app import TailboardApp

#: How long no key was pressed before it is written where the person is.
REST_S = 0.3
_PLACES = further.PAGES | {"jobs", "order", "outbox"}


class Bookmark:
    """The place of `app` over `device`."""

    def __init__(self, app: "TailboardApp", device: "Device") -> None:
        self._app, self._device = app, device
        self._written: tuple[LeftPage, ...] | None = None
        self._timer: Timer | None = None

    @property
    def settled(self) -> bool:
        """Whether the disk says where the person is."""
        return self._timer is None and self._written == self._here()

    def soon(self) -> None:
        """A key was pressed: write it down when they rest."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(REST_S, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if all(page.looked.is_set() for page in self._stack()):
            self._app.later(self._writing())
        else:
            self.soon()

    async def write(self) -> None:
        """Write it down now. Raises `StoreError`."""
        await self._app.desk.do(self._writing())

    def _writing(self) -> Callable[[], object]:
        here = self._here()

        def write() -> None:
            if here != self._written:
                keep_place(self._device.store, here)
                self._written = here

        return write

    def _here(self) -> tuple[LeftPage, ...]:
        left: list[LeftPage] = []
        for screen in self._app.screen_stack:
            if not isinstance(screen, Page) or screen.where not in _PLACES:
                break
            left.append(screen.left() if screen.looked.is_set() else LeftPage(screen.where))
        return tuple(left)

    async def go_back(self, wanted: Callable[[], bool]) -> None:
        """Open what lay open, as long as it is `wanted`."""
        try:
            left = await self._app.desk.do(lambda: last_place(self._device.store))
            home, *above = left or (LeftPage("jobs"),)
            if wanted() and isinstance(self._app.screen, Page):
                self._app.screen.come_back(home)
            for page in above:
                if not wanted() or not await self._open(page):
                    break
        except DeviceError as error:
            self._app.tell(error)

    async def _open(self, left: LeftPage) -> bool:
        if left.where not in _PLACES or left.where == "jobs":
            return False
        if left.job is not None and not await self._is_here(left.job):
            self._app.say(f"{id_of(left.job)} lay open last, and is not on this laptop any more. These are the jobs.")
            return False
        page = further.made("order", left.job) if left.where == "order" else further.page(left.where, self._stack())
        await self._app.push_screen(page)
        if isinstance(page, Page):
            await page.looked.wait()
            page.come_back(left)
        return True

    def _stack(self) -> list[Page[object]]:
        return [screen for screen in self._app.screen_stack if isinstance(screen, Page)]

    async def _is_here(self, job: str) -> bool:
        bench = self._device.workbench
        return await self._app.desk.do(lambda: job in bench.view().records)
