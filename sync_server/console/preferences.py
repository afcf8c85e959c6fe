"""What a reader chooses for this browser: whether single keys do something. And what the keys are."""

from starlette.responses import Response

from policies.acts import Act
from shared.problems import Problem
from sync_server.console.blocks import Button, Facts, Field, Form, Link, Mono, Page, Said, Section, Text
from sync_server.console.deciding import Deed
from sync_server.console.pages import moved, shown
from sync_server.console.visit import KEYS_COOKIE, Visit
from sync_server.office import Office

_KEYS = (
    ("o, d, t", Said("on a conflict: the office's value, the device's, another one")),
    ("n, p", Said("on a conflict: the next field, the one before; in a list: n goes to the next page")),
    ("g", Said("on a conflict: go to Resolve; it is pressed with Enter, not by the letter")),
    ("/", Said("go to the filter")),
    ("?", Said("this page")),
)
_YEAR_S = 365 * 24 * 3600


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
                Text(Said("The language is the first one that your browser asks for and that is here.")),
            ),
        ),
    )
    return shown(visit, Page(Said("Settings"), blocks), problem)


def _rows() -> tuple[tuple[Mono, Said], ...]:
    return tuple((Mono(keys), what) for keys, what in _KEYS)


def _keep(_office: Office, visit: Visit) -> Response:
    answer = moved(f"{visit.path}?done=saved")
    value = "on" if visit.form.get("keys") else "off"
    path, age = "/console", _YEAR_S
    answer.set_cookie(
        KEYS_COOKIE, value, max_age=age, path=path, httponly=True, samesite="strict", secure=visit.secure
    )
    return answer


DEEDS = {"keys": Deed(Act.LOOK, _keep)}
