"""A link that counts what really passes: request and response bytes with their headers, as sent."""

import zlib
from dataclasses import dataclass, field

import httpx


@dataclass
class Tally:
    """Bytes up and down, and the request bodies as they were sent."""

    up: int = 0
    down: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def compressed(self) -> int:
        """What the bodies would take on the wire deflated at level 6, each by itself; as they are if they were."""
        return sum(min(len(body), len(zlib.compress(body, 6))) for body in self.bodies)


class Counting(httpx.AsyncBaseTransport):
    """Passes everything on and keeps the tally. HTTP/1.1; TCP and TLS come on top."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.tally = Tally()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on."""
        body = await request.aread()
        start = len(request.method) + len(request.url.raw_path) + len(b"  HTTP/1.1\r\n")
        self.tally.up += start + _headers(request.headers) + len(body)
        self.tally.bodies.append(body)
        response = await self._inner.handle_async_request(request)
        await response.aread()
        self.tally.down += len(b"HTTP/1.1 200 OK\r\n") + _headers(response.headers) + response.num_bytes_downloaded
        return response

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


def _headers(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + len(b": \r\n") for name, value in headers.raw) + len(b"\r\n")
