"""Lists of records of one kind, a page at a time: those that wait, or all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from shared.problems import Problem
from shared.records import Record
from sync_server.console.blocks import Link, Page, Said, Table, Text, said
from sync_server.console.pages import shown
from sync_server.console.visit import Visit
from sync_server.office import Office

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `waiting` are the states in which one waits for a person."""

    kind: str
    path: str
    title: Said
    columns: tuple[Said, ...]
    empty: Said
    waiting: tuple[str, ...]


def listing(
    office: Office,
    visit: Visit,
    told: Listing,
    row: Callable[[Record], tuple[Any, ...]],
    problem: Problem | None,
) -> Response:
    """The page of a list, each record a `row`."""
    everything, after = visit.query.get("all") == "1", visit.query.get("after", "")
    states: tuple[str | None, ...] = (None,) if everything else told.waiting
    found = [
        each
        for state in states
        for each in office.page_of(visit.tenant, told.kind, state, after=after, limit=PAGE_SIZE + 1)
    ]
    found.sort(key=lambda each: each.ref)
    page, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    kept = {"all": "1"} if everything else {}
    table = Table(
        told.title,
        told.columns,
        tuple(map(row, page)),
        told.empty,
        f"?{urlencode({**kept, 'after': page[-1].ref})}" if more else "",
    )
    other = Link(Said("Only those that wait"), told.path) if everything else Link(Said("All"), f"{told.path}?all=1")
    lead = Said("All, oldest first.") if everything else Said("Those that wait for somebody, oldest first.")
    return shown(visit, Page(told.title, (Text(other), table), lead=lead), problem)


def page_note(number: int) -> Said:
    """How many are shown."""
    return said("{number} are shown.", number=number)
