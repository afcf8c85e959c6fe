"""The conflicts: what waits, one of them field by field, and the decision.

Rules
1. Whoever decides says which versions they looked at; if a field changed since, nothing is decided, the page says who
   changed what, and the picks stay.
2. A reason is needed where the laptop's value is overridden.
3. Asking the technician leaves the conflict open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue
from starlette.responses import Response

from reconciliation.explain import explain
from shared.ids import id_of, kind_of
from shared.outcomes import EFFECTIVE, Reason, Receipt
from shared.problems import Code, Problem, Refused
from shared.records import Choice, Conflict, Record
from shared.typed_command import typed_value
from sync_server.console.pages import moved, page
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

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the inbox."""

    conflict: Record
    body: Conflict
    title: str


def inbox(office: Office, visit: Visit) -> Response:
    """What waits for somebody, oldest first."""
    tenant, everything = visit.someone.tenant, visit.query.get("all") == "1"
    after = visit.query.get("after", "")
    found = sorted(office.conflicts(tenant, everything=everything), key=lambda each: each.ref)
    later = [each for each in found if each.ref > after]
    shown = [_listed(office, tenant, each) for each in later[:PAGE_SIZE]]
    values = {
        "conflicts": shown,
        "total": len(found),
        "everything": everything,
        "next": shown[-1].conflict.ref if len(later) > PAGE_SIZE else "",
    }
    return page(visit, "conflicts.html", values)


def show(office: Office, visit: Visit) -> Response:
    """One conflict."""
    return _page(office, visit, visit.query.get("done", ""))


def act(office: Office, visit: Visit) -> Response:
    """What a button of the page asks for: a preview, a decision, a question, or to take a decision back."""
    asked = visit.form.get("act", "preview")
    if asked == "preview":
        return _page(office, visit)
    try:
        done = _ACTS[asked](office, visit)
    except KeyError:
        raise Refused(Code.MALFORMED, f"the page has no button {asked[:40]}") from None
    except Refused as refused:
        return _page(office, visit, problem=refused.problem)
    return moved(f"{visit.path}?done={done}")


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
    _took_effect(office.settle(who.tenant, who.person.id, view.conflict.ref, picks, reason, seen=seen))
    return "resolved" if len(chosen) == len(view.clashes) else "settled"


def _took_effect(receipt: Receipt) -> None:
    """Raises `Refused` if it did not."""
    if receipt.outcome in EFFECTIVE:
        return
    code = Code.STALE if receipt.reason is Reason.STALE else Code.MALFORMED
    raise Refused(code, receipt.detail or explain(receipt))


def _edited(row: ClashRow) -> JsonValue:
    return typed_value(kind_of(row.clash.record), row.clash.field, row.pick.text) if row.pick.side == OTHER else None


def _ask(office: Office, visit: Visit) -> str:
    who, ref = visit.someone, f"conflict/{visit.named['conflict']}"
    view = _view(office, visit)
    about = next((row.place for row in view.clashes if str(row.number) == visit.form.get("about")), None)
    _took_effect(office.ask(who.tenant, who.person.id, ref, visit.form.get("question", "").strip(), about))
    return "asked"


def _undo(office: Office, visit: Visit) -> str:
    who, ref = visit.someone, f"conflict/{visit.named['conflict']}"
    reason = visit.form.get("reason", "").strip()
    if not reason:
        raise Refused(Code.MALFORMED, "say why the decision is taken back; it stays in the audit")
    _took_effect(office.undo(who.tenant, who.person.id, ref, reason))
    return "undone"


_ACTS = {"resolve": _resolve, "ask": _ask, "undo": _undo}


def _page(office: Office, visit: Visit, done: str = "", problem: Problem | None = None) -> Response:
    view = _view(office, visit)
    values = {
        "view": view,
        "title": title_of(view.subject),
        "reason": visit.form.get("reason", ""),
        "question": visit.form.get("question", ""),
        "done": done,
        "problem": problem,
        "choices": Choice,
    }
    return page(visit, "conflict.html", values, problem.status if problem else 200)


def _view(office: Office, visit: Visit) -> ConflictView:
    tenant, named = visit.someone.tenant, visit.named["conflict"]
    matter = office.matter(tenant, "conflict", named)
    body = Conflict.model_validate(matter.record.fields)
    entry = office.entry(tenant, body.command)
    refs = {body.record, *(clash.record for clash in body.clashes)}
    refs |= {each.record for each in entry.receipt.applied} if entry and entry.receipt else set()
    records = office.records_named(tenant, refs)
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


def _listed(office: Office, tenant: str, conflict: Record) -> Listed:
    body = Conflict.model_validate(conflict.fields)
    named = office.records_named(tenant, [body.record])
    return Listed(conflict, body, title_of(named[body.record]) if named else id_of(body.record))
