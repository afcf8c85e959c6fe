"""People: who works here, what they may do, whose records they see, and who can sign in.

Rules
1. Roles are an organisation's; what each may do is the product's (`policies/acts`), and is shown beside them.
2. A password is set by an administrator or by its owner, and shown to nobody. Setting one signs that person out.
"""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from shared.commands.base import Role
from shared.problems import Code, Problem, Refused
from sync_server.console.blocks import Button, Facts, Field, Form, Link, Page, Said, Section, Table, Text, said
from sync_server.console.deciding import Deed
from sync_server.console.narrowing import cut, empty_of, narrow_form, narrowed
from sync_server.console.pages import shown
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.store import Account, Person

_ROLES = tuple(role for role in Role if role is not Role.SERVICE)
#: What each role is for, in a line.
_MEANING = {
    Role.TECHNICIAN: Said("works in the field, on a laptop"),
    Role.DISPATCHER: Said("plans work, and settles conflicts"),
    Role.RESOLVER: Said("settles conflicts, quarantine and parked writes"),
    Role.APPROVER: Said("gives a second person's yes"),
    Role.ADMIN: Said("looks after people, laptops, policies and models"),
    Role.AUDITOR: Said("reads everything, the audit too, and changes nothing"),
}
_COLUMNS = (Said("Person"), Said("Name"), Said("Roles"), Said("Sees"), Said("Can sign in"))
_NOBODY = Said("Nobody works here yet. The first administrator is made on the server: tailboard-server person add.")


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Everybody."""
    accounts = {each.person: each for each in office.accounts(visit.tenant)}
    rows = tuple(tuple(_row(each, accounts.get(each.id))) for each in office.people(visit.tenant))
    page, more = cut(narrowed(rows, visit), visit)
    why = visit.refusals.get(Act.ADMINISTER)
    blocks = (
        narrow_form(visit),
        Table(Said("People"), _COLUMNS, page, empty_of(visit, _NOBODY), more),
        Section(Said("What the roles are for"), (Facts(tuple((role.value, _MEANING[role]) for role in _ROLES)),)),
        Section(
            Said("Add somebody"),
            (Form("add", tuple(_fields(None)), (Button("add", Said("Add"), why_not=why),)),),
            folded=True,
            open=problem is not None,
        ),
    )
    return shown(visit, Page(Said("People"), blocks), problem)


def _row(person: Person, account: Account | None) -> Iterator[Any]:
    yield Link(person.id, f"/console/people/{person.id}")
    yield person.name
    yield ", ".join(sorted(person.roles)) or "–"
    yield Said("everything") if person.teams is None else ", ".join(sorted(person.teams)) or Said("nothing")
    yield account.set_at if account else Said("no")


def _fields(person: Person | None) -> Iterator[Field]:
    if person is None:
        yield Field("person", Said("Short name"), hint=Said("letters, digits, . _ -"), required=True, most=64)
    yield Field("name", Said("Name"), value=person.name if person else "", required=True, most=120)
    for role in _ROLES:
        told = said("{role}: {meaning}", role=role.value, meaning=_MEANING[role])
        yield Field(f"role.{role}", told, "check", "on" if person and role in person.roles else "")
    teams = ", ".join(sorted(person.teams)) if person and person.teams is not None else ""
    yield Field("teams", Said("Teams"), value=teams, hint=Said("whose records they see; empty: all"), most=400)


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """One person."""
    person = _person(office, visit)
    account = next((each for each in office.accounts(visit.tenant) if each.person == person.id), None)
    why = visit.refusals.get(Act.ADMINISTER)
    own = person.id == visit.actor
    rows = tuple(zip(_COLUMNS, _row(person, account), strict=True))
    password = (
        Field(
            "password", Said("New password"), "password", hint=Said("12 to 128 characters; a sentence is a good one")
        ),
    )
    close = (Field("closing", said("Type {name} to confirm", name=person.id), "confirm", person.id),)
    blocks = (
        Facts((*rows[1:], (Said("Laptops"), _laptops(office, visit, person)))),
        Section(
            Said("Change"), (Form("change", tuple(_fields(person)), (Button("change", Said("Save"), why_not=why),)),)
        ),
        Section(
            Said("Password"),
            (Form("secret", password, (Button("password", Said("Set it"), why_not=None if own else why),)),),
        ),
        Section(
            Said("Close the account"),
            (
                Text(Said("They can no longer sign in here. Their laptop goes on; to stop it, revoke it.")),
                Form("close", close, (Button("close", Said("Close the account"), why_not=why),)),
            ),
            folded=True,
        ),
        Text(Link(Said("Everything that the audit says of them"), f"/console/audit?person={person.id}")),
    )
    return shown(visit, Page(person.name, blocks, (Link(Said("People"), "/console/people"),)), problem)


def _laptops(office: Office, visit: Visit, person: Person) -> str:
    return ", ".join(each.id for each in office.devices(visit.tenant) if each.actor == person.id) or "–"


def _person(office: Office, visit: Visit) -> Person:
    named = visit.named["person"]
    found = next((each for each in office.people(visit.tenant) if each.id == named), None)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no person {named}")
    return found


def _told(visit: Visit, person: str) -> Person:
    roles = frozenset(role for role in _ROLES if visit.form.get(f"role.{role}"))
    teams = frozenset(each.strip() for each in visit.text("teams").split(",") if each.strip())
    if not visit.text("name"):
        raise Refused(Code.MALFORMED, "say what they are called")
    return Person(person, visit.text("name")[:120], roles, teams or None)


def _add(office: Office, visit: Visit) -> str:
    person = visit.text("person")
    if any(each.id == person for each in office.people(visit.tenant)):
        raise Refused(Code.STALE, f"{person} works here already; open them to change something")
    office.put_person(visit.tenant, _told(visit, person), visit.actor)
    return f"/console/people/{person}?done=created"


def _change(office: Office, visit: Visit) -> str:
    person = _person(office, visit)
    told = _told(visit, person.id)
    if person.id == visit.actor and Role.ADMIN not in told.roles:
        raise Refused(Code.MALFORMED, "you would no longer be an administrator; another one can do that")
    office.put_person(visit.tenant, told, visit.actor)
    return "saved"


def _password(office: Office, visit: Visit) -> str:
    named = visit.named["person"]
    if named != visit.actor and (why := visit.refusals.get(Act.ADMINISTER)):
        raise Refused(Code.NOT_PERMITTED, why.text.format_map(why.values))
    office.set_password(visit.tenant, named, visit.form.get("password", ""), visit.actor)
    return "password"


def _close(office: Office, visit: Visit) -> str:
    named = visit.named["person"]
    if visit.text("closing") != named:
        raise Refused(Code.MALFORMED, f"type {named} to confirm; nothing was done")
    office.close_account(visit.tenant, named, visit.actor)
    return "closed"


LIST_DEEDS = {"add": Deed(Act.ADMINISTER, _add)}
DEEDS = {
    "change": Deed(Act.ADMINISTER, _change),
    "password": Deed(Act.LOOK, _password),
    "close": Deed(Act.ADMINISTER, _close),
}
