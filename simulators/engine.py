"""An engine that speaks OpenAI's chat completions and can be told to misbehave, and that counts what it was asked.

`Engine` is the thing itself; `EngineLink` is the wire to several of them without a socket, `serve_engine` puts one
behind a socket. A test's questions are what reached it (`asked`), and whether whoever went away was noticed (`cut`).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx


class Mood(StrEnum):
    """How a task is dealt with.

    * `HONEST`: answered. `SLOW`: answered, with `pause_s` before each word.
    * `HANGS`: never answered. `STALLS`: silent after the first word. `CLOSES`: hangs up after the first word.
    * `HTML`: a proxy's page. `REDIRECTS`: another host would do it. `GARBAGE`: JSON that is no answer.
    * `BUSY`: 429. `DOWN`: 503. `BROKEN`: 500. `GONE`: no connection.
    * `ANOTHER_MODEL`, `ANOTHER_TASK`: somebody else's answer. `ENDLESS`: words without end.
    """

    HONEST = "honest"
    SLOW = "slow"
    HANGS = "hangs"
    STALLS = "stalls"
    CLOSES = "closes"
    HTML = "html"
    REDIRECTS = "redirects"
    GARBAGE = "garbage"
    BUSY = "busy"
    DOWN = "down"
    BROKEN = "broken"
    GONE = "gone"
    ANOTHER_MODEL = "another_model"
    ANOTHER_TASK = "another_task"
    ENDLESS = "endless"


@dataclass(frozen=True, slots=True)
class Said:
    """The head of an answer."""

    status: int
    headers: Mapping[str, str]


_JSON, _EVENTS = {"content-type": "application/json"}, {"content-type": "text/event-stream; charset=utf-8"}
_HEADS = {
    Mood.HTML: Said(200, {"content-type": "text/html"}),
    Mood.REDIRECTS: Said(307, {"location": "http://elsewhere.example/v1/chat/completions"}),
    Mood.BUSY: Said(429, _JSON),
    Mood.DOWN: Said(503, _JSON),
    Mood.BROKEN: Said(500, _JSON),
}
_PAGES = {Mood.HTML: b"<html><title>Sign in</title></html>", Mood.GARBAGE: b'{"object":"list","data":[]}'}


@dataclass
class Engine:
    """One engine. `words` is what it answers; `asked` are the bodies that reached it, `heads` their headers."""

    model: str = "m"
    mood: Mood = Mood.HONEST
    words: tuple[str, ...] = ("Replace", " the", " filter", ".")
    pause_s: float = 0.0
    asked: list[bytes] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    probes: int = 0
    cut: int = 0

    def head(self, task: Mapping[str, str], *, stream: bool) -> Said:
        """The head of the answer to a task with those headers."""
        if said := _HEADS.get(self.mood):
            return said
        headers = dict(_EVENTS if stream and self.mood is not Mood.GARBAGE else _JSON)
        if self.mood is Mood.ANOTHER_TASK:
            headers["x-request-id"] = "0" * 36
        elif "x-request-id" in task:
            headers["x-request-id"] = task["x-request-id"]
        return Said(200, headers)

    async def body(self, *, stream: bool) -> AsyncGenerator[bytes]:
        """The body of the answer, piece by piece; it may fall silent, or raise `ConnectionError`."""
        if self.mood in _PAGES or self.mood in _HEADS:
            yield _PAGES.get(self.mood, b"{}")
        elif not stream:
            await self._pause()
            yield self._whole()
        else:
            async with aclosing(self._events()) as events:
                async for event in events:
                    yield b"data: " + event + b"\n\n"

    async def _events(self) -> AsyncGenerator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})
        for place, word in enumerate(self._endless() if self.mood is Mood.ENDLESS else self.words):
            await self._pause()
            yield self._chunk({"content": word})
            if place == 0 and self.mood is Mood.STALLS:
                await silence()
            if place == 0 and self.mood is Mood.CLOSES:
                raise ConnectionError
        yield self._chunk({}, "stop")
        yield json.dumps({**self._meta("chat.completion.chunk"), "choices": [], "usage": self._usage()}).encode()
        yield b"[DONE]"

    async def _pause(self) -> None:
        if self.pause_s:
            await asyncio.sleep(self.pause_s)

    def _endless(self) -> Any:
        while True:
            yield "word " * 1000

    def _meta(self, kind: str) -> dict[str, Any]:
        model = "another" if self.mood is Mood.ANOTHER_MODEL else self.model
        return {"id": "c", "object": kind, "created": 0, "model": model}

    def _usage(self) -> dict[str, int]:
        return {"prompt_tokens": 7, "completion_tokens": len(self.words), "total_tokens": 7 + len(self.words)}

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return json.dumps({**self._meta("chat.completion.chunk"), "choices": [choice]}).encode()

    def _whole(self) -> bytes:
        text = "".join(self.words) if self.mood is not Mood.ENDLESS else "word " * 10_000_000
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return json.dumps({**self._meta("chat.completion"), "choices": [choice], "usage": self._usage()}).encode()

    def models(self) -> bytes:
        """What it serves."""
        return json.dumps({"object": "list", "data": [{"id": self.model, "object": "model"}]}).encode()


async def silence() -> None:
    """Say nothing, for ever."""
    await asyncio.Event().wait()


class _Stream(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """A body that notices if nobody reads it to its end."""

    def __init__(self, engine: Engine, *, stream: bool) -> None:
        self._engine, self._parts = engine, engine.body(stream=stream)
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self._done = True
            raise
        except ConnectionError as error:
            raise httpx.RemoteProtocolError("hung up") from error

    async def aclose(self) -> None:
        """Count what was cut off."""
        if not self._done:
            self._done = True
            self._engine.cut += 1
            await self._parts.aclose()


class EngineLink(httpx.AsyncBaseTransport):
    """The wire to engines by host, without a socket; `hosts` are those that somebody tried to reach."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines
        self.hosts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The engine's answer."""
        self.hosts.append(request.url.host)
        engine = self._engines.get(request.url.host)
        if engine is None or engine.mood is Mood.GONE:
            raise httpx.ConnectError("no connection", request=request)
        if request.method == "GET":
            engine.probes += 1
            return httpx.Response(200, headers=_JSON, stream=httpx.ByteStream(engine.models()))
        body = await request.aread()
        engine.asked.append(body)
        engine.heads.append(dict(request.headers))
        if engine.mood is Mood.HANGS:
            try:
                await silence()
            finally:
                engine.cut += 1
        stream = bool(json.loads(body).get("stream"))
        said = engine.head(request.headers, stream=stream)
        return httpx.Response(said.status, headers=said.headers, stream=_Stream(engine, stream=stream))


