"""Work orders: listed and filtered, planned, changed and given to people, each with the history behind what stands.

Rules
1. What is changed here is a command like anybody's: it rests on the version that the page showed, and can end as a
   conflict or wait for an approval.
2. The history is the audit's: every command that touched the record, what became of it, and where it clashed.
3. A list is read a page at a time; a filter that no index knows looks at so many records and says so.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from shared.ids import id_of
from shared.problems import Problem
from shared.records import Priority, Record, Stamp, WorkStatus, editable_fields
from sync_server.console.blocks import (
    Button,
    Facts,
    Field,
    Form,
    Link,
    Mono,
    Page,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    Table,
    Text,
    said,
)
from sync_server.console.commands import standing_of, summary_of, verb_of
from sync_server.console.order_forms import change_forms, plan_form
from sync_server.console.pages import in_words, label, shown, value_text
from sync_server.console.states import state_of
from sync_server.console.view import title_of
from sync_server.console.visit import Visit
from sync_server.console.ways import device_link, record_link
from sync_server.office import Office
from sync_server.office.looking import Linked

PAGE_SIZE, LOOKED_AT, HISTORY = 50, 1000, 100
_COLUMNS = (Said("Work order"), Said("State"), Said("Priority"), Said("Due"), Said("Where"), Said("Whose"))
_EMPTY = Said("No work order is like that. Take a filter away, or plan one below.")


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Work orders, filtered, by name."""
    query = {name: value for name, value in visit.query.items() if value and name not in {"done", "after"}}
    found, more = _found(office, visit, query)
    table = Table(
        Said("Work orders"),
        _COLUMNS,
        tuple(map(_row, found)),
        _EMPTY,
        f"?{urlencode({**query, 'after': more})}" if more else "",
    )
    counts = office.state_counts(visit.tenant, "work_order")
    plan = Section(Said("Plan a work order"), (plan_form(office, visit),), folded=True, open=problem is not None)
    lead = said("{total} in all.", total=sum(counts.values()))
    return shown(visit, Page(Said("Work orders"), (_filter(query, counts), table, plan), lead=lead), problem)


def _found(office: Office, visit: Visit, query: Mapping[str, str]) -> tuple[list[Record], str]:
    """A page of those that fit, and where the next one begins; empty if there is none."""
    state, after = query.get("state") or None, visit.query.get("after", "")
    plain = not (query.keys() & {"whose", "priority", "words"})
    limit = PAGE_SIZE if plain else LOOKED_AT
    looked = office.page_of(visit.tenant, "work_order", state, after=after, limit=limit + 1)
    fitting = [each for each in looked[:limit] if _fits(each, query)]
    page = fitting[:PAGE_SIZE]
    if len(fitting) > PAGE_SIZE or (plain and len(looked) > limit):
        return page, page[-1].ref
    return page, looked[limit - 1].ref if len(looked) > limit else ""


def _fits(record: Record, query: Mapping[str, str]) -> bool:
    whose, priority, words = query.get("whose", ""), query.get("priority", ""), query.get("words", "").casefold()
    text = f"{id_of(record.ref)} {record.value('title')} {record.value('asset')}".casefold()
    return (
        (not whose or record.value("assignee") == whose or record.value("team") == whose)
        and (not priority or record.value("priority") == priority)
        and words in text
    )


def _filter(query: Mapping[str, str], counts: Mapping[str, int]) -> Form:
    states = tuple(
        (each.value, said("{state} ({n})", state=state_of("work_order", each).word, n=counts.get(each, 0)))
        for each in WorkStatus
    )
    levels = tuple((each.value, each.value) for each in Priority)
    fields = (
        Field("words", Said("Words in name, title or place"), value=query.get("words", ""), key="/"),
        Field("state", Said("State"), "select", query.get("state", ""), (("", Said("any")), *states)),
        Field("priority", Said("Priority"), "select", query.get("priority", ""), (("", Said("any")), *levels)),
        Field("whose", Said("Person or team"), value=query.get("whose", "")),
    )
    return Form("filter", fields, (Button("", Said("Show")),), looks=True, row=True)


