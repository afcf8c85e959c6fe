"""Approvals: what exactly would happen, on what evidence, and the answer of a second person.

Rules
1. The page shows the command by its hash, every field before and after, and the versions that it rests on; the answer
   is for that, and for nothing that came up since.
2. Nobody answers their own. The page says so; the server decides it.
"""

from typing import Any

from starlette.responses import Response

from policies.acts import Act
from shared.ids import id_of
from shared.outcomes import Hold, Outcome
from shared.problems import Code, Problem, Refused
from shared.records import Approval, ApprovalChoice, ApprovalStatus, Record
from sync_server.console.blocks import (
    Button,
    Facts,
    Field,
    Form,
    Link,
    Mono,
    Note,
    Page,
    Said,
    Section,
    Several,
    Small,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.commands import command_facts, waiting_section
from sync_server.console.deciding import Deed, seen_of, took_effect
from sync_server.console.pages import label, shown
from sync_server.console.paging import Listing, listing
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.console.ways import record_link
from sync_server.office import Office
from sync_server.store import Entry

_LISTING = Listing(
    kind="approval",
    path="/console/approvals",
    title=Said("Approvals"),
    columns=(
        Said("Record"),
        Said("What would change"),
        Said("Asked by"),
        Said("An answer counts until"),
        Said("State"),
    ),
    empty=Said("Nothing waits for a second person. What policy wants approved by somebody else is listed here."),
    waiting=(ApprovalStatus.PENDING.value,),
)


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """The questions that wait for an answer, or all of them."""
    return listing(office, visit, _LISTING, _row, problem)


def _row(record: Record) -> tuple[Any, ...]:
    body = Approval.model_validate(record.fields)
    effect = tuple(_change(each.field, each.old, each.new) for each in body.effect[:3])
    return (
        Link(id_of(body.record), f"/console/approvals/{id_of(record.ref)}"),
        Several(effect),
        Several((body.requested_by, Small(body.requested_at))),
        body.expires_at,
        state_of("approval", body.status),
    )


def _change(name: str, old: Any, new: Any) -> Said:
    return said("{field}: {old} → {new}", field=label(name), old=_text(old), new=_text(new))


def _text(value: Any) -> str:
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One question."""
    matter = office.matter(visit.tenant, "approval", visit.named["approval"])
    body = Approval.model_validate(matter.record.fields)
    entry = office.entry(visit.tenant, body.command)
    open_ = body.status is ApprovalStatus.PENDING
    blocks = (
        Facts(
            (
                (Said("State"), state_of("approval", body.status)),
                (Said("Asked by"), Several((body.requested_by, Small(body.requested_at)))),
                (Said("An answer counts until"), body.expires_at),
                (Said("Asked"), said("{n}×", n=matter.record.version - (not open_))),
                *(
                    ((Said("Answered by"), body.decided_by or "–"), (Said("Reason"), body.reason))
                    if not open_
                    else ()
                ),
            )
        ),
        _effect(body, Said("Now") if open_ else Said("When it was asked")),
        *((_answer_form(visit, body, matter.record.version),) if open_ else ()),
        _evidence(body, entry),
        waiting_section(tuple(each for each in matter.waiting if each.command.id != body.command)),
    )
    title = said("Approval: {record}", record=id_of(body.record))
    trail = (Link(Said("Approvals"), "/console/approvals"),)
    return shown(visit, Page(title, blocks, trail), problem)


def _effect(body: Approval, before: Said) -> Table:
    rows = tuple((label(each.field), record_link(each.record), each.old, each.new) for each in body.effect)
    columns = (Said("Field"), Said("Record"), before, Said("Afterwards"))
    return Table(Said("What would change, exactly"), columns, rows, Said("It changes no field of a record."))


def _answer_form(visit: Visit, body: Approval, version: int) -> Section:
    why = visit.refusals.get(Act.APPROVE)
    if why is None and body.requested_by == visit.actor:
        why = Said("you asked for it yourself; somebody else must answer")
    fields = (
        Field("seen", "", "hidden", str(version)),
        Field("reason", Said("Reason"), hint=Said("its author reads it; needed for a no"), most=400),
    )
    buttons = (
        Button("approve", Said("Approve"), why_not=why),
        *(() if why else (Button("refuse", Said("Do not approve"), quiet=True),)),
    )
    told = Text(Said("Your answer is for exactly what is shown here. If the record changes first, it is asked anew."))
    return Section(Said("Your answer"), (told, Form("answer", fields, buttons)))


def _evidence(body: Approval, entry: Entry | None) -> Section:
    bound = (
        (Said("Command"), Mono(body.command, copy=True)),
        (Said("Hash of its signed bytes"), Mono(body.command_hash, copy=True)),
        (Said("Versions that it rests on"), Several(tuple(f"{ref}: {v}" for ref, v in body.versions.items()))),
    )
    if entry is None:
        return Section(Said("Evidence"), (Facts(bound), Note(Said("The command itself was purged."), Tone.PLAIN)))
    return Section(Said("Evidence"), (Facts(bound), *command_facts(entry)))


def _approve(office: Office, visit: Visit) -> str:
    return _decide(office, visit, ApprovalChoice.APPROVE)


def _refuse(office: Office, visit: Visit) -> str:
    if not visit.text("reason"):
        raise Refused(Code.MALFORMED, "say why: its author is told")
    return _decide(office, visit, ApprovalChoice.REFUSE)


def _decide(office: Office, visit: Visit, choice: ApprovalChoice) -> str:
    named, reason = visit.named["approval"], visit.text("reason")
    decided = office.decide_approval(visit.tenant, visit.actor, named, choice, reason, seen=seen_of(visit))
    took_effect(decided.receipt)
    subject = decided.subject
    if choice is ApprovalChoice.REFUSE:
        return "not_approved"
    if subject.hold is Hold.DEFERRED:
        return "asked_anew"
    return "approved_void" if subject.outcome in {Outcome.REJECTED, Outcome.EXPIRED} else "approved"


DEEDS = {"approve": Deed(Act.APPROVE, _approve), "refuse": Deed(Act.APPROVE, _refuse)}
