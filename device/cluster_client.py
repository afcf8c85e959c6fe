"""HTTP to the places behind the server: signed questions, answers as they come, every byte counted.

Rules
1. Bytes are counted where they pass, under `inference`: of a question from the first try, whether or not it arrives.
2. An answer is believed only if it is the agreed stream, about the task that was asked, from a place that was named,
   and as long as its pieces together. A redirect is not followed; a page is no answer.
3. An error's text names what went wrong, never what was asked.

Source: WHATWG HTML, server-sent events.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import ValidationError

from device.errors import RemoteError, TransportError
from device.keys import DeviceKeys
from device.store import Issue
from device.store import exchange as seen
from device.store.exchange import Exchange
from device.transport import Meter, SyncClient
from shared import strict_json
from shared.assist import Answer, AssistRequest
from shared.ports import Ports
from shared.problems import MEDIA_TYPE, Problem
from shared.request_signature import sign_request

T = TypeVar("T")
ASSIST_PATH, CAPABILITIES_PATH = "/v1/assist", "/v1/capabilities"
ANSWER_BYTES_MAX = 4 << 20
EVENTS = "text/event-stream"
#: What is known of other places is worth no long wait.
CAPABILITIES_S = 5.0
#: Until the first byte, and from one to the next; a place in a queue may take a while.
SILENCE_S = 120.0

_NOT_THE_SERVER = "Something answered, but not the server (a login page of the network?)."


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes that passed in one exchange."""

    up: int
    down: int


class Counted(httpx.AsyncBaseTransport):
    """A transport that counts what passes, also of an answer that comes in pieces, and ends one that never ends."""

    def __init__(self, inner: httpx.AsyncBaseTransport, meter: Meter) -> None:
        self._inner, self._meter = inner, meter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on."""
        size = len(await request.aread())
        self._meter.up["inference"] += size
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._meter.up["inference"] -= size  # nobody was there to send it to
            raise
        if response.is_closed:  # it came in one piece, without a network
            self._meter.down["inference"] += len(response.content)
            return response
        assert isinstance(response.stream, httpx.AsyncByteStream), "the transport is asynchronous"
        response.stream = _Counting(response.stream, self._meter)
        return response

    async def aclose(self) -> None:
        """The connections are whoever's who made them."""


class _Counting(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, meter: Meter) -> None:
        self._inner, self._meter, self._left = inner, meter, ANSWER_BYTES_MAX

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._meter.down["inference"] += len(part)
            self._left -= len(part)
            if self._left < 0:
                raise httpx.RemoteProtocolError("the answer never ends")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


