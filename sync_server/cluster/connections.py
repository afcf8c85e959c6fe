"""Kept-open HTTP/1.1 connections to the engines.

A gateway's whole allowance is a millisecond, of which a general client takes most: ours are an asyncio protocol
around the parser that Node.js uses (httptools), and nothing else.

Rules
1. A connection serves one exchange after the other; one whose answer was not read to its end is closed, which is how
   an engine learns that nobody waits any more. Bytes that nobody asked for end it, too.
2. Over plain http, the address that was really reached must be private, or nothing is sent.
3. An exchange is sent again only if a kept connection was closed before a byte of the answer came: the engine let go
   of it while it was idle.
4. What is received and not read yet has a bound, and so has everything that is not body: heads, and what a chunked
   body has between its chunks.

Source: RFC 9112, sections 6.3 (where a body ends), 9.3 (persistence) and 9.3.1 (retrying).
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from sync_server.cluster.upstreams import private
from sync_server.cluster.wire import Answer, BrokeOff, Header, Origin, Request, Unreached

#: So much of an answer may wait to be read before no more is taken from the network.
UNREAD_BYTES_MAX = 262_144
#: So much may come without a byte of body in it.
HEADER_BYTES_MAX = 65_536
_NOT_HTTP = "not an HTTP answer"


class Closed(Exception):
    """A kept connection was closed at the other end before anything of an answer came."""


class Connection(asyncio.Protocol):
    """One open connection. What `Connections` gives out for one exchange is its `Body`."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._asked = self._used = self._surplus = self._paused = False
        self._fresh()

    def _fresh(self) -> None:
        """Ready for an answer."""
        self._headers: dict[bytes, bytes] = {}
        self._status = self._between = self._unread = 0
        self._parts: list[bytes] = []
        self._begun = self._head = self._ended = self._keep = False
        self._fault: Exception | None = None

    # -- one exchange

    @property
    def alive(self) -> bool:
        """Whether it can take an exchange, as far as this side knows."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def peer(self) -> str:
        """The address at the other end."""
        assert self._transport is not None, "it is connected"
        return str(self._transport.get_extra_info("peername")[0])

    async def exchange(self, request: bytes) -> tuple[int, dict[bytes, bytes]]:
        """Send the request; status and headers of the answer. Raises `Closed`, `BrokeOff`."""
        if self._asked:
            self._fresh()
            self._used = True
        self._asked = True
        if self._transport is None:
            raise Closed
        self._transport.write(request)
        while not self._head:
            if self._fault is not None:
                raise self._fault
            await self._wait()
        return self._status, self._headers

    async def read(self) -> bytes | None:
        """What came of the answer's body since last time; None at its end. Raises `BrokeOff`."""
        while not self._parts:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            await self._wait()
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._unread = 0
        if self._paused and self._transport is not None and self.alive:
            self._paused = False
            self._transport.resume_reading()
        return part

    @property
    def reusable(self) -> bool:
        """Whether its answer came to an end behind which another exchange may begin."""
        return self._ended and self._keep and not self._surplus and self.alive

    def close(self) -> None:
        """Let go at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, fault: Exception) -> None:
        """The answer ends here, unless it had ended."""
        self._surplus = True
        if not self._ended and self._fault is None:
            self._fault = fault
        self.close()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if not self._asked or self._ended:
            self._fail(BrokeOff("more than was asked for"))
            return
        self._begun = True
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(BrokeOff(_NOT_HTTP))
        if self._between > HEADER_BYTES_MAX and not self._ended:
            self._fail(BrokeOff(_NOT_HTTP))
        elif self._unread > UNREAD_BYTES_MAX and not self._paused and self._transport is not None and self.alive:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        self._transport = None
        lengths = self._headers.keys() & {b"content-length", b"transfer-encoding"}
        if self._ended or self._fault is not None:
            pass
        elif self._head and not lengths and error is None:
            self._ended = True  # such a body ends where the connection does
        else:
            self._fault = Closed() if self._used and not self._begun else BrokeOff("the connection broke")
        self._wake()

    # -- what the parser calls

    def on_message_begin(self) -> None:
        """An answer begins; behind ours there is none."""
        self._surplus |= self._ended

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those behind a body say nothing that we ask."""
        if not self._head and not self._ended:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is there, if it is not that of a mere notice before the answer."""
        if self._ended:
            return
        self._status = self._parser.get_status_code()
        self._head = self._status >= 200

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._surplus:
            self._between = 0
            self._parts.append(body)
            self._unread += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._head and not self._ended:
            self._ended, self._keep = True, self._parser.should_keep_alive()
        elif not self._head:
            self._headers = {}


def written(method: str, target: str, headers: Sequence[Header]) -> bytes:
    """The head of a request as bytes. Raises `BrokeOff` if a header would break out of its line."""
    lines = [name + b": " + value for name, value in headers]
    head = b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), *lines, b"", b""])
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        raise BrokeOff("a header with a line break")
    return head


class _Body:
    """An answer's body; read to its end, its connection goes back."""

    def __init__(self, connection: Connection, origin: Origin, idle: "Connections") -> None:
        self._connection, self._origin, self._idle = connection, origin, idle
        self._done = False

    async def read(self) -> bytes | None:
        """The next piece; None at the end."""
        if self._done:
            return None
        part = await self._connection.read()
        if part is None:
            self._done = True
            self._idle.give_back(self._origin, self._connection)
        return part

    async def close(self) -> None:
        """Close the connection unless the answer was read to its end."""
        if not self._done:
            self._done = True
            self._connection.close()


class Connections:
    """The `Wire` over the network; `idle_max` connections an engine are kept open while nobody needs them."""

    def __init__(self, *, idle_max: int = 64) -> None:
        self._idle: dict[Origin, list[Connection]] = {}
        self._idle_max = idle_max
        self._tls: ssl.SSLContext | None = None

    async def exchange(self, request: Request) -> Answer:
        """Send `request`; the head of the answer. Raises `Unreached`, `BrokeOff`."""
        sent = written(request.method, request.target, request.headers) + request.body
        origin = request.origin
        connection = self._kept(origin) or await self._connect(request)
        try:
            try:
                status, headers = await connection.exchange(sent)
            except Closed:
                connection.close()
                connection = await self._connect(request)
                status, headers = await connection.exchange(sent)
        except Closed as error:
            raise BrokeOff("the connection broke") from error
        except BaseException:
            connection.close()
            raise
        return Answer(status, headers, _Body(connection, origin, self))

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        idle = self._idle.setdefault(origin, [])
        if connection.reusable and len(idle) < self._idle_max:
            idle.append(connection)
        else:
            connection.close()

    def _kept(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self, request: Request) -> Connection:
        scheme, host, port = request.origin
        if scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        tls: Any = self._tls if scheme == "https" else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(request.connect_s):
                _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
        except OSError as error:  # a time that is over is one, too
            raise Unreached("cannot connect") from error
        if scheme == "http" and not private(connection.peer):
            connection.close()
            raise Unreached("plain http to an address that is not private")
        return connection

    async def aclose(self) -> None:
        """Close what is kept."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
