"""Routes that are made when the first of them is asked for: a server whose pages nobody opens carries none.

The pages are thirty modules and as many routes; between sync rounds and questions to models they are three MiB that
most processes of a server never need.
"""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from shared.ports import RunBlocking


class Later(BaseRoute):
    """Stands in `app` for every route below `prefix` until one is asked for, and then makes room for them."""

    def __init__(self, app: FastAPI, prefix: str, make: Callable[[], APIRouter], run_blocking: RunBlocking) -> None:
        self._app, self._prefix, self._make, self._run_blocking = app, prefix, make, run_blocking
        self._one_at_a_time = asyncio.Lock()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Everything below the prefix."""
        below = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if below else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: object) -> object:  # type: ignore[override]
        """Nothing here has a name."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the routes if nobody did, and let them answer."""
        async with self._one_at_a_time:
            if self in self._app.router.routes:
                router = await self._run_blocking(self._make)
                self._app.router.routes.remove(self)
                self._app.include_router(router)
        await self._app.router(scope, receive, send)
