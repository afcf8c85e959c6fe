"""What a reader chooses for this browser: the language, and whether single keys do something; and what those are."""

from starlette.responses import Response

from policies.acts import Act
from shared.problems import Problem
from sync_server.console.blocks import Button, Facts, Field, Form, Link, Mono, Page, Said, Section, Text
from sync_server.console.deciding import Deed
from sync_server.console.pages import moved, shown
from sync_server.console.visit import KEYS_COOKIE, LANGUAGE_COOKIE, Visit
from sync_server.console.words import NAMES
from sync_server.office import Office

_KEYS = (
    ("o, d, t", Said("on a conflict: the office's value, the device's, another one")),
    ("n, p", Said("on a conflict: the next field, the one before; in a list: n goes to the next page")),
    ("g", Said("on a conflict: go to Resolve; it is pressed with Enter, not by the letter")),
    ("/", Said("go to the filter")),
    ("?", Said("this page")),
)
_YEAR_S = 365 * 24 * 3600
_LANGUAGE_TOLD = Said(
    "The language is your choice here, or else the first one that your browser asks for and that is here. What the "
    "server's rules word, such as why work was refused, is English."
)


def show(_office: Office, visit: Visit, problem: Problem | None) -> Response:
    """The settings of this browser."""
    field = Field("keys", Said("Single letters do something while nobody types"), "check", "on" if visit.keys else "")
    blocks = (
        Section(Said("Keys"), (Form("keys", (field,), (Button("keys", Said("Save")),)), Facts(_rows()))),
        Section(
            Said("You"),
            (
                Facts(
                    (
                        (Said("Person"), visit.someone.person.name),
                        (Said("Organisation"), visit.tenant),
                        (Said("Roles"), ", ".join(sorted(visit.someone.person.roles))),
                    )
                ),
                Text(Link(Said("Set another password"), f"/console/people/{visit.actor}")),
            ),
        ),
        Section(
            Said("Times and language"),
            (
                Text(Said("Times are shown in this computer's zone, and in UTC where the mouse rests.")),
                Text(_LANGUAGE_TOLD),
                Form("language", (_language(visit),), (Button("language", Said("Save")),)),
            ),
        ),
    )
    return shown(visit, Page(Said("Settings"), blocks), problem)


def _language(visit: Visit) -> Field:
    choices = (("", Said("as the browser asks")), *sorted(NAMES.items(), key=lambda each: each[1]))
    return Field("language", Said("The language of these pages"), "select", visit.language_chosen, choices)


def _rows() -> tuple[tuple[Mono, Said], ...]:
    return tuple((Mono(keys), what) for keys, what in _KEYS)


def _keep(_office: Office, visit: Visit) -> Response:
    return _kept(visit, KEYS_COOKIE, "on" if visit.form.get("keys") else "off")


def _speak(_office: Office, visit: Visit) -> Response:
    chosen = visit.form.get("language", "")
    return _kept(visit, LANGUAGE_COOKIE, chosen if chosen in NAMES else "")


def _kept(visit: Visit, name: str, value: str) -> Response:
    """Keep it in this browser, and show the settings again."""
    answer, path = moved(f"{visit.path}?done=kept"), "/console"
    if value:
        age = _YEAR_S
        answer.set_cookie(name, value, max_age=age, path=path, httponly=True, samesite="strict", secure=visit.secure)
    else:
        answer.delete_cookie(name, path=path, httponly=True, samesite="strict", secure=visit.secure)
    return answer


DEEDS = {"keys": Deed(Act.LOOK, _keep), "language": Deed(Act.LOOK, _speak)}
