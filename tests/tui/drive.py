"""Driving the screen as a person does: press, wait until it shows, read what it shows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen

from device.store import Item
from device.tui.app import TailboardApp
from device.tui.door import ajar
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from device.tui.screens.outbox import OutboxPage
from device.tui.screens.page import Page
from device.tui.screens.proposals import Asking, ProposalsPage
from device.tui.widgets.status_bar import StatusBar
from tests.tui.world import World

S = TypeVar("S", bound=Screen[Any])
SENTENCE = "replaced inlet filter, pressure 4.2 bar now, done"
JOB = "work_order/WO-1042"


class Person:
    """Somebody in front of the screen."""

    def __init__(self, app: TailboardApp, pilot: Pilot[None], world: World) -> None:
        self.app, self.pilot, self.world = app, pilot, world

    async def press(self, *keys: str) -> None:
        """One key after the other; a single character stands for itself. Quicker than the pilot's own way."""
        for key in keys:
            character = " " if key == "space" else key if len(key) == 1 else None
            self.app.post_message(Key(_character_to_key(key) if character else key, character))
            await self.settles()

    async def types(self, text: str) -> None:
        """All of it at once, as fast fingers do."""
        for each in text:
            self.app.post_message(Key(_character_to_key(each), each))
        await self.settles()

    async def pastes(self, text: str) -> None:
        """What arrives in one go, as from the terminal's clipboard; quicker than typing."""
        assert self.app.screen.focused is not None
        self.app.screen.focused.post_message(Paste(text))
        await self.settles()

    async def settles(self) -> None:
        """What was posted is handled, and what that posted too."""
        reached = asyncio.Event()
        if self.app.is_running and self.app.call_later(reached.set):
            await asyncio.wait_for(reached.wait(), 30)
        for _ in range(15_000):  # each key is held for two seconds at most, and on a busy machine many may be
            if not (self.app.is_running and self.app.entered) or self.app.pages.in_turn.idle:
                break
            await asyncio.sleep(0.002)
        for _ in range(3):
            await self.pilot._wait_for_screen()
        self.app.screen._on_timer_update()

    async def until(self, ready: Callable[[], bool], what: str = "") -> None:
        for _ in range(2000):
            if ready():
                await asyncio.sleep(0.02)
                await self.settles()
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never happened: {what}\n{self.text}")

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text, f"sees {words!r}")

    async def arrives(self, kind: type[S]) -> S:
        def there() -> bool:
            screen = self.app.screen
            return isinstance(screen, kind) and (not isinstance(screen, Page) or screen.seen is not None)

        await self.until(there, f"arrives at {kind.__name__}")
        assert isinstance(self.app.screen, kind)
        return self.app.screen

    async def opens_job(self) -> OrderPage:
        await self.arrives(JobsPage)
        await self.press("enter")
        return await self.arrives(OrderPage)

    async def arrives_at_closed_job(self) -> OrderPage:
        await self.arrives(JobsPage)
        await self.press("end", "enter")
        return await self.arrives(OrderPage)

    async def says(self, sentence: str = SENTENCE) -> ProposalsPage:
        """Type a sentence on the first job and press Enter."""
        await self.opens_job()
        await self.press("n")
        await self.pastes(sentence)
        await self.press("enter")
        return await self.arrives(ProposalsPage)

    async def can_confirm(self) -> ProposalsPage:
        page = await self.arrives(ProposalsPage)
        await self.until(lambda: page.asking is not Asking.WAITING, "an answer, or none")
        await self.until(lambda: page.can_be_confirmed, "rows shown")
        return page

    async def confirms(self) -> OrderPage:
        """`y` until all of it was on the screen, and once more."""
        page = await self.can_confirm()
        while page.never_shown:
            await self.press("y")
            await self.can_confirm()
        await self.press("y")
        return await self.arrives(OrderPage)

    async def opens_outbox(self) -> OutboxPage:
        await self.press("5")
        return await self.arrives(OutboxPage)

    @property
    def text(self) -> str:
        """What the terminal shows now."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def bar(self) -> str:
        pages = [screen for screen in self.app.screen_stack if isinstance(screen, Page)]
        return str(pages[-1].query_one(StatusBar).render())

    @property
    def notices(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]

    def outbox(self) -> list[Item]:
        return self.world.device.store.items()


@asynccontextmanager
async def sitting_at(
    world: World,
    *,
    size: tuple[int, int] = (80, 24),
    carry: bool = False,
    theme: str = "sun",
    resumes: bool = False,
    loading: bool = False,
) -> AsyncIterator[Person]:
    """The running screen of `world`; at the jobs, unless it `resumes` where somebody was.

    Its model was tried, unless the test wants to see it while that is `loading`.
    """
    app = TailboardApp(ajar(world.device), theme=theme, carry=carry, resumes=resumes)
    async with app.run_test(size=size, notifications=True) as pilot:
        person = Person(app, pilot, world)
        await person.until(lambda: loading or not app.loading, "the model was tried")
        yield person
