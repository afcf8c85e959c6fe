"""The quarantine: what was set apart and why, looked at, then released or dismissed.

Rules
1. Whoever decides sees the arguments, what their author saw, and what waits on it.
2. Several are decided together only by ticking each; a reason goes with it.
"""

from typing import Any

from starlette.responses import Response

from policies.acts import Act
from shared.problems import Code, Problem, Refused
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Link,
    Note,
    Page,
    Pick,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.commands import command_facts, summary_of, waiting_section
from sync_server.console.deciding import Deed
from sync_server.console.narrowing import empty_of, narrow_form, narrowed
from sync_server.console.pages import shown
from sync_server.console.visit import Visit
from sync_server.console.ways import device_link
from sync_server.office import Office
from sync_server.store import Entry

SHOWN = 100
_FORM = "review"
_COLUMNS = (
    Said("Decide"),
    Said("What"),
    Said("By"),
    Said("Confirmed"),
    Said("Received"),
    Said("Why it is set apart"),
)
_EMPTY = Said(
    "Nothing waits for review. What a revoked or forked laptop brings, and what cannot be trusted otherwise, is kept "
    "here and has no effect."
)


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """What waits for review, in the order of receipt."""
    device = visit.query.get("device") or None
    found = office.quarantine_page(visit.tenant, device, SHOWN + 1)
    table = Table(
        Said("Quarantine"), _COLUMNS, narrowed(tuple(map(_row, found[:SHOWN])), visit), empty_of(visit, _EMPTY)
    )
    left = said("The first {number} are shown; decide these, and the next come up.", number=SHOWN)
    total = visit.frame.waiting.quarantined if visit.frame else 0
    blocks = (
        *((Text(left),) if len(found) > SHOWN else ()),
        narrow_form(visit),
        table,
        *((Section(Said("Decide those that are ticked"), (_form(visit),)),) if found else ()),
    )
    return shown(
        visit, Page(Said("Quarantine"), blocks, lead=said("{number} wait for review.", number=total)), problem
    )


def _row(entry: Entry) -> tuple[Any, ...]:
    command = entry.command
    what = summary_of(command)
    return (
        Pick(f"pick.{command.id}", said("Decide {what}", what=what), _FORM),
        Link(what, f"/console/quarantine/{command.id}"),
        Several((command.actor, Small(device_link(command.device)))),
        command.issued_at,
        entry.received_at,
        Quoted(entry.problem.detail) if entry.problem else "–",
    )


def _form(visit: Visit) -> Form:
    why = visit.refusals.get(Act.REVIEW)
    reason = Field("reason", Said("Reason"), hint=Said("authors of what is dismissed read it"), required=True)
    buttons = (
        Button("release", Said("Release"), why_not=why),
        *(() if why else (Button("dismiss", Said("Dismiss"), quiet=True),)),
    )
    return Form(_FORM, (reason,), buttons)


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One command that was set apart; if it no longer is, what became of it."""
    named = visit.named["command"]
    entry = office.entry(visit.tenant, named)
    if entry is None:
        raise Refused(Code.NOT_FOUND, f"there is no command {named}")
    trail = (Link(Said("Quarantine"), "/console/quarantine"),)
    title = summary_of(entry.command)
    if entry.hold != "quarantined":
        over = Note(Said("It is no longer in quarantine."), Tone.PLAIN)
        return shown(visit, Page(title, (over, *command_facts(entry)), trail), problem)
    found = office.quarantined(visit.tenant, named)
    blocks = (
        *(
            (Note(Said("Its author took it back; releasing it does nothing."), Tone.NEEDS),)
            if found.withdrawn
            else ()
        ),
        *command_facts(entry),
        *_effect_of_release(entry),
        *((_released(found.released_as),) if found.released_as else (Section(Said("Decide"), (_form(visit),)),)),
        waiting_section(found.waiting),
    )
    return shown(visit, Page(title, blocks, trail), problem)


def _effect_of_release(entry: Entry) -> tuple[Text, ...]:
    words = (
        said(
            "Released, it takes effect once, in your name, on what its author saw: what changed since becomes a "
            "conflict and is not overwritten."
        ),
        said("Dismissed, it never takes effect, and {author} is told why.", author=entry.command.actor),
    )
    return tuple(map(Text, words))


def _released(given: str) -> Note:
    return Note(said("It was released as {given}, which is not settled yet.", given=given), Tone.PLAIN)


def _picked(visit: Visit) -> list[str]:
    if command := visit.named.get("command"):
        return [command]
    found = sorted(name.removeprefix("pick.") for name in visit.form if name.startswith("pick."))
    if not found:
        raise Refused(Code.MALFORMED, "tick at least one command")
    return found


def _release(office: Office, visit: Visit) -> str:
    office.release(visit.tenant, _picked(visit), visit.actor, visit.text("reason"))
    return "released"


def _dismiss(office: Office, visit: Visit) -> str:
    office.dismiss(visit.tenant, _picked(visit), visit.actor, visit.text("reason"))
    return "dismissed"


DEEDS = {"release": Deed(Act.REVIEW, _release), "dismiss": Deed(Act.REVIEW, _dismiss)}
