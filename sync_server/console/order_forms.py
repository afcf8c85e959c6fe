"""The forms by which work orders are planned, changed, moved on and given to people; each is a kind of command."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import JsonValue, ValidationError

from policies.acts import Act
from shared.commands.base import Payload
from shared.commands.field_updated import FieldUpdated
from shared.commands.status_changed import StatusChanged
from shared.commands.work_order_assigned import WorkOrderAssigned
from shared.commands.work_order_created import WorkOrderCreated, fresh_ref
from shared.ids import id_of
from shared.problems import Code, Refused
from shared.records import Activity, Priority, Record, WorkStatus, editable_fields
from shared.typed_command import typed_value
from sync_server.console.blocks import Button, Field, Form, Said, Section
from sync_server.console.deciding import Deed, seen_of, took_effect
from sync_server.console.pages import label
from sync_server.console.visit import Visit
from sync_server.office import Office

_CHOICES: Mapping[str, type[StrEnum]] = {"priority": Priority, "activity": Activity}
CHARS_MAX = 4000
_LONG = frozenset({"description", "access"})


def plan_form(office: Office, visit: Visit) -> Form:
    """A new work order."""
    assets = office.page_of(visit.tenant, "asset", limit=300)
    known = tuple((each.ref, f"{id_of(each.ref)} · {each.value('name')}") for each in assets)
    fields = (
        Field("title", Said("Title"), required=True, most=120),
        Field("asset", Said("Where"), "select", options=(("", Said("choose")), *known)),
        Field("priority", Said("Priority"), "select", Priority.NORMAL, _options(Priority)),
        Field("due_on", Said("Due"), "date"),
        Field("team", Said("Team"), most=64),
        Field("description", Said("What is to be done"), "area", most=4000),
        Field("checklist", Said("Checklist"), "area", hint=Said("a line for each item"), most=4000),
        Field("safety_critical", Said("Safety-critical: closing it takes a second person"), "check"),
    )
    return Form("plan", fields, (Button("plan", Said("Plan it"), why_not=visit.refusals.get(Act.DISPATCH)),))


def _options(values: type[StrEnum]) -> tuple[tuple[str, str], ...]:
    return tuple((each.value, label(each.value)) for each in values)


def change_forms(office: Office, visit: Visit, record: Record, *, open_: bool) -> Iterator[Section]:
    """What can be done with a work order."""
    why, seen = visit.refusals.get(Act.DISPATCH), Field("seen", "", "hidden", str(record.version))
    people = tuple((each.id, f"{each.id} · {each.name}") for each in office.people(visit.tenant))
    whose = (
        Field(
            "assignee", Said("Person"), "select", str(record.value("assignee") or ""), (("", Said("nobody")), *people)
        ),
        Field("team", Said("Team"), value=str(record.value("team") or ""), most=64),
    )
    steps = tuple((each.value, label(each.value)) for each in WorkStatus if each != record.value("status"))
    step = (
        Field("to", Said("New state"), "select", options=(("", Said("choose")), *steps)),
        Field("reason", Said("Reason")),
    )
    edited = tuple(_editor(name, record.value(name)) for name in editable_fields(record.kind))
    forms = (
        (
            Said("Give it to somebody"),
            Form("assign", (seen, *whose), (Button("assign", Said("Assign"), why_not=why),)),
        ),
        (Said("Move it on"), Form("move", (seen, *step), (Button("move", Said("Change state"), why_not=why),))),
        (Said("Change what it says"), Form("edit", (seen, *edited), (Button("edit", Said("Save"), why_not=why),))),
    )
    for heading, form in forms:
        yield Section(heading, (form,), folded=True, open=open_ and visit.form.get("which") == form.id)


def _editor(name: str, value: Any) -> Field:
    text = "" if value is None else str(value)
    if choices := _CHOICES.get(name):
        return Field(name, label(name), "select", text, _options(choices))
    kind = "area" if name in _LONG else "date" if name.endswith("_on") else "text"
    return Field(name, label(name), kind, text, most=4000 if name in _LONG else 400)


# -- what they do


def _give(office: Office, visit: Visit, ref: str, payload: Payload) -> str:
    """Give a command; ``held`` if somebody else must approve it first."""
    try:
        took_effect(office.give(visit.tenant, visit.actor, ref, payload, seen=seen_of(visit)))
    except Refused as refused:
        if refused.problem.code is Code.APPROVAL_NEEDED:
            return "held"
        raise
    return "saved"


def _made(make: Any, **told: Any) -> Any:
    try:
        return make(**told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the form"
        raise Refused(Code.MALFORMED, f"{label(where)}: {first['msg']}") from error


def _plan(office: Office, visit: Visit) -> str:
    items = tuple(line.strip() for line in visit.form.get("checklist", "").splitlines() if line.strip())
    told = {name: visit.text(name) for name in ("title", "asset", "priority", "description")}
    optional = {name: text for name in ("due_on", "team") if (text := visit.text(name))}
    critical = bool(visit.form.get("safety_critical"))
    payload = _made(WorkOrderCreated, **told, **optional, checklist=items, safety_critical=critical)
    ref = fresh_ref(office.service.ports.new_id())
    _give(office, visit, ref, payload)
    return f"/console/orders/{id_of(ref)}?done=created"


def _assign(office: Office, visit: Visit) -> str:
    payload = _made(WorkOrderAssigned, assignee=visit.text("assignee") or None, team=visit.text("team") or None)
    return _give(office, visit, _ref(visit), payload)


def _move(office: Office, visit: Visit) -> str:
    return _give(office, visit, _ref(visit), _made(StatusChanged, to=visit.text("to"), reason=visit.text("reason")))


def _edit(office: Office, visit: Visit) -> str:
    """One command for each field that the form has otherwise than the record; the first that fails says so."""
    record, done = office.record(visit.tenant, _ref(visit)), "saved"
    for name in editable_fields(record.kind):
        before, text = record.value(name), visit.form.get(name, "").replace("\r\n", "\n").strip()
        if name not in visit.form or text == ("" if before is None else str(before)):
            continue
        if len(text) > CHARS_MAX:
            raise Refused(Code.MALFORMED, f"{label(name)} has {len(text)} characters; write up to {CHARS_MAX}")
        value = typed_value(record.kind, name, text) if text else _nothing(name)
        if _give(office, visit, record.ref, _made(FieldUpdated, field=name, value=value)) == "held":
            done = "held"
    return done


def _nothing(name: str) -> JsonValue:
    """What an empty field stands for: no date, or no text."""
    return None if name.endswith("_on") else ""


def _ref(visit: Visit) -> str:
    return f"work_order/{visit.named['order']}"


PLAN_DEEDS = {"plan": Deed(Act.DISPATCH, _plan)}
DEEDS = {"assign": Deed(Act.DISPATCH, _assign), "move": Deed(Act.DISPATCH, _move), "edit": Deed(Act.DISPATCH, _edit)}