def _row(record: Record) -> tuple[Any, ...]:
    whose = [str(each) for each in (record.value("assignee"), record.value("team")) if each]
    return (
        Several((Link(id_of(record.ref), f"/console/orders/{id_of(record.ref)}"), Small(record.value("title")))),
        state_of("work_order", str(record.value("status"))),
        record.value("priority"),
        record.value("due_on") or "–",
        id_of(str(record.value("asset"))),
        ", ".join(whose) or Said("nobody yet"),
    )


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One work order: what stands, who made it so, and everything that ever touched it."""
    record = office.record(visit.tenant, f"work_order/{visit.named['order']}")
    links, left = office.audit_page(visit.tenant, f"record {record.ref}", limit=HISTORY)
    flagged = record.value("safety_critical") is True
    lead = Several((state_of("work_order", str(record.value("status"))), *((_SAFETY,) if flagged else ())))
    blocks = (
        _standing(record),
        *change_forms(office, visit, record, open_=problem is not None),
        _lists(record),
        _history(links, left),
    )
    trail = (Link(Said("Work orders"), "/console/orders"),)
    return shown(visit, Page(title_of(record), blocks, trail, lead), problem)


_SAFETY = Said("Safety-critical: closing it takes a second person.")


def _standing(record: Record) -> Table:
    editable = editable_fields(record.kind)
    plain = [name for name, value in record.fields.items() if not isinstance(value, list)]
    told = [name for name in plain if record.value(name) not in (None, "") or name in editable]
    rows = tuple(_stamped(name, _value(record.value(name), name), record.stamp(name)) for name in told)
    columns = (Said("Field"), Said("Stands at"), Said("By"), Said("Where"), Said("When"), Said("Version"))
    return Table(said("What stands, version {n}", n=record.version), columns, rows, Said("Nothing."))


def _stamped(name: str, value: Any, stamp: Stamp) -> tuple[Any, ...]:
    return label(name), value, stamp.actor, device_link(stamp.device), stamp.at, stamp.version


def _value(value: Any, name: str) -> Any:
    linked = isinstance(value, str) and value.startswith("work_order/")
    return record_link(value) if linked else in_words(value, name)


def _lists(record: Record) -> Section:
    lists = [(name, value) for name, value in record.fields.items() if isinstance(value, list) and value]
    facts = tuple((label(name), Several(tuple(_entry(each) for each in value[-20:]))) for name, value in lists)
    blocks = (Facts(facts),) if facts else (Text(Said("No notes, readings, parts or ticks yet.")),)
    return Section(said("Notes, parts, ticks and other lists ({n})", n=len(lists)), blocks, folded=True)


def _entry(each: Any) -> str:
    if not isinstance(each, dict):
        return value_text(each)
    told = {name: value for name, value in each.items() if name not in {"id"} and value not in (None, "", [])}
    return "; ".join(f"{label(name)}: {value_text(value)}" for name, value in told.items())


def _history(links: list[Linked], left: int) -> Section:
    rows = tuple(tuple(_line(each)) for each in links)
    columns = (Said("When"), Said("What"), Said("By"), Said("What became of it"), Said("Changed"), Said("Evidence"))
    table = Table(Said("Every command, merge and conflict, newest first"), columns, rows, Said("Nothing yet."))
    behind = (Text(said("{n} links of the audit are not gone through yet.", n=left)),) if left else ()
    return Section(Said("History"), (*behind, table))


def _line(each: Linked) -> Iterator[Any]:
    body, entry = each.body, each.entry
    device, actor = str(body.get("device", "–")), str(body.get("actor", "–"))
    yield each.at or Said("cannot be read")
    yield summary_of(entry.command) if entry else verb_of(str(body.get("kind", body.get("act"))))
    yield Several((actor, Small(device_link(device)))) if device != "–" else actor
    yield Several((standing_of(entry), *_why(entry))) if entry else str(body.get("outcome", body.get("act")))
    yield _changed(entry) if entry else "–"
    yield Small(Several((Mono(str(body.get("command", ""))), said("audit {n}", n=each.position))))


def _why(entry: Any) -> Iterator[Any]:
    receipt = entry.receipt
    if receipt and receipt.conflict:
        yield Link(Said("what clashed, and what was decided"), f"/console/conflicts/{id_of(receipt.conflict)}")
    if receipt and receipt.detail:
        yield Small(Quoted(receipt.detail))


def _changed(entry: Any) -> Any:
    receipt = entry.receipt
    if not receipt or not receipt.applied:
        return "–"
    saw = {(base.record, base.field): base.value for base in entry.command.bases}
    return Several(
        tuple(
            said("{field}, was {old}", field=label(each.field), old=value_text(saw[each.record, each.field]))
            if (each.record, each.field) in saw
            else label(each.field)
            for each in receipt.applied
        )
    )
