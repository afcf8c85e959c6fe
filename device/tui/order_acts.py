"""What is done to a job beyond one form: its ticks, finishing it, a file, an answer to the office, a page to read.

Nothing here saves without a `y` on what is shown.
"""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from device.attachments import read_file
from device.core.interpret import Proposal
from device.errors import DeviceError, LocalError
from device.plain import plain
from device.tui import forms
from device.tui.lines import ask_line
from device.tui.screens.dialogs import Ask, Choice, Pick, YesNo
from device.tui.screens.manual import ManualPage
from shared.blobs import in_mib
from shared.commands.checklist_item_done import ChecklistItemDone
from shared.commands.status_changed import StatusChanged
from shared.ids import id_of
from shared.records import ChecklistItem, WorkStatus

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

Asked = Awaitable[Proposal | list[Proposal] | None]

#: What the menu offers, by the page's action.
_MORE = {
    "enter_form('part.consumed')": "Part used                p",
    "enter_form('part.ordered')": "Order a part",
    "enter_form('finding.added')": "Finding: something that was noticed",
    "enter_form('status.changed')": "Status                   t",
    "enter_form('field.updated')": "Edit a field             e",
    "attach": "Attach a photo or a file g",
    "enter_form('work_order.created')": "Follow-up job            u",
    "answer": "Answer the office        o",
    "view": "All that is written      v",
    "copy": "Copy the job's number    c",
}


async def more(app: "TailboardApp", job: str) -> str | None:
    """Pick one of the things that have no key in the last line; the page's action for it."""
    return await app.ask(Pick(f"{id_of(job)}: what?", [Choice(key, label) for key, label in _MORE.items()]))


def ticks(job: str, items: Sequence[ChecklistItem], marks: Sequence[str]) -> list[Proposal]:
    """A proposal for each mark, in the list's order: done, or not done after all for one that was done."""
    return [_tick(job, item) for item in items if item.id in marks]


def _tick(job: str, item: ChecklistItem) -> Proposal:
    payload: dict[str, JsonValue] = {"item": item.id}
    if item.ticks:
        seen: list[JsonValue] = [tick.id for tick in item.ticks]
        payload |= {"done": False, "takes_back": seen}
    return Proposal(ChecklistItemDone.kind.name, job, payload, {})


async def finish(
    app: "TailboardApp", job: str, items: Sequence[ChecklistItem], marks: Sequence[str]
) -> list[Proposal] | None:
    """What is marked, then that the job is done. If something is left: whether it is done as well, or why not."""
    marked = ticks(job, items, marks)
    remaining = [item for item in items if bool(item.ticks) == (item.id in marks)]
    if not remaining:
        return [*marked, _done(job, "")]
    names = ", ".join(plain(item.text) for item in remaining)
    choices = [
        Choice("tick", f"They are done: tick {'all ' if len(remaining) > 1 else ''}{len(remaining)}, then finish"),
        Choice("why", "Finish without them, and say why"),
    ]
    while chosen := await app.ask(Pick(f"{len(remaining)} left: {names}", choices)):
        if chosen == "tick":
            return [*ticks(job, items, [*marks, *(item.id for item in remaining)]), _done(job, "")]
        box = Ask(f"Finish {id_of(job)} with {len(remaining)} left", "Why", value="", check=_said_why)
        if why := await ask_line(app, job, "finish", box):
            return [*marked, _done(job, why)]
    return None


def _done(job: str, why: str) -> Proposal:
    payload: dict[str, JsonValue] = {"to": WorkStatus.DONE.value}
    return Proposal(StatusChanged.kind.name, job, payload | ({"reason": why} if why else {}), {})


async def _said_why(words: str) -> str | None:
    if not words.strip():
        return "Say in a few words why it is left."
    return None if len(words) <= 400 else "That is longer than 400 characters. Say it shorter, or leave a note."


async def attach(app: "TailboardApp", job: str) -> None:
    """Ask for a file's path, show its name and size, and attach it after a yes."""

    async def check(typed: str) -> str | None:
        try:
            await app.desk.do(lambda: read_file(path_of(typed)))
        except LocalError as error:
            return str(error)
        return None

    label = "Its path, for example ~/Pictures/pump.jpg; a file can be dropped here, too"
    box = Ask(f"Attach a file to {id_of(job)}", label, value="", check=check)
    try:
        typed = await ask_line(app, job, "attach", box)
        if typed is None:
            return
        file = await app.desk.do(lambda: read_file(path_of(typed)))
        text = f"{file.name}, {in_mib(file.attachment.size)}.\nIts bytes travel after everything smaller."
        if await app.ask(YesNo("Attach?", text, yes="Attach", no="Not now")):
            saved = await app.desk.do(lambda: app.device.workbench.attach(job, path_of(typed)))
            app.saved(job, "", saved)
    except DeviceError as error:
        app.tell(error)
    app.refresh_page()


def path_of(typed: str) -> Path:
    """The path that was typed, also as terminals type it for a dropped file: quoted, escaped, or as an address."""
    text = typed.strip().strip("'\"").replace("\\ ", " ")
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    return Path(text).expanduser()


async def answer(app: "TailboardApp", job: str | None) -> None:
    """Answer a question of the office: the words, then a look at them, then a yes."""
    bench = app.device.workbench
    try:
        answered = await forms.answer(app, job)
        if answered is None:
            return
        if await app.ask(YesNo("Answer the office?", answered.words, yes="Answer", no="Keep")):
            saved = await app.desk.do(lambda: bench.answer(answered.question, answered.text))
            app.saved(answered.record, "", saved)
    except DeviceError as error:
        app.tell(error)
    app.refresh_page()


async def open_manual(app: "TailboardApp", name: str) -> None:
    """Read a document from the first of its pages that is here."""
    library = app.device.library

    def first() -> int:
        pages = library.index.pages(library.document(name).sha256)
        if not pages:
            raise LocalError(f"None of {name} was read yet. It comes after everything smaller; m says how far it is.")
        return pages[0]

    try:
        app.push_screen(ManualPage(name, await app.desk.do(first)))
    except DeviceError as error:
        app.tell(error)
