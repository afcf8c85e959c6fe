"""A byte echo behind the rig's links: what each toxic does is seen in bytes, pieces and endings.

Links wait through a function that is given to them, so no test waits for time to pass.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from simulators.faults import Hits
from simulators.rig import ground
from simulators.rig.plan import Way
from simulators.rig.relay import Balancer, Link, reach
from simulators.rig.toxics import (
    Bandwidth,
    Blackhole,
    Jitter,
    Latency,
    ResetHalfway,
    Slicing,
    SlowClose,
    Timeout,
    Toxic,
)
from simulators.streams import Stream

DATA = bytes(range(256)) * 40
END = b""


class Echo:
    """A server that sends back what it gets, remembers the pieces, and hears the end."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = asyncio.Event()
        self.served = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served += 1
        with suppress(OSError):
            while data := await reader.read(65536):
                self.pieces.append(data)
                writer.write(data)
                await writer.drain()
        self.ended.set()
        writer.close()


class Field:
    """An echo behind a link, and how long the link would have waited."""

    def __init__(self, echo: Echo, link: Link, hits: Hits, waits: list[float]) -> None:
        self.echo, self.link, self.hits, self.waits = echo, link, hits, waits

    async def happens(self, seen: Callable[[], bool]) -> None:
        """Let everybody else go on until something is seen."""
        while not seen():  # noqa: ASYNC110  # it is somebody else's bytes that are looked at
            await asyncio.sleep(0)


@asynccontextmanager
async def field() -> AsyncIterator[Field]:
    echo, hits, waits = Echo(), Hits(), list[float]()

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    listener = ground.listen()
    async with await asyncio.start_server(echo, sock=listener) as server:
        link = Link(ground.listen(), listener.getsockname()[1], Stream(1, "link"), hits, lambda: 7.0, wait)
        async with link:
            yield Field(echo, link, hits, waits)
        server.close()


def played(act: Callable[[Field], Coroutine[Any, Any, None]]) -> None:
    async def play() -> None:
        async with field() as there, asyncio.timeout(30):
            await act(there)

    asyncio.run(play())


async def said_and_heard(port: int, data: bytes = DATA) -> bytes:
    """Send, say that this was all, and read to the end."""
    reader, writer = await reach(port)
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize(
    ("toxic", "waits"),
    [(None, 0), (Latency(2.0), 1), (Jitter(2.0), 1), (Bandwidth(4096), 20), (Slicing(64), 0), (SlowClose(9.0), 1)],
    ids=["none", "latency", "jitter", "bandwidth", "slicing", "slow_close"],
)
def test_every_byte_comes_back_in_order_through_what_only_delays(toxic: Toxic | None, waits: int, way: Way) -> None:
    async def act(there: Field) -> None:
        if toxic:
            there.link.put(way, toxic)
        assert await said_and_heard(there.link.port) == DATA
        assert b"".join(there.echo.pieces) == DATA
        assert len(there.waits) >= waits
        assert set(there.hits) == ({toxic.name} if toxic else set())

    played(act)


def test_slices_are_sent_each_by_itself() -> None:
    async def act(there: Field) -> None:
        there.link.put(Way.DOWN, Slicing(50))
        reader, writer = await reach(there.link.port)
        writer.write(bytes(1000))
        assert len(await reader.read(1000)) <= 1000
        writer.close()
        there.link.take(Way.DOWN, "slicing")
        assert await said_and_heard(there.link.port) == DATA
        assert there.hits["slicing"] >= 1

    played(act)


def test_a_reset_lets_half_through_and_is_heard_as_a_reset_on_both_sides() -> None:
    async def act(there: Field) -> None:
        there.link.put(Way.UP, ResetHalfway())
        reader, writer = await reach(there.link.port)
        writer.write(DATA)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await there.echo.ended.wait()
        assert len(b"".join(there.echo.pieces)) < len(DATA)
        assert there.hits == {"reset": 1}

    played(act)


def test_a_timeout_swallows_everything_and_then_closes() -> None:
    async def act(there: Field) -> None:
        there.link.put(Way.DOWN, Timeout(7.0))
        reader, writer = await reach(there.link.port)
        writer.write(DATA)
        assert await reader.read() == END
        assert 7.0 in there.waits
        writer.close()

    played(act)


def test_what_a_blackhole_swallowed_never_comes_and_its_end_resets_the_connection() -> None:
    async def act(there: Field) -> None:
        there.link.put(Way.DOWN, Blackhole("blackhole_down"))
        reader, writer = await reach(there.link.port)
        writer.write(DATA)
        await there.happens(lambda: bool(there.hits["blackhole_down"]))
        await there.happens(lambda: b"".join(there.echo.pieces) == DATA)
        there.link.take(Way.DOWN, "blackhole_down")
        with pytest.raises(ConnectionResetError):
            assert await reader.read() != END
        assert await said_and_heard(there.link.port) == DATA

    played(act)


def test_one_way_is_one_way() -> None:
    async def act(there: Field) -> None:
        there.link.put(Way.UP, Blackhole("blackhole_up"))
        _, writer = await reach(there.link.port)
        writer.write(DATA)
        await there.happens(lambda: bool(there.hits["blackhole_up"]))
        assert there.echo.pieces == []
        assert there.hits == {"blackhole_up": 1}
        there.link.heal()
        assert await said_and_heard(there.link.port) == DATA
        writer.close()

    played(act)


def test_a_connection_that_nothing_was_taken_from_survives_the_toxic() -> None:
    async def act(there: Field) -> None:
        reader, writer = await reach(there.link.port)
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        there.link.put(Way.UP, Blackhole("blackhole_up"))
        there.link.take(Way.UP, "blackhole_up")
        writer.write(b"after")
        assert await reader.readexactly(5) == b"after"
        writer.close()

    played(act)


def test_requests_are_counted_by_their_first_bytes_however_they_are_cut() -> None:
    async def act(there: Field) -> None:
        request = b"POST /v1/sync HTTP/1.1\r\n\r\n"
        reader, writer = await reach(there.link.port)
        for piece in (request[:4], request[4:9], request[9:] + request, request):
            writer.write(piece)
            assert await reader.readexactly(len(piece)) == piece
        assert there.link.asked_at == [7.0] * 3
        writer.close()

    played(act)


def test_a_balancer_takes_turns_and_passes_over_who_is_not_there() -> None:
    async def play() -> None:
        echoes = [Echo(), Echo()]
        listeners = [ground.listen() for _ in range(3)]
        ports = [listener.getsockname()[1] for listener in listeners]
        servers = [
            await asyncio.start_server(echo, sock=listener) for echo, listener in zip(echoes, listeners, strict=False)
        ]
        listeners[2].close()
        balancer = Balancer(ground.listen())
        async with balancer, asyncio.timeout(30):
            for name, port in zip("abc", ports, strict=True):
                balancer.add(name, port)
            for _ in range(6):
                assert await said_and_heard(balancer.port) == DATA
            assert sorted(echo.served for echo in echoes) == [2, 4]
            for server in servers:
                server.close()
            with pytest.raises(ConnectionResetError):
                await said_and_heard(balancer.port)

    asyncio.run(play())
