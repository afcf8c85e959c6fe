"""Writes to systems of record that a person must settle: what was tried, what the other side says, and the verdict.

Rules
1. "It happened" takes the other side's own name for it; a wrong verdict would double a write or lose one.
2. "Try again" is a person's word that nothing happened so far; the other side is still asked before anything is sent.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from shared.commands.external_decided import ExternalDecided
from shared.ids import id_of
from shared.problems import Code, Problem, Refused
from shared.records import (
    REFUSED_UNSETTLED,
    ExternalWrite,
    Record,
    WriteStatus,
    WriteVerdict,
    waits_for_a_person,
)
from shared.records import (
    state_of as record_state_of,
)
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
    Small,
    Text,
    Tone,
    said,
)
from sync_server.console.commands import command_facts
from sync_server.console.deciding import Deed, seen_of, took_effect
from sync_server.console.pages import shown
from sync_server.console.paging import Listing, listing
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.console.ways import record_link
from sync_server.office import Office
from sync_server.store import OutgoingEntry

_LISTING = Listing(
    kind="external_write",
    path="/console/parked",
    title=Said("Parked writes"),
    columns=(Said("Record"), Said("System"), Said("Tried"), Said("What the other side says"), Said("State")),
    empty=Said(
        "No write waits for a person. Where nobody can tell whether another system did what it was asked, it is "
        "listed here."
    ),
    waiting=(WriteStatus.PARKED.value, REFUSED_UNSETTLED),
)
_VERDICTS: Mapping[str, tuple[WriteVerdict, str]] = {
    "happened": (WriteVerdict.IT_HAPPENED, "written"),
    "did_not": (WriteVerdict.IT_DID_NOT, "written"),
    "retry": (WriteVerdict.RETRY, "retrying"),
}


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Those that wait for a person, or all of them."""
    return listing(office, visit, _LISTING, _row, problem)


def _row(record: Record) -> tuple[Any, ...]:
    body = ExternalWrite.model_validate(record.fields)
    return (
        Link(id_of(body.record), f"/console/parked/{id_of(record.ref)}"),
        body.system,
        said("sent {n}×", n=body.attempts),
        body.detail or body.reference,
        _state(record),
    )


def _state(record: Record) -> Any:
    return state_of("external_write", record_state_of(record.kind, record.fields) or "")


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One write."""
    record = office.record(visit.tenant, f"external_write/{visit.named['command']}")
    body, row = ExternalWrite.model_validate(record.fields), office.outgoing_of(visit.tenant, id_of(record.ref))
    entry = office.entry(visit.tenant, body.command)
    waits = waits_for_a_person(record.fields)
    blocks = (
        Facts(
            (
                (Said("State"), _state(record)),
                (Said("System"), body.system),
                (Said("Record"), record_link(body.record)),
                (Said("What the other side says"), body.detail),
                (Said("Its name there"), body.reference),
                *(((Said("Settled by"), body.decided_by), (Said("Reason"), body.reason)) if body.decided_by else ()),
            )
        ),
        _tried(body, row),
        *((_verdict(visit, record.version),) if waits else ()),
        Section(Said("The command behind it"), tuple(command_facts(entry)) if entry else (_PURGED,)),
    )
    title = said("Write to {system}: {record}", system=body.system, record=id_of(body.record))
    return shown(visit, Page(title, blocks, (Link(Said("Parked writes"), "/console/parked"),)), problem)


_PURGED = Note(Said("The command was purged; its receipt is in the audit."), Tone.PLAIN)


def _tried(body: ExternalWrite, row: OutgoingEntry | None) -> Section:
    key = (
        (Said("Idempotency key"), Mono(body.command, copy=True)),
        (Said("Sent"), said("{n}×", n=body.attempts)),
    )
    if row is None:
        return Section(Said("What was tried"), (Facts(key),))
    doubt = Said("yes: it may have been sent") if row.in_doubt else Said("no")
    sent = Mono(json.dumps(dict(row.outgoing.body), ensure_ascii=False, indent=1))
    rows = (
        *key,
        (Said("Decided"), row.queued_at),
        (Said("Last sent"), row.last_sent_at or Said("never")),
        (Said("In doubt"), doubt),
        (Said("What was to be written"), Small(sent)),
    )
    return Section(Said("What was tried"), (Facts(rows),))


def _verdict(visit: Visit, version: int) -> Section:
    why = visit.refusals.get(Act.REVIEW)
    fields = (
        Field("seen", "", "hidden", str(version)),
        Field("reference", Said("The other side's name for it"), hint=Said("needed if it happened"), most=200),
        Field("reason", Said("How you know"), hint=Said("it stays in the audit"), required=True),
    )
    buttons = (
        Button("happened", Said("It happened"), why_not=why),
        *(
            ()
            if why
            else (
                Button("did_not", Said("It did not, and shall not"), quiet=True),
                Button("retry", Said("Try again"), quiet=True),
            )
        ),
    )
    told = Text(
        Said(
            "Look it up in the other system under the idempotency key first. If it happened, say under which name; "
            "if it did not, say whether it shall be tried again."
        )
    )
    return Section(Said("Settle it"), (told, Form("verdict", fields, buttons)))


def _settle(act: str) -> Deed:
    verdict, done = _VERDICTS[act]

    def do(office: Office, visit: Visit) -> str:
        reference = visit.text("reference") if verdict is WriteVerdict.IT_HAPPENED else ""
        try:
            decided = ExternalDecided(verdict=verdict, reference=reference, reason=visit.text("reason"))
        except ValueError as error:
            words = "say how you know; and if it happened, also the other side's name for it"
            raise Refused(Code.MALFORMED, words) from error
        named = visit.named["command"]
        took_effect(office.decide_external(visit.tenant, visit.actor, named, decided, seen=seen_of(visit)))
        return done

    return Deed(Act.REVIEW, do)


DEEDS = {act: _settle(act) for act in _VERDICTS}
