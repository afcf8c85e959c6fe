"""Pages from templates, with the headers that every one of them has.

Rules
1. A template that asks for what is not there is a fault, not an empty place.
2. A page runs our own files and nothing else, is framed by nobody, and is kept by no cache.

Source: W3C Content Security Policy, level 3; RFC 9111 (no-store).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.ids import id_of
from shared.problems import Code, Problem
from sync_server.console.visit import COOKIE, Visit

SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PAGE = {**SAFE, "Cache-Control": "no-store"}
_VALUE_CHARS = 400


def page(visit: Visit, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """The template `name` filled with `values`."""
    shown = _templates().get_template(name).render(visit=visit, **values)
    return HTMLResponse(shown, status, _PAGE)


def moved(path: str) -> Response:
    """After a form: look at `path`."""
    return RedirectResponse(path, 303, dict(_PAGE))


def with_session(answer: Response, token: str, *, secure: bool) -> Response:
    """`answer`, and the browser keeps `token` until it is closed; none any more if it is empty."""
    if token:
        answer.set_cookie(COOKIE, token, path="/console", httponly=True, samesite="strict", secure=secure)
    else:
        answer.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict", secure=secure)
    return answer


def value_text(value: Any) -> str:
    """A field's value as people read it."""
    match value:
        case None | "" | [] | ():
            return "(nothing)"
        case bool():
            return "yes" if value else "no"
        case str():
            return value if len(value) <= _VALUE_CHARS else f"{value[:_VALUE_CHARS]}… ({len(value)} characters)"
        case int() | float():
            return str(value)
        case _:
            return value_text(json.dumps(value, ensure_ascii=False))


def label(name: str) -> str:
    """A field's name as people read it."""
    return name.replace("_", " ")


def when(at: datetime) -> str:
    """An instant to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def told(problem: Problem) -> str:
    """What went wrong and what to do. Of a form that was not filled in well the detail says both."""
    detail = f"{problem.detail[:1].upper()}{problem.detail[1:]}".rstrip(".") + "."
    return detail if problem.code is Code.MALFORMED else f"{detail} {problem.remedy}"


@cache
def _templates() -> Environment:
    made = Environment(loader=PackageLoader("sync_server.console"), autoescape=True, undefined=StrictUndefined)
    made.filters |= {"value": value_text, "label": label, "when": when, "bare": id_of, "told": told}
    return made
