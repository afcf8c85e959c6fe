"""Signing in and out; and signing in again without losing what was typed.

Rules
1. A form that arrives after the sign-in ran out is carried through it as hidden fields, and shown again afterwards.
   It is not acted on until its author sends it again.
2. After the sign-in somebody goes where they wanted to, and nowhere outside these pages.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from shared import strict_json
from shared.problems import Code, Refused
from sync_server.console.pages import moved, page, with_session
from sync_server.console.visit import TOKEN_FIELD, Form, Visit, form_token, own_path
from sync_server.office import Office

_CARRIED_CHARS_MAX = 200_000


def show(office: Office, visit: Visit) -> Response:
    """The form to sign in; whoever is signed in goes on."""
    if visit.token and office.signed_in(visit.token):
        return moved(own_path(visit.query.get("to", "")))
    return _form(visit, visit.query.get("to", ""), {})


def ask(visit: Visit) -> Response:
    """Somebody must sign in before they get what they asked for."""
    carried = {name: value for name, value in visit.form.items() if name != TOKEN_FIELD}
    query = f"?{urlencode(visit.query)}" if visit.query else ""
    return _form(visit, visit.path + query, carried, status=401)


def sign_in(office: Office, visit: Visit) -> Response:
    """Sign in, and go on."""
    form, to = visit.form, own_path(visit.form.get("to", ""))
    carried = _carried(form.get("carried", ""))
    if visit.foreign:
        raise Refused(Code.FORM_REFUSED, "the form was sent from elsewhere")
    try:
        who = office.sign_in(
            form.get("tenant") or None, form.get("person", ""), form.get("password", ""), visit.address
        )
    except Refused as refused:
        answer = _form(visit, to, carried, refused, refused.problem.status)
        if refused.problem.retry_after_s:
            answer.headers["Retry-After"] = str(refused.problem.retry_after_s)
        return answer
    if not carried:
        return with_session(moved(to), who.token, secure=visit.secure)
    values = {"to": to, "carried": carried, "token": form_token(who.token)}
    return with_session(page(visit, "carried.html", values), who.token, secure=visit.secure)


def sign_out(office: Office, visit: Visit) -> Response:
    """End this browser's session."""
    if visit.token and office.signed_in(visit.token):
        visit.check_form()
        office.sign_out(visit.token)
    return with_session(moved("/console/sign-in"), "", secure=visit.secure)


def _form(visit: Visit, to: str, carried: Form, refused: Refused | None = None, status: int = 200) -> Response:
    values = {
        "to": own_path(to),
        "carried": json.dumps(dict(carried)) if carried else "",
        "person": visit.form.get("person", "") if refused else "",
        "tenant": visit.form.get("tenant", visit.query.get("tenant", "")),
        "refused": str(refused) if refused else "",
    }
    return page(visit, "sign_in.html", values, status)


def _carried(text: str) -> Mapping[str, str]:
    """The fields of the form that waits; none if somebody made them up."""
    try:
        found = strict_json.parse(text.encode(), bytes_max=_CARRIED_CHARS_MAX) if text else {}
    except strict_json.BadJson:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str) and name != TOKEN_FIELD}
