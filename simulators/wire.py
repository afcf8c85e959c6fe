"""The network of a world: HTTP between simulated hosts, and everything that happens to it on the way.

A `Link` is an `httpx.AsyncBaseTransport` on the caller's host; it runs the ASGI application in a task of the server's
host, and passes on the parts of request and answer as they are sent.

Rules
1. Bits on the way belong to nobody: a host that dies takes back nothing that it sent, and a caller that gives up
   stops no request that left.
2. Timeouts are the caller's own (`httpx.Timeout` in the request), in virtual time. A part that does not come raises
   what the real transport raises.
3. A process that dies closes its connections; a machine without power, or one that stands still, says nothing.
4. What leaves a host is traced byte for byte.
5. The faults, one by one: `simulators.faults.FaultProfile`.

Not handled here: TLS, name resolution, proxies that keep what they saw.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx

from simulators.faults import Chaos
from simulators.hosts import Host, Incarnation
from simulators.loop import OWNER, Gone, SeededLoop
from simulators.streams import Stream
from simulators.trace import Trace

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
PART_BYTES = 16_384
#: Two parts never arrive at the same instant, or the heap of timers might swap them.
APART_S = 1e-6
PORTAL = b"<!DOCTYPE html><title>Guest network</title><h1>Welcome. Accept the terms to go on.</h1>"
#: Calls from callers that set no timeout end after this long: no real network keeps silent for ever.
PATIENCE_S = 120.0
SPELLS = ("partition", "one_way_up", "one_way_down", "flap")
#: Only arranged: the link is up, as slow as the spell says; somebody else answers.
UP, PORTAL_SPELL = "up", "portal"
FLAP_S = 4.0


class Broken(Exception):
    """The connection ended before the answer did."""


@dataclass
class Spell:
    """Bad weather on a link."""

    kind: str
    began_s: float
    ends_s: float
    #: It was arranged, and lasts whatever the faults do.
    arranged: bool = False
    #: How long everything takes there, and back again; None where that is as ever.
    latency_s: float | None = None

    def down(self, now_s: float) -> bool:
        """Whether nothing can be reached now."""
        if self.kind == "flap":
            return int((now_s - self.began_s) / FLAP_S) % 2 == 0
        return self.kind == "partition"


class Wire:
    """The network of one world: who listens where."""

    def __init__(self, loop: SeededLoop, chaos: Chaos, trace: Trace) -> None:
        self.loop, self.chaos, self.trace = loop, chaos, trace
        self._listeners: dict[str, tuple[Incarnation, Application]] = {}
        #: The spell that lies on each host's link; the weather outlives the host.
        self.weather: dict[str, Spell] = {}
        #: What an application raised: a fault of ours, or a bug of the product's.
        self.errors: list[str] = []
        self._requests: Counter[str] = Counter()

    def listen(self, address: str, app: Application) -> None:
        """The running incarnation serves `address` (a host name) with `app` until it dies."""
        life = OWNER.get()
        assert isinstance(life, Incarnation), "only a program on a host listens"
        self._listeners[address] = life, app

    def link(self, life: Incarnation, *, once: bool = False) -> "Link":
        """What `life` reaches the network through; with `once`, nothing on the way sends a request twice."""
        return Link(self, life, once=once)

    def listener(self, address: str) -> tuple[Incarnation, Application] | None:
        """Who serves an address, if anybody is alive there."""
        found = self._listeners.get(address)
        return found if found and found[0].alive else None

    def count(self, caller: str) -> int:
        """The number of one more request of a host."""
        self._requests[caller] += 1
        return self._requests[caller]

    def later(self, delay_s: float, call: Callable[..., Any], *arguments: Any) -> None:
        """Something that happens on the way, whoever lives or dies."""
        self.loop.call_later(delay_s, call, *arguments, context=Context())


class Exchange:
    """One request at a server, and its answer as it is sent."""

    def __init__(
        self, wire: Wire, server: tuple[Incarnation, Application], scope: Message, body: bytes, *, half: bool = False
    ) -> None:
        """With `half`, the second half of the request never comes, and nobody says so."""
        self._wire, self._scope = wire, scope
        self._life, self._app = server
        whole = [body[at : at + PART_BYTES] for at in range(0, len(body), PART_BYTES)] or [b""]
        self._parts = [body[: len(body) // 2]] if half else whole
        self._half = half
        self._gone: asyncio.Future[None] = wire.loop.create_future()
        self._started = self._complete = False
        #: Where the answer goes; replaced by whoever waits for it.
        self.answer: Callable[[Message | Broken], None] = _nowhere

    def begin(self) -> None:
        """The request has arrived."""
        if not self._life.alive:
            self.answer(Broken("connection refused"))
            return
        self._life.at_end(self, self._server_died)
        self._life.start(self._serve(), cancellable=True)

    def disconnect(self) -> None:
        """The caller has hung up, and the server hears of it."""
        if not self._gone.done():
            self._gone.set_result(None)

    def _server_died(self, power_cut: bool) -> None:
        if not power_cut:
            self.answer(Broken("the server closed the connection"))

    async def _serve(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001  # whatever an application raises, its server survives
            self._wire.errors.append(f"{self._scope['method']} {self._scope['path']}: {error!r}")
        finally:
            self._life.forget(self)
            if not self._complete and self._life.alive:
                self.answer(Broken("the server ended without a whole answer"))

    async def _receive(self) -> Message:
        if self._parts:
            part = self._parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": self._half or bool(self._parts)}
        await self._gone
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if not self._life.alive:
            raise Gone
        host = self._life.host
        if message["type"] == "http.response.start":
            self._started = True
            host.trace.note(host.name, f"answers {message['status']}", *(b": ".join(h) for h in message["headers"]))
        else:
            self._complete = not message.get("more_body", False)
            host.trace.note(host.name, "sends", message.get("body", b""))
        self.answer(message)


def _nowhere(_: Message | Broken) -> None:
    """Nobody waits for this answer."""


class Link(httpx.AsyncBaseTransport):
    """A caller's way into the network."""

    def __init__(self, wire: Wire, life: Incarnation, *, once: bool) -> None:
        self._wire, self._life, self.name, self._once = wire, life, life.host.name, once
        self._chaos = wire.chaos

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request there and the beginning of its answer back; the rest comes as it is read.

        Raises:
            httpx.TransportError: as the real transport would.
        """
        dice = self._chaos.apart(f"link/{self.name}/{self._wire.count(self.name)}")
        call = _Call(self._wire, self._life.host, request, await request.aread(), dice)
        self._wire.trace.note(self.name, f"asks {request.method} {request.url}", *call.lines(), call.body)
        spell = self._spell()
        await asyncio.sleep(self._latency_s(dice, spell))
        if spell and spell.down(self._wire.loop.time()):
            raise httpx.ConnectError("the network is down", request=request)
        if made_up := self._in_between(request, spell):
            return made_up
        if spell and spell.kind == "one_way_down":
            await call.wait_in_vain()
        if self._chaos.strikes("half_open", self.name):
            call.send(0.0, half=True)
            await call.wait_in_vain()
        if self._chaos.strikes("lose_request", self.name):
            await call.wait_in_vain()
        return await self._carry(call, spell)

    def _spell(self) -> Spell | None:
        now_s, weather = self._wire.loop.time(), self._wire.weather
        lasting = weather.get(self.name)
        if lasting and (lasting.ends_s <= now_s or self._cleared(lasting)):
            del weather[self.name]
        kind = next((kind for kind in SPELLS if self._chaos.strikes(kind, self.name)), None)
        if kind and (self.name not in weather or weather[self.name].kind == UP):
            length_s = self._chaos.about(kind, self.name).between(1.0, self._chaos.profile.spell_s_max)
            self._wire.trace.note(self.name, f"{kind} for {length_s:.3f} s")
            weather[self.name] = Spell(kind, now_s, now_s + length_s)
        return weather.get(self.name)

    def _cleared(self, spell: Spell) -> bool:
        """Whether the faults that brought it have healed."""
        return not spell.arranged and getattr(self._chaos.profile, spell.kind) <= 0

    def _latency_s(self, dice: Stream, spell: Spell | None) -> float:
        profile = self._chaos.profile
        usual_s = dice.between(profile.latency_s_min, profile.latency_s_max)
        return usual_s if spell is None or spell.latency_s is None else spell.latency_s

    def _in_between(self, request: httpx.Request, spell: Spell | None) -> httpx.Response | None:
        """What something on the way answers, that never asked the server."""
        if (spell and spell.kind == PORTAL_SPELL) or self._chaos.strikes("captive_portal", self.name):
            return httpx.Response(200, html=PORTAL.decode(), request=request)
        if self._chaos.strikes("proxy_429", self.name):
            return httpx.Response(429, text="Too many requests", headers={"retry-after": "5"}, request=request)
        return None

    async def _carry(self, call: "_Call", spell: Spell | None) -> httpx.Response:
        chaos, name = self._chaos, self.name
        gateway = chaos.strikes("proxy_503", name)
        if gateway and chaos.about("proxy_503", name).chance(0.5):
            return _gave_up(call.request)
        if not self._once and chaos.strikes("duplicate", name):
            call.send(chaos.about("duplicate", name).between(0.0, 30.0))
        there_s, back_s = self._delays()
        if chaos.strikes("reorder", name):
            there_s += chaos.about("reorder", name).between(30.0, 120.0)
        exchange = call.send(there_s)
        if (spell and spell.kind == "one_way_up") or chaos.strikes("lose_reply", name):
            await call.wait_in_vain()
        answer = Answer(call, exchange, back_s=self._latency_s(call.dice, spell) + back_s)
        if chaos.strikes("reset", name):
            answer.resets_after_s = chaos.about("reset", name).between(0.0, 0.5)
        if chaos.strikes("slow_drip", name):
            answer.drips = chaos.about("slow_drip", name)
        if chaos.strikes("truncate", name):
            answer.truncate(chaos.about("truncate", name))
        response = await answer.begin()
        if gateway:
            await answer.aclose()
            return _gave_up(call.request)
        return response

    def _delays(self) -> tuple[float, float]:
        """Seconds more on the way there, and on the way back."""
        if not self._chaos.strikes("delay", self.name):
            return 0.0, 0.0
        dice = self._chaos.about("delay", self.name)
        extra_s = dice.between(0.0, self._chaos.profile.delay_s_max)
        return (extra_s, 0.0) if dice.chance(0.5) else (0.0, extra_s)


def _gave_up(request: httpx.Request) -> httpx.Response:
    return httpx.Response(503, text="Service unavailable", request=request)


class _Call:
    """One call of a host: the request, and how long it is waited for."""

    def __init__(self, wire: Wire, host: Host, request: httpx.Request, body: bytes, dice: Stream) -> None:
        self.wire, self.host, self.request, self.body, self.dice = wire, host, request, body, dice
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        self.patience_s = timeouts.get("read") or PATIENCE_S

    def lines(self) -> list[bytes]:
        """The header lines."""
        return [b": ".join(header) for header in self.request.headers.raw]

    def timed_out(self) -> httpx.ReadTimeout:
        """What the caller gets who waited too long."""
        return httpx.ReadTimeout(f"nothing came for {self.patience_s:g} s", request=self.request)

    async def wait_in_vain(self) -> None:
        """Nothing comes. Raises `httpx.ReadTimeout`."""
        await asyncio.sleep(self.patience_s)
        raise self.timed_out()

    def send(self, delay_s: float, *, half: bool = False) -> Exchange:
        """Let the request, or the first half of it, arrive after a while, whatever becomes of the caller.

        Raises:
            httpx.ConnectError: nobody listens.
        """
        server = self.wire.listener(self.request.url.host)
        if server is None:
            raise httpx.ConnectError("nobody listens there", request=self.request)
        exchange = Exchange(self.wire, server, _scope(self.request), self.body, half=half)
        self.wire.later(delay_s, exchange.begin)
        return exchange


class Answer(httpx.AsyncByteStream):
    """The answer on its way back, part by part, in order."""

    def __init__(self, call: _Call, exchange: Exchange, *, back_s: float) -> None:
        self._call, self._exchange, self._back_s = call, exchange, back_s
        self._arrived: asyncio.Queue[Message | Broken] = asyncio.Queue()
        self._last_s = 0.0
        self.resets_after_s: float | None = None
        #: The dice of a fault that lies on this answer.
        self.drips: Stream | None = None
        self.ends_after: int | None = None
        self._noticed = True
        self._read = 0
        exchange.answer = self._depart

    def truncate(self, dice: Stream) -> None:
        """Let it end too early, noticed or not."""
        self.ends_after, self._noticed = dice.below(400), dice.chance(0.5)

    def _depart(self, message: Message | Broken) -> None:
        loop = self._call.wire.loop
        self._last_s = max(loop.time() + self._back_s, self._last_s + APART_S)
        loop.call_at(self._last_s, self._arrived.put_nowait, message, context=Context())

    async def begin(self) -> httpx.Response:
        """Status and headers. Raises `httpx.TransportError`."""
        if self.resets_after_s is not None:
            self._call.wire.later(self.resets_after_s, self._arrived.put_nowait, Broken("connection reset"))
        start = await self._next()
        headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
        return httpx.Response(start["status"], headers=headers, stream=self, request=self._call.request)

    async def _next(self) -> Message:
        call = self._call
        try:
            async with asyncio.timeout(call.patience_s):
                message = await self._arrived.get()
        except TimeoutError as error:
            await self.aclose()
            raise call.timed_out() from error
        if isinstance(message, Broken):
            await self.aclose()
            raise httpx.RemoteProtocolError(str(message), request=call.request)
        return message

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._next()
            more = message.get("more_body", False)
            async for piece in self._pieces(message.get("body", b"")):
                yield piece
                if self.ends_after is not None and self._read > self.ends_after:
                    return

    async def _pieces(self, part: bytes) -> AsyncIterator[bytes]:
        size = max(1, len(part) // 8) if self.drips or self.ends_after is not None else max(1, len(part))
        for at in range(0, len(part), size):
            if self.drips:
                await asyncio.sleep(self.drips.between(0.1, 3.0))
            piece = part[at : at + size]
            self._read += len(piece)
            yield self._cut(piece)

    def _cut(self, piece: bytes) -> bytes:
        """Raises `httpx.RemoteProtocolError` where the end is noticed."""
        if self.ends_after is None or self._read <= self.ends_after:
            return piece
        if self._noticed:
            raise httpx.RemoteProtocolError(
                "peer closed connection without a whole answer", request=self._call.request
            )
        return piece[: max(0, len(piece) - (self._read - self.ends_after))]

    async def aclose(self) -> None:
        """Hang up."""
        self._exchange.answer = _nowhere
        self._call.wire.later(self._back_s, self._exchange.disconnect)


def _scope(request: httpx.Request) -> Message:
    url = request.url
    path, _, query = url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port or 80),
        "client": ("192.0.2.1", 50_000),
        "state": {},
        "extensions": {},
    }
