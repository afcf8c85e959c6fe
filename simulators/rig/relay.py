"""Carries the bytes of connections: a `Balancer` to whichever server takes them, a `Link` through its toxics.

Rules
1. A relay knows nothing of what it carries; a link counts requests by their first bytes, as somebody who listens on
   the wire would.
2. A half that ends is ended on the other side; a half that breaks breaks both.
3. What was swallowed is never made good: when the toxic goes, the connections that it robbed are reset, as by a
   router that has forgotten them.
4. It reaches only 127.0.0.1.
"""

import asyncio
import itertools
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from simulators.faults import Hits
from simulators.rig.ground import HERE
from simulators.rig.plan import Way
from simulators.rig.toxics import End, Move, Pass, Reset, Swallow, Toxic, treat
from simulators.streams import Stream

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Wait = Callable[[float], Awaitable[None]]
CHUNK_BYTES = 65536
_REQUEST = b"POST /v1/"
_NO_LINGER = struct.pack("ii", 1, 0)


async def reach(port: int) -> Ends:
    """A connection to a port of this machine. Raises `OSError`."""
    return await asyncio.open_connection(HERE, port)


@dataclass(eq=False)
class _Line:
    """One connection that is carried: its two ends, and the toxics that robbed it."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    robbed_by: set[str] = field(default_factory=set)

    def reset(self) -> None:
        """Break both ends, so that they hear of it."""
        for end in (self.near, self.far):
            _reset(end)


def _reset(end: asyncio.StreamWriter) -> None:
    """Close at once with RST. Source: socket(7), SO_LINGER."""
    plug = end.get_extra_info("socket")
    with suppress(OSError):
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    end.transport.abort()


class Relay:
    """Takes connections at `listener` and carries them to where `far` reaches. Use it in an `async with` block."""

    def __init__(self, listener: socket.socket, far: Callable[[], Awaitable[Ends]]) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener, self._far = listener, far
        self._lines: set[_Line] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._carry, sock=self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "entered before"
        self._server.close()
        for line in list(self._lines):
            line.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._far()
        except OSError:
            _reset(writer)
            return
        line = _Line(writer, far_writer)
        self._lines.add(line)
        try:
            halves = (self._half(line, Way.UP, reader, far_writer), self._half(line, Way.DOWN, far_reader, writer))
            await asyncio.gather(*halves)
        except asyncio.CancelledError:
            return  # the relay is put away; nobody waits for this task
        finally:
            self._lines.discard(line)
            for end in (writer, far_writer):
                end.close()

    async def _half(self, line: _Line, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if not await self._pass_on(line, way, data, writer):
                    return
            await self._pass_on(line, way, b"", writer)
        except OSError:
            line.reset()

    async def _pass_on(self, line: _Line, way: Way, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Carry one piece on, or the end if it is empty; whether more may come this way."""
        await _send(data, writer)
        return bool(data)


async def _send(data: bytes, writer: asyncio.StreamWriter) -> None:
    """Send a piece; an empty one says that nothing more comes."""
    if writer.is_closing():
        return
    if data:
        writer.write(data)
        await writer.drain()
    elif writer.can_write_eof():
        writer.write_eof()


class Balancer(Relay):
    """To one server after the other; one that takes no connection is passed over."""

    def __init__(self, listener: socket.socket) -> None:
        self._ports: dict[str, int] = {}
        self._turn = itertools.count()
        super().__init__(listener, self._reach_any)

    def add(self, server: str, port: int) -> None:
        """A server listens there from now on."""
        self._ports[server] = port

    async def _reach_any(self) -> Ends:
        ports = list(self._ports.values())
        start = next(self._turn)
        for number in range(len(ports)):
            with suppress(OSError):
                return await reach(ports[(start + number) % len(ports)])
        raise ConnectionRefusedError("no server takes connections")


class Link(Relay):
    """What lies between one laptop and the servers: it may have toxics, each one way."""

    def __init__(
        self,
        listener: socket.socket,
        to_port: int,
        dice: Stream,
        hits: Hits,
        now_s: Callable[[], float],
        wait: Wait = asyncio.sleep,
    ) -> None:
        super().__init__(listener, lambda: reach(to_port))
        self._dice, self._hits, self._now_s, self._wait = dice, hits, now_s, wait
        self._toxics: dict[Way, dict[str, Toxic]] = {way: {} for way in Way}
        self._tail = b""
        #: When the laptop began to send each of its requests.
        self.asked_at: list[float] = []

    def put(self, way: Way, toxic: Toxic) -> None:
        """From now on this happens to everything that goes this way."""
        self._toxics[way][toxic.name] = toxic

    def take(self, way: Way, name: str) -> None:
        """From now on it does not. Connections that it robbed are reset."""
        self._toxics[way].pop(name, None)
        for line in [line for line in self._lines if name in line.robbed_by]:
            line.reset()

    def heal(self) -> None:
        """Take everything off."""
        for way, toxics in self._toxics.items():
            for name in list(toxics):
                self.take(way, name)

    async def _pass_on(self, line: _Line, way: Way, data: bytes, writer: asyncio.StreamWriter) -> bool:
        if way is Way.UP:
            self._count(data)
        treated = treat(list(self._toxics[way].values()), Pass(data) if data else End(), self._dice)
        self._hits.update(treated.touched)
        return await self._make(line, treated.moves, writer) and bool(data)

    async def _make(self, line: _Line, moves: Sequence[Move], writer: asyncio.StreamWriter) -> bool:
        """Do what became of something; whether more may come this way."""
        for move in moves:
            match move:
                case Pass(piece, wait_s):
                    await self._after(wait_s)
                    if piece:
                        await _send(piece, writer)
                case Swallow(_, by):
                    line.robbed_by.add(by)
                case End(wait_s):
                    await self._after(wait_s)
                    await _send(b"", writer)
                    return False
                case Reset():
                    line.reset()
                    return False
        return True

    async def _after(self, wait_s: float) -> None:
        if wait_s > 0:
            await self._wait(wait_s)

    def _count(self, data: bytes) -> None:
        seen = self._tail + data
        self.asked_at += [self._now_s()] * seen.count(_REQUEST)
        self._tail = seen[-(len(_REQUEST) - 1) :]
