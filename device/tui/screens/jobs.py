"""Jobs: the work orders on this laptop, what needs the person, and the way to everything else. Home."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from device.listed import ListedJob
from device.plain import plain
from device.store import Item
from device.tui.screens.list_page import ListPage
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.tui.widgets.table import Column, Line
from device.words import due, moment, named, planned_for, value_of
from device.workbench import Workbench
from shared.ids import id_of
from shared.outcomes import Standing

#: What a job says first when several things are true of it.
LOUDEST = (Standing.REFUSED, Standing.REVIEW, Standing.SENT, Standing.SAVED)


@dataclass(frozen=True, slots=True)
class JobsSeen:
    """The jobs in the workbench's order, where their assets are, and where their commands stand."""

    jobs: tuple[ListedJob, ...]
    places: Mapping[str, str]
    standing: Mapping[str, Standing]
    refused: tuple[str, ...]
    as_of: datetime | None
    me: str


class JobsPage(ListPage[JobsSeen]):
    """Home."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Clear the filter", show=False),
        Binding("2,f3", "app.go('order')", "Order"),
        Binding("3,f4", "app.go('ask')", "Ask"),
        Binding("4,f5", "app.go('note')", "Note"),
        Binding("5,f6", "app.go('outbox')", "Outbox"),
        Binding("c", "copy", "Copy the job's number", show=False),
        Binding("q", "app.quit", "Quit", show=False),
    ]
    COLUMNS = (Column("Due", 6), Column("Job", 8), Column("Asset", 8), Column("What", 0), Column("State", 13))
    EMPTY = "No work orders on this laptop yet. They come with the first contact: w works online, then wait a moment."
    crumb, where = "Jobs", "jobs"

    def read(self, workbench: Workbench) -> JobsSeen:
        """Jobs, assets and the standing of what was done to them."""
        listed, outbox = workbench.listed_jobs(), workbench.open_items()
        return JobsSeen(
            listed.rows,
            listed.places,
            _loudest(outbox),
            tuple(id_of(item.command.record) for item in outbox if item.standing is Standing.REFUSED),
            workbench.status().data_as_of,
            workbench.identity.actor,
        )

    def title_line(self, seen: JobsSeen) -> str:
        """How many, and how old the list is."""
        still_open = sum(job.is_open for job in seen.jobs)
        as_of = moment(seen.as_of, self.tailboard.now()) if seen.as_of else "never"
        return f"{still_open} open of {len(seen.jobs)} jobs, as of {as_of}"

    def lines(self, seen: JobsSeen) -> list[Line]:
        """One row per job."""
        now = self.tailboard.now()
        return [_line(job, seen, now) for job in seen.jobs]

    def about(self, seen: JobsSeen, key: str) -> Text:
        """Where it is, how to get in, what was said last, and whether anything needs the person."""
        job = next(each for each in seen.jobs if each.ref == key)
        text = Text(overflow="ellipsis", no_wrap=True)
        text.append(_place(job, seen), "bold").append("\n")
        text.append(_before_you_go(job, seen.me)).append("\n")
        text.append(_last_said(job)).append("\n")
        if seen.refused:
            text.append(_needs_you(seen.refused), self.tailboard.loud)
        return text

    def reasons(self) -> Mapping[str, str | None]:
        """Without a job under the cursor, and none that was open, there is none to go to."""
        nothing = self.nothing_here()
        no_job = nothing if self.tailboard.pages.job_to_go_to is None else None
        return {**super().reasons(), "app.go('order')": no_job, "app.go('note')": no_job}

    def open_here(self) -> None:
        """Open the job under the cursor."""
        if self.key_here is not None:
            self.tailboard.open_job(self.key_here)

    def action_copy(self) -> None:
        """The job's number to the clipboard."""
        if not self.says_why_not("copy") and self.key_here is not None:
            self.tailboard.copy(id_of(self.key_here))

    def leave(self) -> None:
        """Home is the last level; q leaves it."""


def _loudest(outbox: list[Item]) -> dict[str, Standing]:
    found: dict[str, set[Standing]] = {}
    for item in outbox:
        found.setdefault(item.command.record, set()).add(item.standing)
    loudest = {ref: next((each for each in LOUDEST if each in standings), None) for ref, standings in found.items()}
    return {ref: standing for ref, standing in loudest.items() if standing}


def _line(job: ListedJob, seen: JobsSeen, now: datetime) -> Line:
    standing = seen.standing.get(job.ref)
    mark = standing.glyph if standing else " "
    state = f"{mark} {value_of('status', job.status)}"
    when, where, stands = map(intern, (due(job.due_on, now), id_of(job.asset), state))  # the same in many rows
    cells = (when, id_of(job.ref), where, job.title, stands)
    return Line(job.ref, cells, loud=standing in NEEDS_A_LOOK, also=_place(job, seen))


def _place(job: ListedJob, seen: JobsSeen) -> str:
    return seen.places.get(job.asset) or f"{id_of(job.asset)} (not on this laptop)"


def _before_you_go(job: ListedJob, me: str) -> str:
    parts = [f"{named(job.priority)} priority"]
    if whose := planned_for(job.assignee, me):
        parts.append(whose)
    if job.safety_critical:
        parts.append("SAFETY CRITICAL")
    if job.access:
        parts.append(f"Access: {plain(job.access)}")
    return "; ".join(parts)


def _last_said(job: ListedJob) -> str:
    if job.last is None:
        return "No notes yet."
    at, author, text = job.last
    return f"Last: {at[:10]} {author} “{plain(text)}”"


def _needs_you(refused: tuple[str, ...]) -> str:
    jobs = ", ".join(dict.fromkeys(refused))
    return f"! {len(refused)} refused ({plain(jobs)}). Press 5."
