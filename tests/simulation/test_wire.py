"""The network: the application runs on the server's host, and each fault does what its name says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from simulators.faults import CALM, FaultProfile
from simulators.hosts import Host, Incarnation
from tests.simulation.stage import Scene, play

ADDRESS = "https://server.example"


@dataclass
class Counter:
    """An application that counts what it was asked, and answers with the number."""

    asked: list[bytes] = field(default_factory=list)
    slow_s: float = 0.0
    gone: int = 0

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/count")
        async def count(request: Request) -> dict[str, int]:
            body = await request.body()
            self.asked.append(body)
            await asyncio.sleep(self.slow_s)
            return {"asked": len(self.asked), "padding": 10**300}

        @app.get("/stream")
        async def stream() -> StreamingResponse:
            return StreamingResponse(self.parts())

        @app.get("/fail")
        async def fail() -> None:
            raise RuntimeError("a bug")

        return app

    async def parts(self) -> Any:
        try:
            for number in range(100):
                yield f"{number}\n".encode()
                await asyncio.sleep(1)
        finally:
            self.gone += 1


@dataclass
class Pair:
    """A server with the counter on it and a laptop with a client."""

    scene: Scene
    counter: Counter
    server: Host
    laptop: Host
    client: httpx.AsyncClient

    async def ask(self, body: bytes = b"hello") -> httpx.Response:
        return await self.client.post("/count", content=body)


def meet(
    home: Path, act: Callable[[Pair], Awaitable[Any]], profile: FaultProfile = CALM, counter: Counter | None = None
) -> Any:
    counting = counter or Counter()

    async def main(scene: Scene) -> Any:
        async def serve(_life: Incarnation) -> None:
            scene.wire.listen("server.example", counting.app())
            await asyncio.Event().wait()

        server, laptop = scene.host("server", serve), scene.host("laptop")
        server.boot()
        life = laptop.boot()
        await asyncio.sleep(1)
        transport = scene.wire.link(life)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, timeout=20.0) as client:
            return await act(Pair(scene, counting, server, laptop, client))

    return play(home, main, profile)


def test_a_request_gets_its_answer(tmp_path: Path) -> None:
    async def act(pair: Pair) -> tuple[int, list[bytes]]:
        body = bytes(100_000)
        response = await pair.ask(body)
        assert pair.counter.asked == [body]
        return response.json()["asked"], pair.counter.asked

    assert meet(tmp_path, act)[0] == 1


def test_parts_arrive_as_they_are_sent(tmp_path: Path) -> None:
    async def act(pair: Pair) -> list[float]:
        arrived = []
        async with pair.client.stream("GET", "/stream") as response:
            async for line in response.aiter_lines():
                arrived.append(pair.scene.loop.time())
                if line == "3":
                    break
        await asyncio.sleep(30)
        assert pair.counter.gone == 1, "the server hears that the caller has gone"
        return [later - earlier for earlier, later in pairwise(arrived)]

    assert meet(tmp_path, act) == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)


def test_timeouts_are_the_callers_own(tmp_path: Path) -> None:
    async def act(pair: Pair) -> float:
        began = pair.scene.loop.time()
        with pytest.raises(httpx.ReadTimeout, match="20 s"):
            await pair.ask()
        return pair.scene.loop.time() - began

    assert meet(tmp_path, act, counter=Counter(slow_s=1000)) == pytest.approx(20, abs=1)


def test_a_bug_in_the_application_is_an_error_500_and_is_kept(tmp_path: Path) -> None:
    async def act(pair: Pair) -> tuple[int, list[str]]:
        return (await pair.client.get("/fail")).status_code, pair.scene.wire.errors

    status, errors = meet(tmp_path, act)
    assert status == 500
    assert "a bug" in errors[0]


ONCE, TWICE, NEVER = 1, 2, 0
READ, PROTOCOL, CONNECT = httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ConnectError


@pytest.mark.parametrize(
    ("fault", "error", "asked"),
    [
        ("lose_request", READ, {NEVER}),
        ("lose_reply", READ, {ONCE}),
        ("half_open", READ, {NEVER}),
        ("reorder", READ, {NEVER}),
        ("one_way_up", READ, {ONCE}),
        ("one_way_down", READ, {NEVER}),
        ("partition", CONNECT, {NEVER}),
        ("flap", CONNECT, {NEVER}),
        ("truncate", PROTOCOL, {ONCE}),
        ("reset", PROTOCOL, {NEVER, ONCE}),
    ],
)
def test_a_fault_is_what_its_name_says(tmp_path: Path, fault: str, error: type[Exception], asked: set[int]) -> None:
    async def act(pair: Pair) -> int:
        for _ in range(8):  # some faults come in two forms
            pair.counter.asked.clear()
            try:
                response = await pair.ask()
                assert fault in {"truncate", "reset", "flap"}, response
            except error:
                assert len(pair.counter.asked) in asked
                return 1
        return 0

    profile = replace(CALM, **{fault: 1.0})
    assert meet(tmp_path, act, profile, Counter(slow_s=0.2 if fault == "reset" else 0.0)) == 1


@pytest.mark.parametrize(
    ("fault", "status", "asked"),
    [("captive_portal", 200, {0}), ("proxy_429", 429, {0}), ("proxy_503", 503, {0, 1})],
)
def test_something_in_between_answers(tmp_path: Path, fault: str, status: int, asked: set[int]) -> None:
    async def act(pair: Pair) -> set[int]:
        seen = set()
        for _ in range(20):
            pair.counter.asked.clear()
            response = await pair.ask()
            assert response.status_code == status
            seen.add(len(pair.counter.asked))
        return seen

    assert meet(tmp_path, act, replace(CALM, **{fault: 1.0})) == asked


def test_a_duplicate_is_asked_twice_and_answered_once(tmp_path: Path) -> None:
    async def act(pair: Pair) -> tuple[int, list[bytes]]:
        response = await pair.ask()
        await asyncio.sleep(60)
        return response.status_code, pair.counter.asked

    assert meet(tmp_path, act, replace(CALM, duplicate=1.0)) == (200, [b"hello", b"hello"])


def test_a_late_request_arrives_after_a_later_one(tmp_path: Path) -> None:
    async def act(pair: Pair) -> list[bytes]:
        with pytest.raises(httpx.ReadTimeout):
            await pair.ask(b"first")
        pair.scene.chaos.heal()
        await pair.ask(b"second")
        await asyncio.sleep(200)
        return pair.counter.asked

    assert meet(tmp_path, act, replace(CALM, reorder=1.0)) == [b"second", b"first"]


def test_a_dripping_answer_takes_long_and_is_whole(tmp_path: Path) -> None:
    async def act(pair: Pair) -> float:
        began = pair.scene.loop.time()
        assert (await pair.ask()).json()["asked"] == 1
        return pair.scene.loop.time() - began

    assert meet(tmp_path, act, replace(CALM, slow_drip=1.0)) > 3.0


def test_a_server_that_dies_closes_its_connections_unless_the_power_is_cut(tmp_path: Path) -> None:
    async def act(pair: Pair) -> list[str]:
        told = []
        for power_cut in (False, True):
            asking = asyncio.ensure_future(pair.ask())
            await asyncio.sleep(1)
            pair.server.crash("while it worked", power_cut=power_cut)
            with pytest.raises(httpx.TransportError) as caught:
                await asking
            told.append(type(caught.value).__name__)
            with pytest.raises(httpx.ConnectError):
                await pair.ask()
            pair.server.boot()
            await asyncio.sleep(1)
        return told

    assert meet(tmp_path, act, counter=Counter(slow_s=5)) == ["RemoteProtocolError", "ReadTimeout"]


def test_a_standing_server_takes_what_came_meanwhile_when_it_goes_on(tmp_path: Path) -> None:
    async def act(pair: Pair) -> list[bytes]:
        pair.server.pause(100)
        with pytest.raises(httpx.ReadTimeout):
            await pair.ask(b"for the zombie")
        assert pair.counter.asked == []
        await asyncio.sleep(100)
        return pair.counter.asked

    assert meet(tmp_path, act) == [b"for the zombie"]


def test_a_request_outlives_the_host_that_sent_it(tmp_path: Path) -> None:
    async def act(pair: Pair) -> list[bytes]:
        life = pair.laptop.incarnation
        assert life

        async def ask() -> None:
            await pair.ask()

        life.start(ask())
        await asyncio.sleep(0.3)
        pair.laptop.crash("right after sending")
        await asyncio.sleep(60)
        return pair.counter.asked

    assert meet(tmp_path, act, replace(CALM, latency_s_min=0.2, latency_s_max=0.2)) == [b"hello"]


def test_every_byte_is_in_the_trace(tmp_path: Path) -> None:
    def digest(body: bytes) -> str:
        async def act(pair: Pair) -> str:
            await pair.ask(body)
            return pair.scene.around.trace.digest()

        return str(meet(tmp_path / body.decode(), act))

    assert digest(b"a") != digest(b"b")
