"""Laptops: how each is doing as it last said, a code for a new one, and who may sync.

Rules
1. Everything that a laptop says of itself is shown as said by it, with when it was last heard.
2. A code is shown once, to who made it. Its laptop waits to be approved, unless somebody wants it otherwise.
3. When a key runs out stands in each row, and is warned of.

What is done to a laptop is `sync_server.console.device_acts`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from shared.outcomes import EFFECTIVE, Outcome
from shared.problems import Code, Problem, Refused
from sync_server.console import device_acts, qr
from sync_server.console.blocks import (
    Button,
    Facts,
    Field,
    Form,
    Link,
    Mono,
    Page,
    Picture,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    State,
    Table,
    Text,
    Tone,
    Ways,
    said,
)
from sync_server.console.commands import ENTRY_COLUMNS, entry_row
from sync_server.console.deciding import Deed
from sync_server.console.home import age, backlog, key_ends_soon, needs_attention, silent
from sync_server.console.narrowing import cut, empty_of, narrow_form, narrowed
from sync_server.console.pages import shown
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office.looking import DeviceLine
from sync_server.store import DeviceState, Entry

_NOBODY = Said("No laptop is enrolled. Make a code below; on the laptop it is typed once.")
_COLUMNS = (
    Said("Laptop"),
    Said("Person"),
    Said("State"),
    Said("Last seen"),
    Said("Unsettled, as it last said"),
    Said("Held here"),
    Said("Key"),
    Said("App, model, policies"),
)
_SHOWN = 25


def listed(office: Office, visit: Visit, problem: Problem | None, code: tuple[str, str] | None = None) -> Response:
    """Every laptop, those to ask after first; with a code that was just made."""
    now, lines = office.service.ports.clock.now(), office.device_lines(visit.tenant)
    wanted = visit.query.get("show", "")
    kept = [each for each in lines if wanted != "attention" or needs_attention(each, now)]
    kept.sort(key=lambda each: (not needs_attention(each, now), each.device.id))
    other = (
        Link(Said("All laptops"), "/console/devices")
        if wanted
        else Link(Said("Only those to ask after"), "/console/devices?show=attention")
    )
    rows, more = cut(narrowed(tuple(_row(each, now) for each in kept), visit), visit)
    blocks = (
        *((_code_block(visit, *code),) if code else ()),
        *device_acts.to_approve(office, visit, lines),
        Ways((other,)),
        narrow_form(visit),
        Table(Said("Laptops"), _COLUMNS, rows, empty_of(visit, _NOBODY), more),
        _enrol(office, visit),
    )
    lead = _lead(lines, now)
    return shown(visit, Page(Said("Devices"), blocks, lead=lead), problem)


def _lead(lines: Sequence[DeviceLine], now: datetime) -> Said:
    return said(
        "{all} laptops, {some} to ask after: {new} to approve, {keys} with a key that runs out, {silent} silent.",
        all=len(lines),
        some=sum(needs_attention(each, now) for each in lines),
        new=sum(each.device.state is DeviceState.WAITING for each in lines),
        keys=sum(key_ends_soon(each, now) for each in lines),
        silent=sum(silent(each, now) for each in lines),
    )


def _row(line: DeviceLine, now: datetime) -> tuple[Any, ...]:
    device, report = line.device, line.report
    said_of_itself = (report.app, report.model, report.bundle) if report else ()
    return (
        Link(device.id, f"/console/devices/{device.id}"),
        device.actor,
        _state(line, now),
        Several((said("{age} ago", age=age(now - device.last_seen_at)), Small(device.last_seen_at)))
        if device.last_seen_at
        else Said("never"),
        backlog(line, now),
        ", ".join(f"{number} {hold}" for hold, number in sorted(line.held.items())) or "–",
        device_acts.key_state(line, now),
        Several(tuple(Small(each) for each in said_of_itself if each) or ("–",)),
    )


def _state(line: DeviceLine, now: datetime) -> State:
    return State("!", Said("Silent"), Tone.NEEDS) if silent(line, now) else state_of("device", line.device.state)


def _enrol(office: Office, visit: Visit) -> Section:
    why = visit.refusals.get(Act.ADMINISTER)
    people = tuple((each.id, f"{each.id} · {each.name}") for each in office.people(visit.tenant))
    fields = (
        Field("person", Said("Whose laptop"), "select", options=(("", Said("choose")), *people)),
        Field("waits", Said("It waits until somebody here has compared its code and approved it"), "check", "on"),
    )
    told = Said("The code is good for 24 hours, once. Whoever types it works under that person's name.")
    form = Form("enrol", fields, (Button("enrol", Said("Make a code"), why_not=why),))
    return Section(Said("Enrol a laptop"), (Text(told), form))


def enrol(office: Office, visit: Visit) -> Response:
    """Make a code, and show it this once."""
    person = visit.text("person")
    if not person:
        raise Refused(Code.MALFORMED, "choose whose laptop it is")
    code = office.enrol_code(visit.tenant, person, visit.actor, waits=bool(visit.form.get("waits")))
    return listed(office, visit, None, (person, code))


def _code_block(visit: Visit, person: str, code: str) -> Section:
    command = f"tailboard enrol {visit.origin} {code}"
    return Section(
        said("A code for {person}", person=person),
        (
            Text(Mono(code, copy=True)),
            Picture(qr.svg(f"{visit.origin} {code}"), Said("The server's address and the code, to be scanned")),
            Facts(((Said("On the laptop"), Mono(command, copy=True)), (Said("Good for"), Said("24 hours, once")))),
            Text(Said("It is shown this once. Read it to nobody whose voice you do not know.")),
        ),
    )


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One laptop."""
    name, now = visit.named["device"], office.service.ports.clock.now()
    standing = office.device(visit.tenant, name)
    line = next(each for each in office.device_lines(visit.tenant) if each.device.id == name)
    apart = office.quarantine_page(visit.tenant, name, _SHOWN)
    epochs = tuple(
        (each.epoch, each.reason, each.opened_at, each.head_seq, ", ".join(map(str, each.missing or ())) or "–")
        for each in standing.epochs
    )
    blocks = (
        Facts(tuple(_facts(line, now))),
        Table(
            Said("Stretches of its chain"),
            (Said("Epoch"), Said("Why it began"), Said("When"), Said("Received through"), Said("Never came")),
            epochs,
            Said("It sent nothing yet."),
        ),
        _totals(office, visit, line),
        _held(office, visit, name),
        *device_acts.sections(office, visit, line, now),
        Section(
            Said("What waits for review"),
            (
                Table(
                    Said("Quarantine"),
                    ENTRY_COLUMNS,
                    tuple(_apart_row(each) for each in apart),
                    Said("Nothing of this laptop is set apart. What it brings while it may not sync is kept here."),
                ),
            ),
        ),
        Text(Link(Said("Everything that the audit says of it"), f"/console/audit?device={name}")),
    )
    return shown(visit, Page(name, blocks, (Link(Said("Devices"), "/console/devices"),)), problem)


