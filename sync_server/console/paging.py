"""Lists of records of one kind, a page at a time: those that wait, or all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from shared.problems import Problem
from shared.records import Record
from sync_server.console.blocks import Link, Page, Said, Table, Ways
from sync_server.console.narrowing import LOOKED_AT, empty_of, narrow_form, narrowed, words_of
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
    limit = LOOKED_AT if words_of(visit) else PAGE_SIZE
    found = [
        each
        for state in states
        for each in office.page_of(visit.tenant, told.kind, state, after=after, limit=limit + 1)
    ]
    found.sort(key=lambda each: each.ref)
    page, more = found[:limit], len(found) > limit
    kept = {name: visit.query[name] for name in ("all", "words") if visit.query.get(name)}
    table = Table(
        told.title,
        told.columns,
        narrowed(tuple(map(row, page)), visit),
        empty_of(visit, told.empty),
        f"?{urlencode({**kept, 'after': page[-1].ref})}" if more else "",
    )
    other = Link(Said("Only those that wait"), told.path) if everything else Link(Said("All"), f"{told.path}?all=1")
    lead = Said("All, oldest first.") if everything else Said("Those that wait for somebody, oldest first.")
    return shown(visit, Page(told.title, (Ways((other,)), narrow_form(visit), table), lead=lead), problem)