class ClusterClient:
    """The calls to what can answer questions elsewhere. `sync` knows the server's address, time, and takes notes."""

    def __init__(
        self, sync: SyncClient, transport: httpx.AsyncBaseTransport, meter: Meter, keys: DeviceKeys, ports: Ports
    ) -> None:
        self._sync, self._meter, self._key, self._ports = sync, meter, keys.device, ports
        timeout = httpx.Timeout(SILENCE_S, connect=10.0, pool=5.0)
        self._http = httpx.AsyncClient(transport=Counted(transport, meter), timeout=timeout, follow_redirects=False)

    async def close(self) -> None:
        """Release what is held; the transport is closed by whoever made it."""
        await self._http.aclose()

    def passed(self) -> Passed:
        """Bytes that passed so far."""
        return Passed(self._meter.up["inference"], self._meter.down["inference"])

    def met(self) -> list[Exchange]:
        """What exchanges were like that nobody has kept yet; to be asked for once."""
        waiting = list(self._sync.met)
        self._sync.met.clear()
        return waiting

    async def capabilities(self) -> bytes:
        """What the server says that its places can do, as it came: not believed yet.

        Raises:
            TransportError: no usable answer.
            RemoteError: the server refused.
        """
        request = self._http.build_request("GET", f"{self._sync.base_url}{CAPABILITIES_PATH}", timeout=CAPABILITIES_S)
        return (await self._exchange(request, b"", self._whole)).content

    async def assist(self, asked: AssistRequest, say: Callable[[str], None]) -> Answer:
        """The answer to a question; `say` hears its pieces as they come.

        Raises:
            TransportError: no usable answer; the question may have arrived.
            RemoteError: the server refused.
        """
        raw = asked.to_bytes()
        headers = {"content-type": "application/json", "accept": EVENTS}
        request = self._http.build_request(
            "POST", f"{self._sync.base_url}{ASSIST_PATH}", content=raw, headers=headers
        )
        pieces: list[str] = []

        async def read(response: httpx.Response) -> Answer:
            if not response.headers.get("content-type", "").startswith(EVENTS):
                raise TransportError(_NOT_THE_SERVER)
            async for name, data in _events(response):
                if name == "delta":
                    pieces.append(_piece(data))
                    say(pieces[-1])
                elif name == "problem":
                    raise _refused(data)
                elif name == "done":
                    return _believed(data, asked, "".join(pieces))
            raise TransportError("The answer broke off in the middle. Nothing of it is shown as an answer.")

        return await self._exchange(request, raw, read)

    async def _whole(self, response: httpx.Response) -> httpx.Response:
        await response.aread()
        return response

    async def _exchange(
        self, request: httpx.Request, raw: bytes, read: Callable[[httpx.Response], Awaitable[T]]
    ) -> T:
        clock, before = self._ports.clock, self.passed()
        sign_request(request, raw, self._key, self._now(), self._ports.randomness.draw(16).hex())
        began, what = Issue(clock.boot_id(), clock.monotonic_s(), clock.now()), seen.BROKEN
        response: httpx.Response | None = None
        try:
            response = await self._http.send(request, stream=True)
            await _refuse(response)
            what = seen.SOMETHING_ELSE
            got = await read(response)
            what = seen.ANSWERED
        except RemoteError as error:
            what = seen.turned_away(error.problem.code)
            raise
        except httpx.HTTPError as error:
            what = _why_none(error)
            raise TransportError(f"No answer from the server ({type(error).__name__}).") from error
        finally:
            if response is not None:
                await response.aclose()
            took_s, passed = clock.monotonic_s() - began.elapsed_s, self.passed()
            self._sync.met.append(
                Exchange(began, round(took_s, 6), passed.up - before.up, passed.down - before.down, what)
            )
        return got

    def _now(self) -> datetime:
        return self._ports.clock.now() + self._sync.offset


async def _refuse(response: httpx.Response) -> None:
    """Raises what an answer that is none of ours, or a problem, is."""
    if response.headers.get("content-type", "").startswith(MEDIA_TYPE):
        raise _refused((await response.aread()).decode("utf-8", "replace"))
    if response.status_code != httpx.codes.OK:
        raise TransportError(f"Something answered with status {response.status_code}, but not with an answer.")


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Name and data of each event of a stream."""
    name, data = "", ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield name, data
            name, data = "", ""
        elif field == "event":
            name = value
        elif field == "data":
            data = f"{data}\n{value}" if data else value


def _piece(data: str) -> str:
    try:
        piece = strict_json.parse(data.encode())["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise TransportError(_NOT_THE_SERVER) from error
    if not isinstance(piece, str):
        raise TransportError(_NOT_THE_SERVER)
    return piece


def _refused(data: str) -> RemoteError | TransportError:
    try:
        return RemoteError(Problem.model_validate(strict_json.parse(data.encode())))
    except (ValueError, ValidationError):
        return TransportError(_NOT_THE_SERVER)


def _believed(data: str, asked: AssistRequest, text: str) -> Answer:
    try:
        answer = Answer.model_validate(strict_json.parse(data.encode(), bytes_max=ANSWER_BYTES_MAX))
    except (ValueError, ValidationError) as error:
        raise TransportError(_NOT_THE_SERVER) from error
    if answer.task != asked.task:
        raise TransportError("The answer is about another question; it was thrown away.")
    if answer.route not in asked.boundaries:
        raise TransportError("The answer says that it comes from a place that was not permitted; it was thrown away.")
    if text and answer.text != text:
        raise TransportError("The answer is not the one that came in pieces; it was thrown away.")
    return answer


def _why_none(error: httpx.HTTPError) -> str:
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return seen.UNREACHABLE
        case httpx.TimeoutException():
            return seen.TIMED_OUT
        case _:
            return seen.BROKEN
