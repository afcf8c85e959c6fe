"""The gateway's connections over real sockets: kept, let go, cut, and never to a public address in the clear."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import pytest

from shared.routing import Route, Tier
from simulators.engine import Engine, Mood, serve_engine
from sync_server.cluster import connections
from sync_server.cluster.connections import Connections
from sync_server.cluster.engine import Engine as Way
from sync_server.cluster.engine import EngineFault, Fault
from sync_server.cluster.upstreams import Upstream, UpstreamSettings

BODY, STREAM = b'{"model":"m","messages":[]}', b'{"model":"m","messages":[],"stream":true}'


@asynccontextmanager
async def wired(engine: Engine, **told: Any) -> AsyncIterator[tuple[Way, Connections, asyncio.Server]]:
    transport = Connections()
    async with serve_engine(engine) as server:
        yield way_to(server.sockets[0].getsockname()[1], transport, **told), transport, server
        await transport.aclose()
    await settle()


async def settle() -> None:
    """Let what was closed be gone before the loop is."""
    for _ in range(10):
        await asyncio.sleep(0)


def way_to(port: int, transport: Connections, **told: Any) -> Way:
    settings: dict[str, Any] = {"model": "m", "tier": Tier.BASIC, "context_tokens": 4096, **told}
    url = f"http://127.0.0.1:{port}"
    return Way(Upstream("u", UpstreamSettings(url=url, boundary=Route.PRIVATE_CLUSTER, **settings)), transport)


async def read(way: Way) -> None:
    exchange = await way.open(STREAM, "t")
    try:
        while await exchange.event() is not None:
            pass
    finally:
        await exchange.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.001)


async def test_one_connection_serves_one_exchange_after_the_other() -> None:
    engine = Engine()
    async with wired(engine) as (way, transport, _):
        for _ in range(3):
            assert (await way.complete(BODY, "t-1")).usage["completion_tokens"] == 4
            await read(way)
        await way.probe()
        assert [len(idle) for idle in transport._idle.values()] == [1]
        assert len(engine.asked) == 6
        assert engine.heads[0]["x-request-id"] == "t-1"


async def test_an_idle_connection_that_the_engine_let_go_is_replaced() -> None:
    engine = Engine()
    async with wired(engine) as (way, transport, server):
        await way.complete(BODY, "t")
        port = server.sockets[0].getsockname()[1]
        (kept,) = next(iter(transport._idle.values()))
        server.close()
        assert kept._transport is not None
        kept._transport.get_extra_info("socket").shutdown(2)
        async with serve_engine(engine, port):
            assert (await way.complete(BODY, "t")).raw


@pytest.mark.parametrize("mood", [Mood.HANGS, Mood.STALLS])
async def test_who_goes_away_hangs_up_on_the_engine(mood: Mood) -> None:
    engine = Engine(mood=mood)
    async with wired(engine) as (way, transport, _):
        reading = asyncio.create_task(read(way))
        await until(lambda: len(engine.asked) == 1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await until(lambda: engine.cut == 1)
        assert not any(transport._idle.values())


async def test_a_stalled_exchange_ends_when_its_asker_is_gone() -> None:
    engine = Engine(mood=Mood.STALLS)
    async with wired(engine) as (way, _, _):
        before = asyncio.all_tasks()
        reading = asyncio.create_task(read(way))
        await until(lambda: len(engine.asked) == 1)
        reading.cancel()
        await until(lambda: asyncio.all_tasks() == before)  # what only waits for itself would be cut by the collector
    assert engine.cut == 1


@pytest.mark.parametrize(
    ("mood", "fault"),
    [(Mood.HANGS, Fault.SILENT), (Mood.STALLS, Fault.SILENT), (Mood.CLOSES, Fault.BROKE_OFF)],
)
async def test_silence_and_a_broken_connection_are_told_apart(mood: Mood, fault: Fault) -> None:
    async with wired(Engine(mood=mood), first_byte_timeout_s=0.3, between_tokens_timeout_s=0.3) as (way, _, _):
        with pytest.raises(EngineFault) as told:
            await read(way)
        assert told.value.fault is fault


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
    ],
)
async def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    done = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        done.set()

    server, transport = await asyncio.start_server(speak, "127.0.0.1", 0), Connections()
    way = way_to(server.sockets[0].getsockname()[1], transport)
    with pytest.raises(EngineFault) as told:
        await way.complete(BODY, "t")
    assert told.value.fault is Fault.BROKE_OFF
    await done.wait()
    server.close()
    await settle()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
WHOLE = b'{"object":"chat.completion","model":"m","choices":[]}'
LENGTH = b"content-length: %d\r\n\r\n" % len(WHOLE)


@asynccontextmanager
async def speaking(*answers: bytes | None) -> AsyncIterator[tuple[Way, Connections, list[int]]]:
    """A server that answers one request with each of `answers`, of which None hangs up; `met` is who came when."""
    met: list[int] = []
    left = list(answers)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(set(met))
        with closing(writer), suppress(asyncio.IncompleteReadError):  # whoever asked may have gone
            while left:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(BODY))
                met.append(number)
                answer = left.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                if b"content-length" not in answer and b"chunked" not in answer:
                    break

    server, transport = await asyncio.start_server(speak, "127.0.0.1", 0), Connections()
    yield way_to(server.sockets[0].getsockname()[1], transport), transport, met
    await transport.aclose()
    server.close()
    await settle()


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with speaking(HEAD + b"\r\n" + WHOLE) as (way, transport, _):
        assert (await way.complete(BODY, "t")).raw == WHOLE
        assert not any(transport._idle.values())


async def test_a_notice_before_the_answer_is_not_the_answer() -> None:
    notice = b"HTTP/1.1 103 Early Hints\r\nx-request-id: another\r\ncontent-type: text/html\r\n\r\n"
    async with speaking(notice + HEAD + LENGTH + WHOLE) as (way, transport, _):
        assert (await way.complete(BODY, "t")).raw == WHOLE
        assert [len(idle) for idle in transport._idle.values()] == [1]


async def test_a_connection_that_says_more_than_was_asked_is_not_used_again() -> None:
    twice = (HEAD + LENGTH + WHOLE) * 2
    async with speaking(twice, HEAD + LENGTH + WHOLE) as (way, _, met):
        for _ in range(2):
            assert (await way.complete(BODY, "t")).raw == WHOLE
        assert met == [0, 1]


async def test_a_connection_that_ends_with_its_answer_is_not_kept() -> None:
    async with speaking(HEAD + b"connection: close\r\n" + LENGTH + WHOLE) as (way, transport, _):
        assert (await way.complete(BODY, "t")).raw == WHOLE
        assert not any(transport._idle.values())


async def test_what_was_sent_on_a_kept_connection_that_closes_unanswered_is_sent_again_once() -> None:
    async with speaking(HEAD + LENGTH + WHOLE, None, HEAD + LENGTH + WHOLE) as (way, _, met):
        for _ in range(2):
            assert (await way.complete(BODY, "t")).raw == WHOLE
        assert met == [0, 0, 1]


async def test_what_closes_unanswered_the_first_time_is_not_sent_again() -> None:
    async with speaking(None, HEAD + LENGTH + WHOLE) as (way, _, met):
        with pytest.raises(EngineFault) as told:
            await way.complete(BODY, "t")
        assert told.value.fault is Fault.BROKE_OFF
        assert met == [0]


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"transfer-encoding: chunked\r\n\r\n1;" + b"x" * 200_000 + b"\r\n{\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n" + b"a: b\r\n" * 40_000 + b"\r\n",
        b"HTTP/1.1 103 -\r\n\r\n" * 20_000 + HEAD + LENGTH + WHOLE,
        HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ],
    ids=["chunk extension", "trailers", "notices", "two lengths", "upgrade"],
)
async def test_what_is_no_body_has_a_bound_and_what_can_be_read_two_ways_is_no_answer(answer: bytes) -> None:
    async with speaking(answer) as (way, transport, _):
        with pytest.raises(EngineFault) as told:
            await way.complete(BODY, "t")
        assert told.value.fault is Fault.BROKE_OFF
        assert not any(transport._idle.values())


async def test_an_engine_that_is_faster_than_its_reader_has_to_wait() -> None:
    engine = Engine(mood=Mood.ENDLESS)
    async with wired(engine, answer_bytes_max=1 << 28) as (way, _, _):
        exchange = await way.open(STREAM, "t")
        connection = exchange._response.body._connection  # type: ignore[attr-defined]
        await until(lambda: connection._paused)
        held = connection._unread
        await settle()
        assert connection._unread == held < 2 * connections.UNREAD_BYTES_MAX
        while connection._paused:
            assert await exchange.event()
        await exchange.close()
        await until(lambda: engine.cut == 1)


async def test_a_connection_that_never_stands_was_never_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    with pytest.raises(EngineFault) as told:
        await way_to(1, Connections(), connect_timeout_s=0.05).complete(BODY, "t")
    assert told.value.fault is Fault.UNREACHED


async def test_nothing_goes_in_the_clear_to_an_address_that_is_not_private(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    async with wired(engine) as (way, _, _):
        monkeypatch.setattr(connections, "private", lambda _address: False)
        with pytest.raises(EngineFault) as told:
            await way.complete(BODY, "t")
        assert told.value.fault is Fault.UNREACHED
        assert engine.asked == []


async def test_a_header_cannot_break_out_of_its_line() -> None:
    engine = Engine()
    async with wired(engine) as (way, _, _):
        with pytest.raises(EngineFault):
            await way.complete(BODY, "t\r\nx-other: 1")
        assert engine.asked == []


def test_the_connections_hold_on_the_loop_that_the_server_runs_on() -> None:
    loops = pytest.importorskip("uvloop")

    async def talk() -> None:
        await test_one_connection_serves_one_exchange_after_the_other()
        await test_who_goes_away_hangs_up_on_the_engine(Mood.STALLS)
        await test_an_engine_that_is_faster_than_its_reader_has_to_wait()
        await test_a_body_without_a_length_ends_with_its_connection()
        await test_what_was_sent_on_a_kept_connection_that_closes_unanswered_is_sent_again_once()

    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        runner.run(talk())
