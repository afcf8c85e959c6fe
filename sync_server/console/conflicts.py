"""One conflict field by field, and the decision.

Rules
1. Whoever decides says which versions they looked at; if a field changed since, nothing is decided, the page says who
   changed what, and the picks stay.
2. A reason is needed where the laptop's value is overridden.
3. Asking the technician leaves the conflict open.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue
from starlette.responses import Response

from policies.acts import Act
from shared.ids import id_of, kind_of
from shared.problems import Code, Problem, Refused
from shared.records import Conflict
from shared.typed_command import typed_value
from sync_server.console.deciding import Deed, took_effect
from sync_server.console.pages import page
from sync_server.console.states import state_of
from sync_server.console.view import (
    CHOICES,
    OTHER,
    ClashRow,
    ConflictView,
    Picked,
    changed_since,
    conflict_view,
    title_of,
)
from sync_server.console.visit import Form, Visit
from sync_server.office import Office, Pick


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One conflict."""
    view = _view(office, visit)
    values = {
        "view": view,
        "title": title_of(view.subject),
        "reason": visit.form.get("reason", ""),
        "question": visit.form.get("question", ""),
        "done": visit.query.get("done", ""),
        "problem": problem,
        "neighbours": _neighbours(office, visit),
        "place": _place(office, visit, view),
        "why_not": visit.refusals.get(Act.RESOLVE),
        "state": state_of("conflict", "open" if view.open else "resolved"),
    }
    return page(visit, "conflict.html", values, problem.status if problem else 200)


def _neighbours(office: Office, visit: Visit) -> tuple[str, ...]:
    """The open conflicts before and behind this one, as paths; empty for none."""
    found = office.neighbours(visit.tenant, f"conflict/{visit.named['conflict']}", "open")
    return tuple(f"/console/conflicts/{id_of(ref)}" if ref else "" for ref in found)


def _place(office: Office, visit: Visit, view: ConflictView) -> tuple[int, int] | None:
    """Its place in the inbox, and how many wait there; None for one that waits no more."""
    if not view.open or visit.frame is None:
        return None
    at = office.place_among(visit.tenant, view.conflict.ref, "open")
    return at, max(at, visit.frame.waiting.conflicts)


def _resolve(office: Office, visit: Visit) -> str:
    view = _view(office, visit)
    seen = _seen(visit.form, view)
    if meanwhile := changed_since(view, seen, dict(_picks(visit.form))):
        raise Refused(Code.STALE, f"somebody was faster: {'; '.join(meanwhile)}. Your picks are kept")
    chosen = [row for row in view.clashes if row.pick.side]
    if not chosen:
        raise Refused(Code.MALFORMED, "choose a value for at least one field")
    reason = visit.form.get("reason", "").strip()
    if view.overrides and not reason:
        raise Refused(Code.MALFORMED, "say why: the technician is told the reason why another value stands")
    picks = {row.place: Pick(CHOICES[row.pick.side], _edited(row)) for row in chosen}
    who = visit.someone
    took_effect(office.settle(who.tenant, who.person.id, view.conflict.ref, picks, reason, seen=seen))
    return "resolved" if len(chosen) == len(view.clashes) else "settled"


def _edited(row: ClashRow) -> JsonValue:
    return typed_value(kind_of(row.clash.record), row.clash.field, row.pick.text) if row.pick.side == OTHER else None


def _ask(office: Office, visit: Visit) -> str:
    who, ref = visit.someone, f"conflict/{visit.named['conflict']}"
    view = _view(office, visit)
    about = next((row.place for row in view.clashes if str(row.number) == visit.form.get("about")), None)
    took_effect(office.ask(who.tenant, who.person.id, ref, visit.form.get("question", "").strip(), about))
    return "asked"


def _undo(office: Office, visit: Visit) -> str:
    who, ref = visit.someone, f"conflict/{visit.named['conflict']}"
    reason = visit.form.get("reason", "").strip()
    if not reason:
        raise Refused(Code.MALFORMED, "say why the decision is taken back; it stays in the audit")
    took_effect(office.undo(who.tenant, who.person.id, ref, reason))
    return "undone"


DEEDS = {
    "resolve": Deed(Act.RESOLVE, _resolve),
    "ask": Deed(Act.RESOLVE, _ask),
    "undo": Deed(Act.RESOLVE, _undo),
}


def _view(office: Office, visit: Visit) -> ConflictView:
    tenant, named = visit.someone.tenant, visit.named["conflict"]
    matter = office.matter(tenant, "conflict", named)
    body = Conflict.model_validate(matter.record.fields)
    entry = office.entry(tenant, body.command)
    refs = {body.record, *(clash.record for clash in body.clashes)}
    refs |= {each.record for each in entry.receipt.applied} if entry and entry.receipt else set()
    records = office.seen(tenant, refs)
    return conflict_view(matter.record, records, entry, matter.waiting, dict(_picks(visit.form)))


def _picks(form: Form) -> Iterator[tuple[int, Picked]]:
    """The picks in a form: ``use.N`` names a side, ``text.N`` what was typed."""
    for name, value in form.items():
        what, _, number = name.partition(".")
        if what == "use" and number.isdecimal() and value in CHOICES:
            yield int(number), Picked(value, form.get(f"text.{number}", ""))


def _seen(form: Form, view: ConflictView) -> Mapping[str, int]:
    """Record → the version that the page showed."""
    told = {row.clash.record: form.get(f"seen.{row.number}", "") for row in view.clashes}
    return {ref: int(version) for ref, version in told.items() if version.isdecimal()}
