"""What is sent within one turn of the event loop leaves in one piece.

An answer is a head and a body, and uvicorn writes each as it comes: two system calls, two packets, and a reader that
is woken twice. Here they wait for the end of the turn in which they were written.

The protocol is uvicorn's own; only what it writes to is ours.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Gathering:
    """A transport that sends what was written to `inner` at the end of the loop's turn."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = inner, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, part: bytes) -> None:
        """Send it, with what else is written before the loop turns."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(part)

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._inner.is_closing():
            self._inner.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        """Send what is left, and hang up."""
        self._send()
        self._inner.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._parts.clear()
        self._inner.abort()


class GatheredHttp(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, its writes gathered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        gathering = Gathering(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, gathering))
