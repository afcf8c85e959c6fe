"""The same screen in a browser on the same machine, for training: a trainer shows it, nobody works with it.

Rules
1. It listens on loopback alone, and answers only who knows the token of this run: the first visit gives it, a cookie
   keeps it. A page of another site can neither read nor drive it: host and origin are checked as well.
2. The page loads nothing from anywhere else.
3. Each tab is a program of its own over the same device, started like the screen in a terminal.

Source: textual-serve 1.1 (the web driver and its page).
"""

import hmac
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from device.errors import LocalError

HOST = "127.0.0.1"
COOKIE = "tailboard"


def command(home: Path, pin_file: Path) -> str:
    """What runs the screen for one tab, as a line for the shell."""
    parts = [sys.executable, "-m", "device.cli", "--in-browser", "--home", str(home), "--pin-file", str(pin_file)]
    return shlex.join(parts)


def free_port(wanted: int) -> int:
    """`wanted` if it is free, or any free one if that is 0. Raises `LocalError` if it is taken."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise LocalError(f"Port {wanted} is taken ({error.strerror}). Give another one with --port.") from error
        return int(probe.getsockname()[1])


class TrainingServer(Server):
    """Serves the screen that `command` runs, to who knows `token`."""

    def __init__(self, command: str, port: int, token: str) -> None:
        super().__init__(command, host=HOST, port=port, title="Tailboard (training)")
        self._token = token

    @property
    def address(self) -> str:
        """Where a browser finds it, with the token."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def initialize_logging(self) -> None:
        """Nothing is logged: a log would hold what was typed."""

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is said here; who starts it says where it is."""

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._check(request)
        if self._is_token(request.query.get("token", "")) and request.path == "/":
            answer: web.StreamResponse = web.HTTPSeeOther("/")
            answer.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict")
        elif self._is_token(request.cookies.get(COOKIE, "")):
            answer = await handler(request)
        else:
            raise web.HTTPForbidden(text="Open the address with its token, as tailboard serve printed it.")
        if not answer.prepared:
            answer.headers.update(self._headers())
        return answer

    def _check(self, request: web.Request) -> None:
        ours = {f"{HOST}:{self.port}"}
        origin = request.headers.get("Origin")
        if request.host not in ours or (origin is not None and origin.removeprefix("http://") not in ours):
            raise web.HTTPForbidden(text="This is for a browser on this machine alone.")

    def _is_token(self, said: str) -> bool:
        return hmac.compare_digest(said.encode(), self._token.encode())

    def _headers(self) -> dict[str, Any]:
        here = f"{HOST}:{self.port}"
        policy = (
            "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
            f"img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://{here}; frame-ancestors 'none'"
        )
        return {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