@asynccontextmanager
async def serve_engine(engine: Engine, port: int = 0) -> AsyncIterator[asyncio.Server]:
    """An engine behind a socket of loopback; who leaves takes every exchange along that is still open."""
    talks: set[asyncio.Task[None]] = set()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None  # a stream's callback is a task
        talks.add(talk)  # a loop holds its tasks weakly: one that only waits for itself is the collector's
        try:
            while await _exchange(engine, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            talks.discard(talk)

    async with await asyncio.start_server(speak, "127.0.0.1", port) as server:
        try:
            yield server
        finally:
            server.close()
            await _ended(*talks)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _exchange(engine: Engine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    if start.startswith("GET"):
        engine.probes += 1
        _head(writer, Said(200, {**_JSON, "content-length": str(len(engine.models()))}))
        writer.write(engine.models())
        return True
    engine.asked.append(body)
    engine.heads.append(headers)
    if engine.mood in {Mood.HANGS, Mood.GONE}:
        await _until_gone(engine, reader)
        return False
    stream = b'"stream":true' in body.replace(b" ", b"")
    said = engine.head(headers, stream=stream)
    if not stream:
        whole = b"".join([part async for part in engine.body(stream=False)])
        _head(writer, Said(said.status, {**said.headers, "content-length": str(len(whole))}))
        writer.write(whole)
        return True
    _head(writer, Said(said.status, {**said.headers, "transfer-encoding": "chunked"}))
    gone = asyncio.create_task(_until_gone(engine, reader))
    told = asyncio.create_task(_stream(engine, writer))
    try:
        await asyncio.wait((gone, told), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            return False
        await told
    finally:
        await _ended(gone, told)
    return True


async def _stream(engine: Engine, writer: asyncio.StreamWriter) -> None:
    async with aclosing(engine.body(stream=True)) as parts:
        async for part in parts:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
    writer.write(b"0\r\n\r\n")


async def _until_gone(engine: Engine, reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        await reader.read(1)
    engine.cut += 1


def _head(writer: asyncio.StreamWriter, said: Said) -> None:
    lines = [f"HTTP/1.1 {said.status} -", *(f"{name}: {value}" for name, value in said.headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
