"""Kept-open HTTP/1.1 connections to the engines, as an httpx transport.

httpx's own transport takes 0.7 ms of processor time for an exchange on the machine where this was measured, this one
a quarter of it; a gateway's whole allowance is 1 ms. So the connections are ours (asyncio, with h11 for the protocol,
as httpx's are), and everything above speaks httpx's transport interface, which tests and the simulator implement.

Rules
1. A connection serves one exchange after the other; one whose answer was not read to its end is closed, which is how
   an engine learns that nobody waits any more.
2. Over plain http, the address that was really reached must be private, or nothing is sent.
3. An exchange is sent again only if a kept connection was closed before a byte of the answer came: the engine let go
   of it while it was idle.

Source: RFC 9112, sections 9.3 (persistence) and 9.3.1 (retrying).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import h11
import httpx

from sync_server.cluster.upstreams import private

READ_BYTES = 65_536
HEADER_BYTES_MAX = 65_536
Origin = tuple[str, str, int]
Answered = tuple[int, list[tuple[bytes, bytes]], httpx.AsyncByteStream]


_SENT = h11.Request(method="POST", target="/", headers=[("host", "-")])
_SENT_WHOLE = h11.EndOfMessage()


class Closed(Exception):
    """A kept connection was closed at the other end before anything of an answer came."""


class _Connection:
    """One open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES_MAX)
        self.used = False

    @property
    def alive(self) -> bool:
        """Whether it can take another exchange, as far as this side knows."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    async def exchange(self, request: bytes) -> h11.Response:
        """Send the request; the head of the answer. Raises `Closed`, `OSError`, `h11.ProtocolError`."""
        self._http.send(_SENT)  # the bytes are ours; h11 only has to know that a request went out
        self._http.send(_SENT_WHOLE)
        self._writer.write(request)
        await self._writer.drain()
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if isinstance(event, h11.Response):
            return event
        raise h11.RemoteProtocolError("no answer")

    async def part(self) -> bytes | None:
        """The next piece of the answer's body; None at its end. Raises `OSError`, `h11.ProtocolError`."""
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(READ_BYTES)
            if not data and self.used and self._http.their_state is h11.SEND_RESPONSE and not self._begun():
                raise Closed
            self._http.receive_data(data)
        return event

    def _begun(self) -> bool:
        return bool(self._http.trailing_data[0])

    def again(self) -> bool:
        """Make ready for the next exchange; False if this one has to be the last."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self.used = True
        return self.alive

    def close(self) -> None:
        """Let go at once."""
        with suppress(RuntimeError):  # the loop is gone already
            self._writer.transport.abort()


def origin_of(url: httpx.URL) -> Origin:
    """Where `url` leads."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def written(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a request as bytes. Raises `httpx.LocalProtocolError` if a header would break out of its line."""
    lines = [name + b": " + value for name, value in headers]
    head = b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", b""])
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        raise httpx.LocalProtocolError("a header with a line break")
    return head


class _Body(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """An answer's body; read to its end, its connection goes back."""

    def __init__(self, connection: _Connection, origin: Origin, idle: "Connections") -> None:
        self._connection, self._origin, self._idle = connection, origin, idle
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self  # no generator: there is nothing to finish when nobody reads on

    async def __anext__(self) -> bytes:
        if self._done:
            raise StopAsyncIteration
        try:
            part = await self._connection.part()
        except (h11.ProtocolError, OSError) as error:
            raise httpx.RemoteProtocolError("the answer ended before its end") from error
        if part is None:
            self._done = True
            self._idle.give_back(self._origin, self._connection)
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Close the connection unless the answer was read to its end."""
        if not self._done:
            self._done = True
            self._connection.close()


class Connections(httpx.AsyncBaseTransport):
    """The transport; `idle_max` connections an engine are kept open while nobody needs them."""

    def __init__(self, *, idle_max: int = 64) -> None:
        self._idle: dict[Origin, list[_Connection]] = {}
        self._idle_max = idle_max
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body still to be read. Raises what httpx's transport raises."""
        head = written(request.method, request.url.raw_path, request.headers.raw)
        status, headers, body = await self.exchange(origin_of(request.url), head, await request.aread())
        return httpx.Response(status, headers=headers, stream=body)

    async def exchange(self, origin: Origin, head: bytes, body: bytes) -> Answered:
        """The same without httpx's objects, which take as long as the exchange: status, headers, and the body.

        `head` is as `written` makes it.
        """
        connection = self._kept(origin) or await self._connect(origin)
        try:
            try:
                answer = await connection.exchange(head + body)
            except Closed:
                connection.close()
                connection = await self._connect(origin)
                answer = await connection.exchange(head + body)
        except (OSError, Closed) as error:
            connection.close()
            raise httpx.ReadError("the connection broke") from error
        except h11.ProtocolError as error:
            connection.close()
            raise httpx.RemoteProtocolError("not an HTTP answer") from error
        except BaseException:
            connection.close()
            raise
        return answer.status_code, list(answer.headers), _Body(connection, origin, self)

    def give_back(self, origin: Origin, connection: _Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        idle = self._idle.setdefault(origin, [])
        if connection.again() and len(idle) < self._idle_max:
            idle.append(connection)
        else:
            connection.close()

    def _kept(self, origin: Origin) -> _Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.alive:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin) -> _Connection:
        scheme, host, port = origin
        if scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        tls = self._tls if scheme == "https" else None
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=READ_BYTES)
        except OSError as error:
            raise httpx.ConnectError("cannot connect") from error
        connection = _Connection(reader, writer)
        if scheme == "http" and not private(str(writer.get_extra_info("peername")[0])):
            connection.close()
            raise httpx.ConnectError("plain http to an address that is not private")
        return connection

    async def aclose(self) -> None:
        """Close what is kept."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
