"""A page and what its buttons do, as a table's rows.

Rules
1. A page takes one act to look at; each of its buttons takes one of its own, whatever the page showed.
2. A button that is refused shows the page again, as it was filled in, with what went wrong.
3. What was done is said on the page that comes next, in words of ours: an address names them, and says
   nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from policies.acts import Act
from reconciliation.explain import explain
from shared.outcomes import EFFECTIVE, Reason, Receipt
from shared.problems import Code, Problem, Refused
from sync_server.console.blocks import Said
from sync_server.console.pages import moved
from sync_server.console.visit import Visit
from sync_server.office import Office

Show = Callable[[Office, Visit, Problem | None], Response]
#: Does it, and says what was done (a word of `DONE`), where to look next (a path), or what is shown this once.
Do = Callable[[Office, Visit], str | Response]

DONE: Mapping[str, Said] = {
    "approved": Said("Approved, and in force."),
    "approved_void": Said("The answer is kept, and changed nothing: see what became of the command."),
    "asked_anew": Said("The record changed since this was asked, so it is asked anew. Look, then answer."),
    "not_approved": Said("Not approved. Its author is told why."),
    "asked": Said("The question is sent with the technician's next contact."),
    "together": Said("All that you ticked are decided. The technicians are told at their next contact."),
    "undone": Said("Taken back: the values from before stand, and the conflict waits again."),
    "settled": Said("Decided in part; the rest still waits."),
    "revoked": Said("Revoked. What it still brings is kept for review."),
    "device_approved": Said("Approved. It syncs from its next contact on."),
    "rejected": Said("Rejected. It may not sync; what it still brings is kept for review."),
    "key_ended": Said("Its key has run out. What it brings is settled; it gets nothing before the key is renewed."),
    "key_renewed": Said("Its key is good for another year."),
    "readmitted": Said("It syncs again, in a new epoch. What is in quarantine stays there until somebody decides."),
    "released": Said("Released. It was decided as it would have been; what became of it stands there."),
    "dismissed": Said("Dismissed. Its author is told why."),
    "written": Said("Settled. What you said is kept with the write, under your name."),
    "retrying": Said("It is tried again; the other side is asked first whether it happened."),
    "saved": Said("Saved. Laptops learn it at their next contact."),
    "kept": Said("Kept in this browser."),
    "held": Said("Kept. It takes effect when somebody else approves it."),
    "created": Said("Created. It holds from now on."),
    "password": Said("The password is set. Whoever was signed in with the old one no longer is."),
    "closed": Said("The account is closed."),
    "published": Said("Published. It is in force nowhere until it is rolled out."),
    "rolled_out": Said("Rolled out. Laptops learn it at their next contact."),
    "rolled_back": Said("Rolled back: the older content is in force under a new number."),
    "withdrawn": Said("Withdrawn. Laptops go back to what holds without it."),
    "verified": Said("Every link is sound."),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """What a button does, and the act that it takes."""

    act: Act
    do: Do


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: where it is, what it takes to look at it, what shows it, and what its buttons do."""

    path: str
    look: Act
    show: Show
    deeds: Mapping[str, Deed] = field(default_factory=dict)


def answer(office: Office, visit: Visit, sheet: Sheet) -> Response:
    """The page, or what becomes of its form. Raises `Refused` for a button that is not open to its reader."""
    asked = visit.form.get("act", "preview") if visit.method == "POST" else "preview"
    if asked == "preview":
        return sheet.show(office, visit, None)
    deed = sheet.deeds.get(asked)
    if deed is None:
        raise Refused(Code.MALFORMED, f"the page has no button {asked[:40]}")
    if why := visit.refusals.get(deed.act):
        raise Refused(Code.NOT_PERMITTED, why.text.format_map(why.values))
    try:
        done = deed.do(office, visit)
    except Refused as refused:
        return sheet.show(office, visit, refused.problem)
    if isinstance(done, Response):
        return done
    return moved(done if done.startswith("/") else f"{visit.path}?done={done}")


def took_effect(receipt: Receipt) -> None:
    """Raises `Refused` if it did not."""
    if receipt.outcome in EFFECTIVE:
        return
    code = Code.STALE if receipt.reason is Reason.STALE else Code.MALFORMED
    raise Refused(code, receipt.detail or explain(receipt))


def seen_of(visit: Visit) -> int | None:
    """The version of the record that the page showed."""
    told = visit.form.get("seen", "")
    return int(told) if told.isdecimal() and len(told) < 16 else None
