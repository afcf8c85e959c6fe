"""What waits, told as it changes: server-sent events for pages that are open.

Rules
1. An event says how much waits and as of when, and nothing else: what changed is asked for by the page's own request,
   under whoever's sign-in it is then.
2. To watch is not to be there: it keeps no session alive. When the session is over, the stream says so and ends.
3. A stream ends after `LONGEST_S`, or when the server stops; a browser begins another one by itself.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from shared.ports import RunBlocking
from sync_server.console.frame import counts_of, seen_as
from sync_server.console.pages import SAFE
from sync_server.console.visit import COOKIE
from sync_server.office import Office
from sync_server.office.looking import Waiting

LOOK_EVERY_S, LONGEST_S, RETRY_MS = 1.0, 600.0, 3000
#: Looked at every so many turns: the server's stop is noticed sooner than a change.
_TURNS = 2


@dataclass(frozen=True, slots=True)
class Watch:
    """How streams wait: `wait` sleeps for so many seconds, `stopping` says that the server is about to stop."""

    wait: Callable[[float], Awaitable[None]]
    stopping: Callable[[], bool] = lambda: False


def event_routes(office: Office, run_blocking: RunBlocking, watch: Watch) -> APIRouter:
    """``GET /console/events``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/console/events")
    async def events(request: Request) -> Response:
        token = request.cookies.get(COOKIE, "")
        stream = _told(office, run_blocking, watch, token)
        return StreamingResponse(
            stream, headers={**SAFE, "Cache-Control": "no-store"}, media_type="text/event-stream"
        )

    return router


async def _told(office: Office, run_blocking: RunBlocking, watch: Watch, token: str) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    before, turns = "", 0
    while not watch.stopping() and turns * LOOK_EVERY_S < LONGEST_S:
        if turns % _TURNS == 0:
            found = await run_blocking(lambda: office.watching(token))
            if found is None:
                yield "event: over\ndata: {}\n\n"
                return
            if (told := _event(found)) != before:
                yield told
                before = told
        turns += 1
        await watch.wait(LOOK_EVERY_S)


def _event(waiting: Waiting) -> str:
    data = json.dumps({"seen": seen_as(waiting), "counts": counts_of(waiting)})
    return f"event: counts\ndata: {data}\n\n"
