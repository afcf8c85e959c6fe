"""The table of pages: where each is, who may open it, and what answers. Requests come in and leave from here.

Rules
1. A page names the act that it takes; whether somebody may do it is Cedar's answer, at each request.
2. A refusal is a page, too, with the status of its problem. One that comes after the sign-in ran out asks for the
   sign-in and carries what was typed. A fault of ours is a page with the id under which the log has it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib import resources

from fastapi import APIRouter, Request
from starlette.responses import Response

from policies.acts import Act, Acts
from shared.commands.base import Role
from shared.ports import RunBlocking
from shared.problems import Code, Problem, Refused, fault
from sync_server.console import (
    approvals,
    audit,
    conflicts,
    device_acts,
    devices,
    health,
    home,
    inbox,
    models,
    order_forms,
    orders,
    parked,
    people,
    policies,
    policy_trials,
    preferences,
    quarantine,
    refused,
    sign_in,
)
from sync_server.console.blocks import Said
from sync_server.console.deciding import DONE, Sheet, answer
from sync_server.console.events import Watch, event_routes
from sync_server.console.frame import frame_of, takes
from sync_server.console.pages import SAFE, page
from sync_server.console.visit import Visit, bare_visit, read_visit
from sync_server.office import Office

log = logging.getLogger("tailboard.server")
Handler = Callable[[Office, Visit], Response]
_STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "sign.svg": "image/svg+xml",
}

#: Where nobody need be signed in.
OPEN: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/console/sign-in", sign_in.show),
    ("POST", "/console/sign-in", sign_in.sign_in),
    ("POST", "/console/sign-out", sign_in.sign_out),
)
#: Every other address below.
ELSEWHERE = "/console/{elsewhere:path}"
SHEETS = (
    Sheet("/console/", Act.LOOK, home.show),
    Sheet("/console/conflicts", Act.LOOK, inbox.show, inbox.DEEDS),
    Sheet("/console/conflicts/{conflict}", Act.LOOK, conflicts.show, conflicts.DEEDS),
    Sheet("/console/approvals", Act.LOOK, approvals.listed),
    Sheet("/console/approvals/{approval}", Act.LOOK, approvals.show, approvals.DEEDS),
    Sheet("/console/parked", Act.LOOK, parked.listed),
    Sheet("/console/parked/{command}", Act.LOOK, parked.show, parked.DEEDS),
    Sheet("/console/quarantine", Act.LOOK, quarantine.listed, quarantine.DEEDS),
    Sheet("/console/quarantine/{command}", Act.LOOK, quarantine.show, quarantine.DEEDS),
    Sheet("/console/refused", Act.LOOK, refused.listed),
    Sheet("/console/devices", Act.LOOK, devices.listed, devices.LIST_DEEDS),
    Sheet("/console/devices/{device}", Act.LOOK, devices.show, device_acts.DEEDS),
    Sheet("/console/orders", Act.LOOK, orders.listed, order_forms.PLAN_DEEDS),
    Sheet("/console/orders/{order}", Act.LOOK, orders.show, order_forms.DEEDS),
    Sheet("/console/audit", Act.AUDIT, audit.listed, audit.DEEDS),
    Sheet("/console/audit/export", Act.AUDIT, audit.export),
    Sheet("/console/people", Act.LOOK, people.listed, people.LIST_DEEDS),
    Sheet("/console/people/{person}", Act.LOOK, people.show, people.DEEDS),
    Sheet("/console/policies", Act.LOOK, policies.listed, policies.DEEDS),
    Sheet("/console/policies/what-if", Act.LOOK, policy_trials.what_if),
    Sheet("/console/policies/diff", Act.LOOK, policy_trials.diff),
    Sheet("/console/models", Act.LOOK, models.listed, models.DEEDS),
    Sheet("/console/settings", Act.LOOK, preferences.show, preferences.DEEDS),
)


def sheets(read_process: health.ReadProcess = dict) -> tuple[Sheet, ...]:
    """Every page that takes somebody; `read_process` says what is measured of this process alone."""
    return (*SHEETS, health.sheet(read_process))


def console_routes(
    office: Office,
    acts: Acts,
    run_blocking: RunBlocking,
    watch: Watch,
    read_process: health.ReadProcess = dict,
) -> APIRouter:
    """The pages over `office`.

    Args:
        office: what they show and ask.
        acts: who may do what.
        run_blocking: carries every call.
        watch: how open pages hear of changes.
        read_process: what is measured of this process alone.
    """
    router = APIRouter(include_in_schema=False)
    for method, path, handler in OPEN:
        router.add_api_route(path, _endpoint(office, handler, run_blocking), methods=[method])
    for sheet in sheets(read_process):
        handler = _signed_in(sheet, acts)
        methods = ["GET", "POST"] if sheet.deeds else ["GET"]
        router.add_api_route(sheet.path, _endpoint(office, handler, run_blocking), methods=methods)
    router.include_router(event_routes(office, run_blocking, watch))
    for name, media in _STATIC.items():
        router.add_api_route(f"/console/static/{name}", _file(name, media), methods=["GET"])
    router.add_api_route(ELSEWHERE, _endpoint(office, _nowhere, run_blocking), methods=["GET"])
    return router


def _nowhere(_office: Office, _visit: Visit) -> Response:
    raise Refused(Code.NOT_FOUND, "no page has this address")


def _endpoint(
    office: Office, handler: Handler, run_blocking: RunBlocking
) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            visit = await read_visit(request)
        except Refused as error:
            told = error.problem
            return await run_blocking(lambda: _problem(bare_visit(request), told))
        return await run_blocking(lambda: _answer(office, handler, visit))

    return answered


def _answer(office: Office, handler: Handler, visit: Visit) -> Response:
    try:
        return handler(office, visit)
    except Refused as error:
        return _problem(visit, error.problem)
    except Exception:
        named = office.service.ports.new_id()
        log.exception("fault", extra={"path": visit.path, "request": named})
        return _problem(visit, fault(named))


def _problem(visit: Visit, told: Problem) -> Response:
    return page(visit, "problem.html", {"problem": told}, told.status)


def _signed_in(sheet: Sheet, acts: Acts) -> Handler:
    """The page for whoever is signed in, and may open it."""

    def handler(office: Office, visit: Visit) -> Response:
        who = office.signed_in(visit.token) if visit.token else None
        if who is None:
            return sign_in.ask(visit)
        refusals = refusals_of(acts, who.person.id, who.person.roles)
        frame = frame_of(visit.path, office.waiting(who.tenant), refusals, office.service.ports.clock.now())
        visit = replace(visit, who=who, refusals=refusals, frame=frame, done=DONE.get(visit.query.get("done", "")))
        try:
            if visit.method == "POST":
                visit.check_form()
            if why := refusals.get(sheet.look):
                raise Refused(Code.NOT_PERMITTED, why.text.format_map(why.values))
            return answer(office, visit, sheet)
        except Refused as error:
            return _problem(visit, error.problem)

    return handler


def refusals_of(acts: Acts, person: str, roles: frozenset[Role]) -> Mapping[Act, Said]:
    """The acts that are not open to somebody, and who may."""
    closed = [act for act in Act if not acts.may(person, roles, act)]
    has = ", ".join(sorted(roles)) or "nothing"
    return {
        act: takes(" or ".join(sorted(role for role in Role if acts.may("somebody", [role], act))), has)
        for act in closed
    }


def _file(name: str, media: str) -> Callable[[], Awaitable[Response]]:
    content = (resources.files("sync_server.console") / "static" / name).read_bytes()

    async def answered() -> Response:
        return Response(content, headers={**SAFE, "Cache-Control": "public, max-age=3600"}, media_type=media)

    return answered
