"""The running screen: the pages' common ground.

Rules
1. The first frame comes first, and needs nothing of the device: this module imports Textual and little else. What is
   heavy (the pages, the device behind its door) is loaded when that frame stands, and `enter` is where it comes in.
2. It owns what outlives a page: the model's loading, the look, keys. The way from page to page is in
   `device.tui.pages`; the layers below this one are the way in (`entrance`), finding things by name (`by_name`), what
   pages ask for (`ground`) and the link (`carrying`). It opens no device and decides nothing: the door opens it, the
   workbench says what is so.
"""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, MouseMove, Resize

from device.errors import DeviceError
from device.model.port import ModelError
from device.tui import themes
from device.tui.carrying import Carrying
from device.tui.desk import Desk, beside
from device.tui.door import Door
from device.tui.screens.too_small import HEIGHT_MIN, WIDTH_MIN, TooSmall

if TYPE_CHECKING:  # loaded behind the first frame, or built elsewhere
    from device.bootstrap import Device
    from device.tui.widgets.status_bar import Facts
    from device.workbench import Status
    from shared.commands.base import Command

#: How often the age of the data is worked out again.
REFRESH_S = 20.0
#: How often it is looked whether memory is short, and whether there is another model to be tried.
TEND_S = 10.0
#: What can be done before the device is open.
_WITHOUT_A_DEVICE = frozenset({"quit", "next_theme"})


