"""The conflicts that wait, oldest first, and many of them decided at once.

Rules
1. Several conflicts are decided together if they have the same shape: the same kind of record, the same single field.
2. Each is decided by itself, on the versions that the page showed. What became of each is said; nothing is "all done"
   where one was not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from policies.acts import Act
from shared.commands.conflict_resolved import place_of
from shared.ids import id_of, kind_of
from shared.problems import Code, Problem, Refused
from shared.records import Conflict, ConflictStatus, Record
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Link,
    Page,
    Pick,
    Said,
    Section,
    Several,
    Small,
    Table,
    Ways,
    said,
)
from sync_server.console.deciding import Deed, took_effect
from sync_server.console.narrowing import LOOKED_AT, empty_of, narrow_form, narrowed, words_of
from sync_server.console.pages import label, shown
from sync_server.console.states import state_of
from sync_server.console.view import CHOICES, DEVICE, OFFICE_SIDE, title_of
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office import Pick as Choose

PAGE_SIZE = 50
BULK = "bulk"
_EMPTY = Said(
    "Nothing waits for a decision. When a laptop brings a value for a field that somebody else changed meanwhile, "
    "both values are kept and listed here."
)
_NEVER = Said(
    "No two values ever met here. A conflict comes up when a laptop brings a value for a field that somebody else "
    "changed meanwhile."
)
_COLUMNS = (
    Said("Record"),
    Said("Fields that clash"),
    Said("Office says"),
    Said("Device says"),
    Said("Technician"),
    Said("Said at"),
    Said("State"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the inbox."""

    conflict: Record
    body: Conflict
    title: str
    version: int

    @property
    def shape(self) -> str:
        """What it is about; conflicts of one shape can be decided together. Empty for one of several fields."""
        waiting = self.body.unsettled()
        return f"{kind_of(waiting[0].record)}.{waiting[0].field}" if len(waiting) == 1 else ""


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """What waits for somebody, oldest first; with boxes where one shape was asked for."""
    everything, shape = visit.query.get("all") == "1", visit.query.get("shape", "")
    listed, more = _found(office, visit, everything=everything, shape=shape)
    kept = {name: visit.query[name] for name in ("all", "shape", "words") if visit.query.get(name)}
    table = Table(
        Said("Conflicts"),
        (Said("Decide"), *_COLUMNS) if shape else _COLUMNS,
        narrowed(tuple(_row(each, boxes=bool(shape)) for each in listed), visit),
        empty_of(visit, _NEVER if everything else _EMPTY),
        f"?{urlencode({**kept, 'after': more})}" if more else "",
    )
    together = (_together(listed, visit),) if shape and listed else ()
    total = visit.frame.waiting.conflicts if visit.frame else 0
    blocks = (_ways(listed, shape, everything=everything), narrow_form(visit), table, *together)
    return shown(visit, Page(Said("Conflicts"), blocks, lead=said("{total} to decide.", total=total)), problem)


def _found(office: Office, visit: Visit, *, everything: bool, shape: str) -> tuple[list[Listed], str]:
    """A page of conflicts, and where the next one begins; of one shape, if it is named."""
    words = words_of(visit)
    limit = LOOKED_AT if shape or words else PAGE_SIZE
    state = None if everything else ConflictStatus.OPEN.value
    found = office.page_of(visit.tenant, "conflict", state, after=visit.query.get("after", ""), limit=limit + 1)
    listed = _listed(office, visit.tenant, found[:limit])
    fitting = [each for each in listed if not shape or each.shape == shape][: LOOKED_AT if words else PAGE_SIZE]
    cut = len(found) > limit or (shape and len(fitting) == PAGE_SIZE)
    last = fitting[-1].conflict.ref if shape and len(fitting) == PAGE_SIZE else found[limit - 1].ref if cut else ""
    return fitting, last


def _listed(office: Office, tenant: str, conflicts: Sequence[Record]) -> list[Listed]:
    bodies = [Conflict.model_validate(each.fields) for each in conflicts]
    named = {body.record for body in bodies} | {clash.record for body in bodies for clash in body.clashes}
    records = office.seen(tenant, named)
    return [_line(conflict, body, records) for conflict, body in zip(conflicts, bodies, strict=True)]


