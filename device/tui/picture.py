"""Pictures of the screen as SVG, made by the product itself, so that what documents show is what there is.

A picture needs no terminal and sends nothing. It holds no reference to anything outside itself.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual.pilot import Pilot

from device.errors import LocalError
from device.tui.app import TailboardApp
from device.tui.door import ajar
from device.tui.screens.ask import AskPage
from device.tui.screens.order import OrderPage
from device.tui.screens.page import Page
from device.tui.screens.proposals import Asking, ProposalsPage

if TYPE_CHECKING:  # a picture is given a device and builds none
    from device.bootstrap import Device

View = Literal["jobs", "order", "proposals", "outbox", "ask", "library", "laptop", "ready"]
PATIENCE_S = 60.0
_LOOK_S = 0.05
_FONT_FROM_ELSEWHERE = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


async def export_picture(
    device: "Device",
    path: Path,
    *,
    view: View = "proposals",
    job: str | None = None,
    sentence: str = "",
    theme: str = "sun",
    size: tuple[int, int] = (80, 24),
) -> None:
    """Write one page of the screen to `path`, as SVG. Nothing is confirmed, and nothing is sent.

    Only ``ask`` does something: the question is asked, where the policies let it run.

    Args:
        device: an unlocked device; it stays open.
        path: the file to write; its folder must exist.
        view: which page; ``proposals`` shows what the assistant makes of `sentence`, ``ask`` what it answers.
        job: a work order's reference; the first one if None.
        sentence: what the technician types; needed for ``proposals`` and ``ask``.
        theme: ``sun``, ``night`` or ``mono``.
        size: columns and rows, at least 80 and 24.

    Raises:
        LocalError: there is no work order to show, or the page was not ready in time.
    """
    app = TailboardApp(ajar(device), theme=theme, carry=False, resumes=False)
    taken: list[str | LocalError] = []

    async def pose(pilot: Pilot[object]) -> None:
        try:
            await _show(app, pilot, view, job, sentence)
            taken.append(app.export_screenshot(title="Tailboard"))
        except LocalError as error:
            taken.append(error)
        app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=pose)
    picture = taken[0] if taken else LocalError("The screen ended early; no picture was taken.")
    if isinstance(picture, LocalError):
        raise picture
    await asyncio.to_thread(path.write_text, _FONT_FROM_ELSEWHERE.sub("", picture), encoding="utf-8")


async def _show(app: TailboardApp, pilot: Pilot[object], view: View, job: str | None, sentence: str) -> None:
    await _until(pilot, lambda: not app.loading and _painted(app))
    if view in {"outbox", "library", "laptop", "ready"}:
        app.action_go(view)
    elif view != "jobs":
        await _open_job(app, pilot, job)
    if view == "proposals":
        assert isinstance(app.screen, OrderPage), "proposals are made on a work order"
        app.screen.tell(sentence)
        await _until(pilot, lambda: isinstance(app.screen, ProposalsPage) and app.screen.asking is not Asking.WAITING)
        await _until(pilot, lambda: isinstance(app.screen, ProposalsPage) and app.screen.can_be_confirmed)
    if view == "ask":
        await _ask(app, pilot, sentence)
    await _until(pilot, lambda: _painted(app))
    app.clear_notifications()
    await pilot.pause()


async def _ask(app: TailboardApp, pilot: Pilot[object], question: str) -> None:
    app.action_go("ask")
    await _until(pilot, lambda: isinstance(app.screen, AskPage) and _painted(app))
    assert isinstance(app.screen, AskPage), "it was waited for"
    page = app.screen
    page.ask(question)
    await _until(pilot, lambda: page.talk.running is None and page.up_to_date)


async def _open_job(app: TailboardApp, pilot: Pilot[object], job: str | None) -> None:
    jobs = await app.desk.do(app.device.workbench.jobs)
    if not jobs:
        raise LocalError("There is no work order on this device to take a picture of.")
    app.open_job(job or jobs[0].ref)
    await _until(pilot, lambda: isinstance(app.screen, OrderPage) and _painted(app))


def _painted(app: TailboardApp) -> bool:
    return isinstance(app.screen, Page) and app.screen.seen is not None


async def _until(pilot: Pilot[object], ready: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / _LOOK_S)):
        await pilot.pause()
        if ready():
            return
        await asyncio.sleep(_LOOK_S)
    raise LocalError("The page was not ready in time; no picture was taken.")
