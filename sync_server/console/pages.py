"""Pages from templates, with the headers that every one of them has.

Rules
1. A template that asks for what is not there is a fault, not an empty place.
2. A page runs our own files and nothing else, is framed by nobody, and is kept by no cache.
3. Most pages are `sync_server.console.blocks`, which one template shows.

Source: W3C Content Security Policy, level 3; RFC 9111 (no-store).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.ids import id_of
from shared.problems import Code, Problem
from sync_server.console import blocks
from sync_server.console.blocks import Form, Note, Page, Quoted, Said, Tone, filled
from sync_server.console.visit import COOKIE, Visit
from sync_server.console.words import Sayer, sayer

SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PAGE = {**SAFE, "Cache-Control": "no-store"}
_VALUE_CHARS = 400
#: Fields whose values are names from a closed list, and those that name a record.
_CODES = frozenset({"status", "priority", "activity"})
_RECORDS = frozenset({"asset", "parent"})


def page(visit: Visit, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """The template `name` filled with `values`."""
    shown = _templates(visit.language).get_template(name).render(visit=visit, **values)
    return HTMLResponse(shown, status, _PAGE)


def shown(visit: Visit, told: Page, problem: Problem | None = None, status: int = 200) -> Response:
    """A page of blocks; after a form that was refused with what went wrong, and as it was filled in."""
    alert = (Note(Quoted(told_of(problem)), Tone.NEEDS, alert=True),) if problem else ()
    values = {"page": told, "alert": alert, "form_of": partial(_as_filled, visit)}
    return page(visit, "page.html", values, problem.status if problem else status)


def _as_filled(visit: Visit, form: Form) -> Form:
    return filled(form, visit.form)


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


def value_text(value: Any, say: Sayer = sayer("en")) -> str:  # noqa: B008  # the same for everybody
    """A field's value as people read it."""
    match value:
        case None | "" | [] | () | {}:
            return say("(nothing)")
        case bool():
            return say("yes") if value else say("no")
        case str():
            if len(value) <= _VALUE_CHARS:
                return value
            return say("{start}… ({number} characters)", start=value[:_VALUE_CHARS], number=len(value))
        case int() | float():
            return str(value)
        case _:
            return value_text(json.dumps(value, ensure_ascii=False, default=str), say)


def label(name: str) -> str:
    """A field's name as people read it."""
    return name.replace("_", " ")


def in_words(value: Any, name: str) -> Any:
    """The value of the field `name` without what only programs need: underscores, and the kind of a record."""
    if not isinstance(value, str):
        return value
    return label(value) if name in _CODES else id_of(value) if name in _RECORDS else value


def when(at: datetime) -> str:
    """An instant to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def told_of(problem: Problem) -> str:
    """What went wrong and what to do. Of a form that was not filled in well the detail says both."""
    detail = f"{problem.detail[:1].upper()}{problem.detail[1:]}".rstrip(".") + "."
    return detail if problem.code is Code.MALFORMED else f"{detail} {problem.remedy}"


def _is(kind: type) -> Any:
    return lambda value: isinstance(value, kind)


@cache
def _templates(language: str) -> Environment:
    say = sayer(language)
    made = Environment(
        loader=PackageLoader("sync_server.console"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = say
    shown_value = partial(value_text, say=say)
    made.filters |= {"value": shown_value, "label": label, "when": when, "bare": id_of, "told": told_of, "t": say}
    made.filters["in_words"] = in_words
    kinds = (
        "Said",
        "State",
        "Link",
        "Mono",
        "Quoted",
        "Several",
        "Small",
        "Pick",
        "Note",
        "Text",
        "Facts",
        "Table",
        "Form",
        "Ways",
    )
    made.tests |= {f"a_{name.lower()}": _is(getattr(blocks, name)) for name in (*kinds, "Section", "Picture")}
    made.tests["a_time"] = _is(datetime)
    return made


__all__ = [
    "SAFE",
    "Said",
    "in_words",
    "label",
    "moved",
    "page",
    "shown",
    "told_of",
    "value_text",
    "when",
    "with_session",
]