class TailboardApp(Carrying):
    """The technician's screen over one enrolled device.

    Args:
        door: the way to the device, which stays open when the screen closes; `show` closes both.
        theme: ``sun``, ``night`` or ``mono``.
        carry: whether to carry the outbox in the background; a picture does not.
        resumes: whether it opens where the person was; a picture does not.
        at_home: called once, when the jobs are shown; the program gives `settled_down`.
    """

    TITLE = "Tailboard"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,f2", "go('jobs')", "Jobs", show=False),
        Binding("2,f3", "go('order')", "Order", show=False),
        Binding("3,f4", "go('ask')", "Ask", show=False),
        Binding("4,f5", "go('note')", "Note", show=False),
        Binding("5,f6", "go('outbox')", "Outbox", show=False),
        Binding("m", "go('library')", "Manuals", show=False),
        Binding("i", "go('laptop')", "This laptop", show=False),
        Binding("b", "go('ready')", "Ready for the road?", show=False),
        Binding("w", "work('offline')", "Work offline", show=False),
        Binding("w", "work('online')", "Work online", show=False),
        Binding("ctrl+t", "next_theme", "Sun, night or mono look", show=False),
        Binding("question_mark,f1", "keys", "Keys"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        door: Door,
        *,
        theme: str = "sun",
        carry: bool = True,
        resumes: bool = True,
        at_home: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(door, carry=carry)
        self._at_home, self._resumes = at_home, resumes
        self.desk = Desk()
        self.loading = True
        #: What was taken back or dropped, the last at the end: commands that went together.
        self.undoable: list[tuple[str, ...]] = []
        self.animation_level = "none"
        self._first_theme = theme
        self._online = True
        self._tending = False
        self._model_tried = asyncio.Event()

    # -- starting and ending

    def on_mount(self) -> None:
        """Paint first; everything that takes time comes after."""
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme
        self.go_in()

    async def enter(self, device: "Device") -> None:
        """There is a device: show the jobs, and give them what was pressed meanwhile."""
        from device.tui.pages import Pages  # noqa: PLC0415  # behind the first frame

        self.device, self.pages = device, Pages(self, device, self._write_down)
        self.link, self.notebook, self.talks = self.pages.link, self.pages.notebook, self.pages.talks
        self.entered = True
        home = self.pages.home()
        await self.leave_opening_for(home)
        await self._open_notebook()
        await home.looked.wait()
        if self._resumes:
            await self.pages.bookmark.go_back(lambda: not self.early_keys_wait)
        self.set_interval(REFRESH_S, self.refresh_page)
        self.give_early_keys()
        self.call_after_refresh(self._begin)

    async def on_event(self, event: Event) -> None:
        """A key has its turn; and where a key or a click leads is where the person is."""
        if self.entered and not event.is_forwarded and self.pages.in_turn.keeps(event):
            return
        await super().on_event(event)
        if self.entered and isinstance(event, InputEvent) and not isinstance(event, MouseMove):
            self.pages.bookmark.soon()

    def _begin(self) -> None:
        self._at_home()
        self.device.hear = self._say_from_anywhere
        self._load_model()
        self._tell_tidings()
        self.set_interval(TEND_S, self._tend_model)
        if self._carry:
            self._start_carrying()

    async def _open_notebook(self) -> None:
        """What was typed before, and not saved, is here again."""
        from device.tui.pages import drafts_listed  # noqa: PLC0415  # as in `enter`

        try:
            unsaved = await self.notebook.open()
        except DeviceError as error:
            self.tell(error)
            return
        if unsaved:
            self.say(f"Not saved yet, and kept here: {drafts_listed(unsaved)}")

    @work(group="notebook")
    async def _write_down(self) -> None:
        try:
            await self.notebook.write()
        except DeviceError as error:
            self.tell(error)

    def later(self, write: Callable[[], object]) -> None:
        """Do a small piece of writing at the desk; nothing depends on it."""
        self._later(write)

    @work(group="later")
    async def _later(self, write: Callable[[], object]) -> None:
        with suppress(DeviceError, RuntimeError):  # at the very end there is no desk any more
            await self.desk.do(write)

    def on_unmount(self) -> None:
        """Whatever was begun at the desk is finished."""
        self.desk.close()

    async def action_quit(self) -> None:
        """Quit; with something typed and not saved, only after a yes."""
        if self.entered and self.notebook.unsaved and not self.pages.asks_to_quit:
            self._ask_before_quitting()
        else:
            await self._leave()

    async def _leave(self) -> None:
        if self.entered:
            with suppress(DeviceError):  # the way out is open whatever the disk says
                await self.pages.bookmark.write()
        self.exit()

    @work(group="quit", exclusive=True)
    async def _ask_before_quitting(self) -> None:
        if await self.pages.may_quit(self.notebook.unsaved):
            await self._leave()

    # -- the model

    @work(group="model")
    async def _load_model(self) -> None:
        try:
            await beside(self.device.load_model)
        except ModelError as error:
            self.say(str(error))
        except DeviceError as error:
            self.tell(error)
        finally:
            self.loading = False
            self._model_tried.set()
        self.refresh_page()

    def _say_from_anywhere(self, sentence: str) -> None:
        """A sentence about the model, which has threads of its own."""
        self.call_later(self.say, sentence)

    @work(group="model")
    async def _tend_model(self) -> None:
        if self._tending or self.loading:
            return
        self._tending = True
        try:
            await beside(self.device.tend_model)
        except DeviceError as error:
            self.tell(error)
        finally:
            self._tending = False

    async def assistant_ready(self) -> None:
        """Wait until the model has been loaded, or has failed to."""
        await self._model_tried.wait()

    # -- what pages tell and are told

    def facts(self, status: "Status") -> "Facts":
        """The status bar's facts."""
        self._online = status.online
        assistant = "this laptop" if status.model else "loading" if self.loading else "no model"
        return self.pages.facts(status, assistant, self.now())

    def saved(self, job: str, sentence: str, commands: "tuple[Command, ...]") -> None:
        """Commands are on the disk: say so, and let the link know."""
        self.pages.saved(job, sentence, commands)
        self._tell_saved(len(commands))
        self.link.ring()

    @work(group="saved")
    async def _tell_saved(self, count: int) -> None:
        try:
            waiting = await self.pages.not_answered()
        except DeviceError as error:
            self.tell(error)
            return
        self.say(f"{count} saved on this laptop; {waiting} not answered yet.", "saved")

    # -- from page to page

    def open_job(self, job: str) -> None:
        """Show one work order on top of the jobs."""
        self.pages.open_job(job)

    def action_go(self, where: str) -> None:
        """To a page, by its name; pages above it close if it lies open."""
        self.pages.go(where)

    # -- look and help

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Before there is a device, next to nothing; of working offline and online, only the other one."""
        if not self.entered:
            return action in _WITHOUT_A_DEVICE
        if action == "work":
            return parameters == ("offline" if self._online else "online",)
        return super().check_action(action, parameters)

    def action_next_theme(self) -> None:
        """The next look."""
        self.theme = themes.after(self.theme)
        if self.entered:
            self.pages.repaint()

    def action_keys(self) -> None:
        """Every key of this page."""
        self.pages.show_keys()

    def on_resize(self, event: Resize) -> None:
        """Too small to show everything: cover it, so that no key acts on what is not seen."""
        fits = event.size.width >= WIDTH_MIN and event.size.height >= HEIGHT_MIN
        covered = isinstance(self.screen, TooSmall)
        if fits and covered:
            self.pop_screen()
        elif not fits and not covered:
            self.push_screen(TooSmall())


def settled_down() -> None:
    """What is loaded by now stays to the end: it is not looked through for rubbish ever again.

    Looking through it takes a tenth of a second of processor time, in which no key is heard; while a model computes
    beside it that becomes half a second. Not for a process in which screens come and go.
    """
    gc.freeze()


async def show(door: Door, *, theme: str = "sun") -> int:
    """Run the screen until the person leaves, then close the device, on one event loop.

    Returns:
        0, or 1 if the screen broke down; what was saved is safe either way.

    Raises:
        DeviceError, OSError: the device did not open, and there was nobody to try again.
    """
    app = TailboardApp(door, theme=theme, at_home=settled_down)
    try:
        await app.run_async()
    finally:
        await asyncio.get_running_loop().shutdown_default_executor()
        if app.entered:
            await app.device.close()
    if app.shut is not None:
        raise app.shut
    return app.return_code or 0
