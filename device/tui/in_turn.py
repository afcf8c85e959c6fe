"""One key after the other: a key acts where the keys before it led to.

Rules
1. What is pressed while an earlier key is still at work is kept, and given in its order when that key is done with:
   it was handled, what it opened is in front, and a page shows what is there. So fast fingers, and keys that came
   while the program was busy, act as slow ones would.
2. Nothing is held for longer than `HOLD_MAX_S`: a key that is never done with must not take the others with it.
3. The way out is never kept. A click is not kept either: it says itself where it goes.

Textual gives a key to what has the focus when the key arrives, and acts on it some messages later; by then the next
key is under way to the same place.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.app import ScreenStackError
from textual.dom import DOMNode
from textual.events import Event, Key, Paste

from device.tui.early import WAY_OUT
from device.tui.screens.page import Page

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

HOLD_MAX_S = 2.0
#: How often it is looked whether what is read or written first has led anywhere.
LOOK_S = 0.01
#: Groups of workers that read or write something, and then ask the person or leave the page.
LEADING = frozenset({"form", "more", "withdraw", "conflict", "cancel", "quit", "save", "answer"})


class InTurn:
    """The keys of `app`, each in its turn."""

    def __init__(self, app: "TailboardApp") -> None:
        self._app = app
        self._kept: deque[Key | Paste] = deque()
        self._let: Key | Paste | None = None
        self._turns: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether every key is done with."""
        return self._turns is None

    def keeps(self, event: Event) -> bool:
        """Whether `event` has to wait for its turn, and is kept."""
        if not isinstance(event, Key | Paste) or (isinstance(event, Key) and event.key == WAY_OUT):
            return False
        if event is self._let:
            return False
        if not self._app.screen_stack:  # the program is ending
            return True
        if self._turns is not None:
            self._kept.append(event)
            return True
        self._turns = asyncio.create_task(self._take_turns(self._app.focused or self._app.screen))
        return False

    async def _take_turns(self, given_to: DOMNode) -> None:
        try:
            while True:
                await self._done_with(given_to)
                if not self._kept or not self._app.screen_stack:
                    return
                event = self._kept.popleft()
                self._let = Key(event.key, event.character) if isinstance(event, Key) else Paste(event.text)
                given_to = self._app.focused or self._app.screen
                self._app.post_message(self._let)
        finally:
            self._turns = self._let = None

    async def _done_with(self, given_to: DOMNode) -> None:
        with suppress(TimeoutError, ScreenStackError):  # too long; or the program is ending
            async with asyncio.timeout(HOLD_MAX_S):
                await _passed(self._app)
                await _through(given_to)
                await _through(self._app.focused or self._app.screen)
                await self._opened()

    async def _opened(self) -> None:
        """What is in front is there to stay, and shows what is there."""
        front = None
        while front is not self._app.screen or self._leads_on():
            front = self._app.screen
            await _passed(front)
            if isinstance(front, Page):
                await front.looked.wait()
            await _passed(self._app)
            if self._leads_on():
                await asyncio.sleep(LOOK_S)

    def _leads_on(self) -> bool:
        """Whether something is being read or written before the person is led on."""
        reading = any(each.group in LEADING and not each.is_finished for each in self._app.workers)
        return reading and isinstance(self._app.screen, Page)


async def _through(node: DOMNode) -> None:
    """Whatever was on its way from `node` up to the app has arrived."""
    for each in node.ancestors_with_self:
        await _passed(each)


async def _passed(node: DOMNode) -> None:
    """Whatever was given to `node` so far has been dealt with; what is being taken apart deals with nothing more."""
    there = asyncio.Event()
    if node.is_running and node.call_later(there.set):
        await there.wait()
