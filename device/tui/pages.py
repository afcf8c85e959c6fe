"""Every page, and the way from one to another: what the screen needs once there is a device.

This module brings the jobs and what they stand on. The app loads it behind its first frame and nowhere else
(`TailboardApp.enter`); the other pages come in when they are opened (`device.tui.further`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.screen import Screen

from device.core.clock_doubt import doubt
from device.drafts import Drafts, Unsaved
from device.readiness import Course
from device.tidings import Tidings
from device.tui import further
from device.tui.bookmark import Bookmark
from device.tui.in_turn import InTurn
from device.tui.link import Link
from device.tui.messages import Changed
from device.tui.notebook import Notebook
from device.tui.screens.dialogs import Dialog, Read, YesNo
from device.tui.screens.jobs import JobsPage
from device.tui.screens.keys import bindings_of, keys_text
from device.tui.screens.page import Page
from device.tui.talk import Talks
from device.tui.widgets.status_bar import Facts
from device.workbench import Status
from shared.commands.base import Command
from shared.commands.checklist_item_done import ChecklistItemDone
from shared.ids import id_of
from shared.outcomes import Standing

if TYPE_CHECKING:
    from device.bootstrap import Device
    from device.tui.app import TailboardApp

#: What a key goes back to if it lies open. A note is where its job is, or on the table already.
_LEADS_TO: Mapping[str, tuple[str, ...]] = {
    "jobs": ("jobs",),
    "order": ("order",),
    "note": ("proposals", "order"),
    "outbox": ("outbox",),
}


class Pages:
    """The pages of `app` over `device`, and what outlives a page: the link, what was typed, what was asked."""

    def __init__(self, app: "TailboardApp", device: "Device", begin_writing: Callable[[], object]) -> None:
        self._app, self._device = app, device
        self.link = Link(device.agent, device.workbench, device.ports.clock, app.desk)
        self.notebook = Notebook(Drafts(device.store), app.desk, begin_writing)
        self.talks = Talks(app)
        self.bookmark = Bookmark(app, device)
        self.in_turn = InTurn(app)
        self._tidings = Tidings()
        self._last_job: str | None = None

    # -- from page to page

    def home(self) -> JobsPage:
        """The first page."""
        return JobsPage()

    @property
    def home_is_read(self) -> bool:
        """Whether the first page stands there with what is on the device."""
        home = self._app.screen_stack[0]
        return isinstance(home, JobsPage) and home.seen is not None

    def open_job(self, job: str, *, say: bool = False) -> None:
        """Show one work order on top of the jobs; to `say` is to begin in the line for a note."""
        self._last_job = job
        self._back_to("jobs")
        self._app.push_screen(further.made("order", job, say=say))

    def go(self, where: str) -> None:
        """To a page, by its name; pages above it close if it lies open."""
        if where in further.PAGES:
            self._go_further(where)
            return
        if self._back_to(*_LEADS_TO[where]):
            screen = self._app.screen
            if where == "note" and further.is_order(screen):
                screen.action_say()
            return
        if where == "outbox":
            self._app.push_screen(further.page("outbox"))
        else:
            self._go_to_a_job(say=where == "note")

    def _go_further(self, where: str) -> None:
        stack = list(self._app.screen_stack)
        if not self._back_while(lambda screen: not further.is_here(screen, where, stack)):
            self._app.push_screen(further.page(where, stack))

    @property
    def job_to_go_to(self) -> str | None:
        """The job under the cursor if the jobs are in front, else the last one that lay open; None without any."""
        home = next((page for page in self._app.screen_stack if isinstance(page, JobsPage)), None)
        here = home.key_here if home is self._app.screen else None
        return here or self._last_job or (home.key_here if home else None)

    def _go_to_a_job(self, *, say: bool) -> None:
        home, job = self._app.screen_stack[0], self.job_to_go_to
        if job is not None:
            self.open_job(job, say=say)
        elif isinstance(home, JobsPage):
            self._app.say(home.nothing_here() or home.EMPTY)

    def _back_to(self, *names: str) -> bool:
        return self._back_while(lambda screen: not further.is_called(screen, *names))

    def _back_while(self, above: Callable[[Screen[Any]], bool]) -> bool:
        if all(above(screen) for screen in self._app.screen_stack):
            return False
        while above(self._app.screen):
            if isinstance(self._app.screen, Dialog):
                self._app.screen.dismiss(None)  # whoever waits for its answer must hear that there is none
            else:
                self._app.pop_screen()
        return True

    # -- what the pages are told

    def refresh(self) -> None:
        """Every page reads again, the one in front first: who goes back finds no page as it was."""
        for screen in reversed(self._app.screen_stack):
            if isinstance(screen, Page):
                screen.post_message(Changed())

    def repaint(self) -> None:
        """Every page shows again what it has read."""
        for page in self._app.screen_stack:
            if isinstance(page, Page) and page.seen is not None:
                page.paint(page.seen)

    def show_sending(self) -> None:
        """A try to send has begun or ended."""
        for page in self._app.screen_stack:
            if further.is_outbox(page):
                page.show_last_try()

    def course(self) -> Course:
        """Tells how far *Send now* has got."""
        return Course(self._device)

    @property
    def tell_of_sending(self) -> bool:
        """Whether the page in front shows it itself."""
        return further.is_outbox(self._app.screen)

    def saved(self, job: str, sentence: str, commands: tuple[Command, ...]) -> None:
        """Commands about `job` are on the disk: what they came from is no draft any more."""
        before = self.notebook.of(job)
        ticked = {command.payload["item"] for command in commands if command.kind == ChecklistItemDone.kind.name}
        left = before.sentence if before.sentence != sentence else ""
        marks = tuple(each for each in before.marks if each not in ticked)
        self.notebook.become(job, Unsaved(left, marks))
        for page in self._app.screen_stack:
            if further.is_order(page) and page.job == job:
                page.saved(sentence)

    async def not_answered(self) -> int:
        """How many commands have no answer yet. Raises `StoreError`."""
        status = await self._app.desk.do(self._device.workbench.status)
        return status.counts[Standing.SAVED] + status.counts[Standing.SENT]

    async def news_of_commands(self) -> list[str]:
        """What became of commands since this was last asked. Raises `StoreError`."""
        return await self._app.desk.do(lambda: self._tidings.look(self._device.workbench))

    def facts(self, status: Status, assistant: str, now: datetime) -> Facts:
        """The status bar's facts."""
        return Facts(status, assistant, now, doubt(now, self._device.client.offset, status.data_as_of))

    # -- what is asked and read above a page

    @property
    def asks_to_quit(self) -> bool:
        """Whether a question with a yes is in front."""
        return isinstance(self._app.screen, YesNo)

    async def may_quit(self, unsaved: Mapping[str, Unsaved]) -> bool:
        """Whether the person quits although something is not saved as commands."""
        listed = drafts_listed(unsaved)
        text = f"Not saved as commands yet:\n{listed}\nIt stays on this laptop and is here next time."
        return await self._app.ask(YesNo("Quit?", text, yes="Quit", no="Stay")) is True

    def show_keys(self) -> None:
        """Every key of the page in front."""
        screen = self._app.screen
        crumb = screen.crumb if isinstance(screen, Page) else "Here"
        focused = bindings_of(type(screen.focused)) if screen.focused else []
        groups: list[tuple[str, list[Binding]]] = [
            (crumb, bindings_of(type(screen))),
            ("In the list", focused),
            ("Everywhere", bindings_of(type(self._app))),
        ]
        self._app.push_screen(Read("Keys", keys_text(groups, screen.cannot() if isinstance(screen, Page) else {})))


def drafts_listed(unsaved: Mapping[str, Unsaved]) -> str:
    """What was typed or marked, job by job, in one line."""
    return "; ".join(f"{id_of(job)}: {draft.words()}" for job, draft in unsaved.items())
