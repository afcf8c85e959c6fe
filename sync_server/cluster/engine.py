"""One exchange with one engine: OpenAI's chat completions over HTTP, whole or as a stream of events.

Rules
1. The configured address and no other: a redirect is a fault. The engine is sent the body, its key and the task's
   id, and no header of whoever asked.
2. Only JSON of the right object, for the model that was asked, counts as an answer; a proxy's page does not. An
   engine that repeats the request id must repeat ours: anything else is the answer to another task.
3. The first byte, and each next one, come in time, or the exchange ends. An answer has a size.
4. Who stops reading closes the connection, and so the engine stops working.
5. A stream counts as whole only if it says so (``[DONE]``). What is passed on are whole events.

Source: OpenAI API reference, "Create chat completion" and its streaming events; WHATWG HTML, server-sent events.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

from sync_server.cluster.upstreams import Upstream, UpstreamSettings
from sync_server.cluster.wire import Answer, BrokeOff, Header, Request, TooSlow, Unreached, Wire

DONE = b"[DONE]"
REQUEST_ID = b"x-request-id"
_EVENT_BYTES_MAX = 1 << 20
#: How long the end of a body may come behind the end of a stream before its connection is given up.
_DRAIN_S = 0.2


class Fault(StrEnum):
    """How an exchange failed, as a word for counting."""

    UNREACHED = "unreached"
    SILENT = "silent"
    BUSY = "busy"
    REFUSED = "refused"
    REDIRECT = "redirect"
    NOT_AN_ANSWER = "not_an_answer"
    ANOTHER_ANSWER = "another_answer"
    TOO_LARGE = "too_large"
    BROKE_OFF = "broke_off"


#: What says nothing about the engine's health: it is up, and said so.
WELL = frozenset({Fault.BUSY, Fault.REFUSED, Fault.TOO_LARGE})


class EngineFault(Exception):
    """An exchange that gave no answer; the message is in our words and holds nothing of either side's."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Parts:
    """The body of an answer, piece by piece, up to `bytes_max` bytes; `size` are those that came."""

    def __init__(self, response: Answer, bytes_max: int) -> None:
        self._body = response.body
        self._bytes_max = bytes_max
        self.size = 0

    async def read(self) -> bytes | None:
        """The next piece; None at the end. Raises `EngineFault`."""
        try:
            part = await self._body.read()
        except TooSlow as error:
            raise EngineFault(Fault.SILENT, "no answer in time") from error
        except BrokeOff as error:
            raise EngineFault(Fault.BROKE_OFF, "the engine hung up in the middle") from error
        self.size += len(part or b"")
        if self.size > self._bytes_max:
            raise EngineFault(Fault.TOO_LARGE, f"an answer of more than {self._bytes_max} bytes")
        return part


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole answer: its bytes as the engine wrote them, what they say, and what the engine counted."""

    raw: bytes = field(repr=False)
    said: dict[str, Any] = field(repr=False)
    usage: dict[str, Any]


class Exchange:
    """A streamed answer: `early` are the data of the events up to the first token, `event` gives those after it.

    `usage` is what the engine counted, once it said so; `size` the bytes that came.
    """

    def __init__(self, response: Answer, told: UpstreamSettings) -> None:
        self._response, self._told = response, told
        self._parts = Parts(response, told.answer_bytes_max)
        self._rest, self._ready = b"", list[bytes]()
        self.early: list[bytes] = []
        self.usage: dict[str, Any] = {}
        self.ended = False

    @property
    def size(self) -> int:
        """Bytes of the answer so far."""
        return self._parts.size

    async def event(self) -> bytes | None:
        """The data of the next event; None behind the last. Raises `EngineFault`."""
        if self._ready or self.ended:
            return await self.read()
        try:
            async with asyncio.timeout(self._told.between_tokens_timeout_s):
                return await self.read()
        except TimeoutError as error:
            raise EngineFault(Fault.SILENT, "no further token in time") from error

    async def read(self) -> bytes | None:
        """The same without a limit of time."""
        while not self._ready and not self.ended:
            part = await self._parts.read()
            if part is None:
                raise EngineFault(Fault.BROKE_OFF, "the engine ended in the middle")
            self._take(part)
        if not self._ready:
            return None
        return self._ready.pop(0)

    def _take(self, part: bytes) -> None:
        *events, self._rest = (self._rest + part).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            data = _data(event)
            if data == DONE:
                self.ended = True
                return
            if data:
                self._ready.append(data)
                if b'"usage"' in data and isinstance(found := _json(data), dict):
                    self.usage = found.get("usage") or self.usage
        if len(self._rest) > _EVENT_BYTES_MAX:
            raise EngineFault(Fault.TOO_LARGE, "an event without an end")

    async def close(self) -> None:
        """Let go; an engine whose answer was not read to its end sees the connection closed."""
        if self.ended:
            await self._drain()
        await _close(self._response)

    async def _drain(self) -> None:
        """Read what is behind the end, if it is there at once, so that the connection can be kept."""
        try:
            async with asyncio.timeout(_DRAIN_S):
                while await self._parts.read() is not None:
                    pass
        except (TimeoutError, EngineFault):
            return


class Engine:
    """The way to one upstream over `wire`, which the caller closes."""

    def __init__(self, upstream: Upstream, wire: Wire) -> None:
        self.upstream = upstream
        self._told, self._wire = upstream.told, wire
        place = urlsplit(upstream.told.url)
        assert place.hostname is not None, "the file was checked"
        self._origin = (place.scheme, place.hostname, place.port or (443 if place.scheme == "https" else 80))
        self._completions, self._models = (
            f"{place.path.rstrip('/')}/v1/{each}" for each in ("chat/completions", "models")
        )
        self._headers: list[Header] = [(b"host", place.netloc.encode()), (b"accept-encoding", b"identity")]
        if upstream.key:
            self._headers.append((b"authorization", b"Bearer " + upstream.key.encode()))

    async def complete(self, body: bytes, task: str) -> "Whole":
        """The whole answer to `body`. Raises `EngineFault`."""
        asked = self._post(body, task, b"application/json")
        raw = await self._whole(asked, task, self._told.first_byte_timeout_s)
        said = _json(raw)
        self._check(said, "chat.completion")
        usage = said.get("usage")
        return Whole(raw, said, usage if isinstance(usage, dict) else {})

    async def open(self, body: bytes, task: str) -> "Exchange":
        """A streamed answer whose first token is there. Whoever opens one closes it. Raises `EngineFault`."""
        response: Answer | None = None
        try:
            async with asyncio.timeout(self._told.first_byte_timeout_s):
                response = await self._post(body, task, b"text/event-stream")
                _expect(response, b"text/event-stream", task)
                exchange = Exchange(response, self._told)
                while (event := await exchange.read()) is not None:
                    said = _json(event)
                    self._check(said, "chat.completion.chunk")
                    exchange.early.append(event)
                    if _has_token(said):
                        break
                return exchange
        except TimeoutError as error:
            await _close(response)
            raise EngineFault(Fault.SILENT, "no token in time") from error
        except BaseException:
            await _close(response)
            raise

    async def probe(self) -> None:
        """Whether the engine is up and has the model. Raises `EngineFault`."""
        asked = self._send("GET", self._models, [])
        listed = _json(await self._whole(asked, "", self._told.connect_timeout_s))
        models = listed.get("data") if isinstance(listed, dict) else None
        named = {each.get("id") for each in models if isinstance(each, dict)} if isinstance(models, list) else set()
        if self._told.model not in named:
            raise EngineFault(Fault.ANOTHER_ANSWER, "the engine does not serve the configured model")

    async def _whole(self, asked: Awaitable[Answer], task: str, within_s: float) -> bytes:
        response: Answer | None = None
        try:
            async with asyncio.timeout(within_s):
                response = await asked
                _expect(response, b"application/json", task)
                parts = Parts(response, self._told.answer_bytes_max)
                raw = b""
                while (part := await parts.read()) is not None:
                    raw += part
                return raw
        except TimeoutError as error:
            raise EngineFault(Fault.SILENT, "no answer in time") from error
        finally:
            await _close(response)

    async def _post(self, body: bytes, task: str, accept: bytes) -> Answer:
        more = [(b"accept", accept), (b"content-type", b"application/json"), (REQUEST_ID, task.encode())]
        return await self._send("POST", self._completions, [*more, (b"content-length", b"%d" % len(body))], body)

    async def _send(self, method: str, target: str, more: list[Header], body: bytes = b"") -> Answer:
        headers = [*self._headers, *more]
        try:
            return await self._wire.exchange(
                Request(method, self._origin, target, headers, body, self._told.connect_timeout_s)
            )
        except Unreached as error:
            raise EngineFault(Fault.UNREACHED, "the engine cannot be reached") from error
        except TooSlow as error:
            raise EngineFault(Fault.SILENT, "no answer in time") from error
        except BrokeOff as error:
            raise EngineFault(Fault.BROKE_OFF, "the engine hung up") from error

    def _check(self, said: Any, kind: str) -> None:
        if not isinstance(said, dict) or said.get("object") != kind or not isinstance(said.get("choices"), list):
            raise EngineFault(Fault.NOT_AN_ANSWER, f"no {kind}")
        if said.get("model") != self._told.model:
            raise EngineFault(Fault.ANOTHER_ANSWER, "the answer of another model")


def _expect(response: Answer, kind: bytes, task: str) -> None:
    """Raises `EngineFault` unless the head is that of an answer of media type `kind` to `task`."""
    status, headers = response.status, response.headers
    if 300 <= status < 400:
        raise EngineFault(Fault.REDIRECT, f"a redirect (status {status}), which is not followed")
    if status in {429, 503}:
        raise EngineFault(Fault.BUSY, f"the engine is too busy (status {status})")
    if status in {400, 413, 422}:
        raise EngineFault(Fault.REFUSED, f"the engine does not take it (status {status})")
    if status != 200:
        raise EngineFault(Fault.NOT_AN_ANSWER, f"status {status}")
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != kind:
        raise EngineFault(Fault.NOT_AN_ANSWER, f"not {kind.decode()}")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise EngineFault(Fault.NOT_AN_ANSWER, "compressed, which was not asked for")
    if task and headers.get(REQUEST_ID, task.encode()) != task.encode():
        raise EngineFault(Fault.ANOTHER_ANSWER, "the answer to another task")


async def _close(response: Answer | None) -> None:
    if response is not None:
        await response.body.close()


def _has_token(said: Any) -> bool:
    """Whether an event carries more than who speaks."""
    for choice in said["choices"]:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role"):
            return True
        if isinstance(choice, dict) and choice.get("finish_reason"):
            return True
    return False


def _data(event: bytes) -> bytes:
    """The data of one event; empty for a comment."""
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)


def _json(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except ValueError as error:
        raise EngineFault(Fault.NOT_AN_ANSWER, "not JSON") from error