def _totals(office: Office, visit: Visit, line: DeviceLine) -> Section:
    """What is here and what is only there, never in one number."""
    settled = office.settled_of(visit.tenant, line.device.id)
    accepted = sum(settled.get(each, 0) for each in EFFECTIVE)
    refused = settled.get(Outcome.REJECTED, 0) + settled.get(Outcome.EXPIRED, 0)
    words = said(
        "{accepted} accepted here, {conflict} became conflicts, {refused} refused, {held} held here + {there} only "
        "on the laptop, as it last said.",
        accepted=accepted,
        conflict=settled.get(Outcome.CONFLICT, 0),
        refused=refused,
        held=sum(line.held.values()),
        there=line.report.waiting if line.report else 0,
    )
    return Section(Said("Its work"), (Text(words),))


def _held(office: Office, visit: Visit, name: str) -> Section:
    rows = tuple(
        (*entry_row(entry)[:4], Several(tuple(Mono(need) for need in sorted(needs))) if needs else _why(entry))
        for entry, needs in office.held_of(visit.tenant, name, _SHOWN)
    )
    columns = (*ENTRY_COLUMNS[:4], Said("Waits for"))
    empty = Said("Nothing of it is held: what came is settled, or in quarantine.")
    return Section(Said("What is held"), (Table(Said("Held commands of this laptop"), columns, rows, empty),))


def _why(entry: Entry) -> Quoted | str:
    return Quoted(entry.problem.detail) if entry.problem else "–"


def _apart_row(entry: Entry) -> tuple[Any, ...]:
    what, *others = entry_row(entry)
    return (Link(what, f"/console/quarantine/{entry.command.id}"), *others)


def _facts(line: DeviceLine, now: datetime) -> Any:
    device, report = line.device, line.report
    yield Said("State"), _state(line, now)
    yield Said("Person"), device.actor
    yield Said("Name given at enrolment"), device.name
    yield Said("Enrolled"), device.enrolled_at
    yield Said("Last seen"), device.last_seen_at or Said("never")
    yield Said("Unsettled, as it last said"), backlog(line, now)
    yield Said("Held here"), ", ".join(f"{number} {hold}" for hold, number in sorted(line.held.items())) or "–"
    yield Said("Its key"), device_acts.key_state(line, now)
    if report:
        yield Said("App"), report.app
        yield Said("Model"), report.model
        yield Said("Policies"), report.bundle


LIST_DEEDS = {
    "enrol": Deed(Act.ADMINISTER, enrol),
    "approve": Deed(Act.ADMINISTER, device_acts.approved),
    "reject": Deed(Act.ADMINISTER, device_acts.rejected),
}
