"""Which page answers what, and what all of them do first: who asks, may they, and did the form come from here.

Rules
1. A page names the act that it takes; whether somebody may do it is Cedar's answer, at each request.
2. A refusal is a page, too, with the status of its problem. One that comes after the sign-in ran out asks for the
   sign-in and carries what was typed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import resources

from fastapi import APIRouter, Request
from starlette.responses import Response

from policies.acts import Act, Acts
from shared.commands.base import Role
from shared.ports import RunBlocking
from shared.problems import Code, Refused
from sync_server.console import conflicts, sign_in
from sync_server.console.pages import SAFE, label, moved, page
from sync_server.console.visit import Visit, read_visit
from sync_server.office import Office

Handler = Callable[[Office, Visit], Response]
_STATIC = {"console.css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Way:
    """A method and a path, the act that it takes (None: none, nobody need be signed in), and what answers."""

    method: str
    path: str
    act: Act | None
    handler: Handler


def _first(_office: Office, _visit: Visit) -> Response:
    return moved("/console/conflicts")


WAYS = (
    Way("GET", "/console/", Act.LOOK, _first),
    Way("GET", "/console/sign-in", None, sign_in.show),
    Way("POST", "/console/sign-in", None, sign_in.sign_in),
    Way("POST", "/console/sign-out", None, sign_in.sign_out),
    Way("GET", "/console/conflicts", Act.LOOK, conflicts.inbox),
    Way("GET", "/console/conflicts/{conflict}", Act.LOOK, conflicts.show),
    Way("POST", "/console/conflicts/{conflict}", Act.RESOLVE, conflicts.act),
)


def console_routes(office: Office, acts: Acts, run_blocking: RunBlocking) -> APIRouter:
    """The pages over `office`; `acts` says who may do what, `run_blocking` carries every call."""
    router = APIRouter(include_in_schema=False)
    for way in WAYS:
        router.add_api_route(way.path, _endpoint(office, acts, way, run_blocking), methods=[way.method])
    for name, media in _STATIC.items():
        router.add_api_route(f"/console/static/{name}", _file(name, media), methods=["GET"])
    return router


def _endpoint(
    office: Office, acts: Acts, way: Way, run_blocking: RunBlocking
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = await read_visit(request)
        return await run_blocking(lambda: _answer(office, acts, way, visit))

    return answer


def _answer(office: Office, acts: Acts, way: Way, visit: Visit) -> Response:
    try:
        return _permitted(office, acts, way, visit)
    except Refused as refused:
        told = refused.problem
        return page(visit, "problem.html", {"problem": told, "act": way.act}, told.status)


def _permitted(office: Office, acts: Acts, way: Way, visit: Visit) -> Response:
    if way.act is None:
        return way.handler(office, visit)
    who = office.signed_in(visit.token) if visit.token else None
    if who is None:
        return sign_in.ask(visit)
    visit = replace(visit, who=who)
    if way.method == "POST":
        visit.check_form()
    if not acts.may(who.person.id, who.person.roles, way.act):
        needed = " or ".join(sorted(role for role in Role if acts.may("somebody", [role], way.act)))
        words = f"to {label(way.act)} here takes {needed}, and you are {', '.join(sorted(who.person.roles))}"
        raise Refused(Code.NOT_PERMITTED, words)
    return way.handler(office, visit)


def _file(name: str, media: str) -> Callable[[], Awaitable[Response]]:
    content = (resources.files("sync_server.console") / "static" / name).read_bytes()

    async def answer() -> Response:
        return Response(content, headers={**SAFE, "Cache-Control": "public, max-age=3600"}, media_type=media)

    return answer