def _line(conflict: Record, body: Conflict, records: Mapping[str, Record]) -> Listed:
    subject, clashing = records.get(body.record), records.get(body.clashes[0].record)
    title = title_of(subject) if subject else id_of(body.record)
    return Listed(conflict, body, title, clashing.version if clashing else 0)


def _row(each: Listed, *, boxes: bool) -> tuple[Any, ...]:
    body, first = each.body, each.body.clashes[0]
    status = "open" if body.unsettled() else "resolved"
    link = Link(each.title, f"/console/conflicts/{id_of(each.conflict.ref)}")
    cells = (
        link,
        ", ".join(label(clash.field) for clash in body.clashes),
        first.theirs.value if len(body.clashes) == 1 else Said("several"),
        first.mine.value if len(body.clashes) == 1 else Said("several"),
        Several((first.mine.actor, Small(first.mine.device))),
        first.mine.at,
        state_of("conflict", status),
    )
    box = Pick(
        f"pick.{id_of(each.conflict.ref)}", said("Decide {title} together with others", title=each.title), BULK
    )
    return (box, *cells) if boxes else cells


def _ways(listed: Sequence[Listed], shape: str, *, everything: bool) -> Ways:
    """Other ways to look at the same."""
    if shape or everything:
        return Ways((Link(Said("All that wait"), "/console/conflicts"),))
    shapes = Counter(each.shape for each in listed if each.shape).most_common(3)
    together = tuple(
        Link(
            said("Decide several of {shape} together ({n} here)", shape=label(found.replace(".", ": ")), n=number),
            f"/console/conflicts?{urlencode({'shape': found})}",
        )
        for found, number in shapes
        if number > 1
    )
    return Ways((Link(Said("Decided ones, too"), "/console/conflicts?all=1"), *together))


def _together(listed: Sequence[Listed], visit: Visit) -> Section:
    versions = tuple(Field(f"seen.{id_of(each.conflict.ref)}", "", "hidden", str(each.version)) for each in listed)
    sides = (("", Said("choose")), (OFFICE_SIDE, Said("Office")), (DEVICE, Said("Device")))
    fields = (
        Field("use", Said("Which value stands, in all that you tick"), "select", options=sides),
        Field("reason", Said("Reason"), hint=Said("needed for the office's value; the technicians read it")),
    )
    button = Button("together", Said("Decide those that are ticked"), why_not=visit.refusals.get(Act.RESOLVE))
    return Section(Said("Decide together"), (Form(BULK, (*versions, *fields), (button,)),))


def _resolve(office: Office, visit: Visit) -> str:
    picked = sorted(name.removeprefix("pick.") for name in visit.form if name.startswith("pick."))
    side, reason = visit.form.get("use", ""), visit.text("reason")
    if not picked or side not in (OFFICE_SIDE, DEVICE):
        raise Refused(Code.MALFORMED, "tick at least one conflict, and choose which value stands")
    if side == OFFICE_SIDE and not reason:
        raise Refused(Code.MALFORMED, "say why: the technicians are told why another value stands")
    refused = [f"{each}: {why}" for each in picked if (why := _settled(office, visit, each, side, reason))]
    if refused:
        done = len(picked) - len(refused)
        raise Refused(Code.STALE, f"{done} are decided, and {len(refused)} are not: {'; '.join(refused)[:600]}")
    return "together"


def _settled(office: Office, visit: Visit, conflict: str, side: str, reason: str) -> str | None:
    """Decide one; why it could not be."""
    try:
        _, body = office.conflict(visit.tenant, conflict)
        waiting = body.unsettled()
        if len(waiting) != 1:
            return "somebody was faster" if not waiting else "several fields clash; open it"
        seen, place = visit.form.get(f"seen.{conflict}", ""), place_of(waiting[0])
        versions = {place[0]: int(seen)} if seen.isdecimal() else {}
        picks = {place: Choose(CHOICES[side])}
        took_effect(office.settle(visit.tenant, visit.actor, conflict, picks, reason, seen=versions))
    except Refused as refused:
        return refused.problem.detail
    return None


DEEDS = {"together": Deed(Act.RESOLVE, _resolve)}
