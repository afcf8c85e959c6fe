"""A small ERP for parts that can be told to misbehave, and that counts what it really did.

`Erp` is the thing itself, in memory; `build_erp` puts the HTTP surface around it, and `ErpLink` is the wire to that
surface without a socket. What happened is in `effects`: key → how many orders exist under it. A test's question is
always whether any count exceeds one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import ValidationError

from shared import strict_json
from shared.contract import Contract


class Mood(StrEnum):
    """How an order is dealt with.

    * `HONEST`: done and answered. `REFUSES`: not done, and said so.
    * `SILENT_AFTER`: done, and never answered. `SILENT_BEFORE`: not done, and never answered.
    * `LATE`: never answered, and done only at `catch_up`.
    * `GARBAGE_AFTER`: done, and answered with a proxy's page. `GARBAGE_BEFORE`: not done, and the same page.
    * `BUSY`: not done, 503.
    * `REDIRECTS`: not done; it says that another host would do it.
    """

    HONEST = "honest"
    REFUSES = "refuses"
    SILENT_AFTER = "silent_after"
    SILENT_BEFORE = "silent_before"
    LATE = "late"
    GARBAGE_AFTER = "garbage_after"
    GARBAGE_BEFORE = "garbage_before"
    BUSY = "busy"
    REDIRECTS = "redirects"


class Memory(StrEnum):
    """How a lookup is dealt with. `STALE`: what was done since it began is absent until `catch_up`."""

    HONEST = "honest"
    STALE = "stale"
    SILENT = "silent"
    GARBAGE = "garbage"


class Duplicates(StrEnum):
    """What a known key gets: the same answer, a 409, or, if keys are not enforced, a second order."""

    SAME_ANSWER = "same_answer"
    CONFLICT = "conflict"
    SECOND_ORDER = "second_order"


@dataclass(frozen=True, slots=True)
class Said:
    """What the ERP answers; None as `page` and `body` is silence."""

    status: int
    body: Mapping[str, Any] | None = None
    page: str | None = None


SILENCE = Said(0)
_PAGE = Said(200, page="<html><title>Sign in</title></html>")
_DOES_IT = frozenset({Mood.HONEST, Mood.SILENT_AFTER, Mood.GARBAGE_AFTER})


@dataclass
class Erp:
    """The orders, the moods, and the count of effects."""

    mood: Mood = Mood.HONEST
    memory: Memory = Memory.HONEST
    duplicates: Duplicates = Duplicates.SAME_ANSWER
    effects: Counter[str] = field(default_factory=Counter)
    references: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _hidden: set[str] = field(default_factory=set)
    _late: list[str] = field(default_factory=list)

    def order(self, key: str, body: Mapping[str, Any]) -> Said:
        """Deal with an order for parts."""
        self.asked.append(f"order {key}")
        if self.mood is Mood.LATE:
            self._late.append(key)
            return SILENCE
        if self.mood is Mood.REFUSES:
            return Said(422, {"detail": f"no supplier for {body.get('part', 'that')}"})
        known = key in self.references
        if self.mood in _DOES_IT:
            self._do(key)
        return self._answer(key, known=known)

    def _answer(self, key: str, *, known: bool) -> Said:
        match self.mood:
            case Mood.HONEST if known and self.duplicates is Duplicates.CONFLICT:
                return Said(409, {"detail": "this key was used", "key": key})
            case Mood.HONEST:
                return Said(201, {"reference": self.references[key], "key": key})
            case Mood.GARBAGE_AFTER | Mood.GARBAGE_BEFORE:
                return _PAGE
            case Mood.BUSY:
                return Said(503, {"detail": "come back later"})
            case Mood.REDIRECTS:
                return Said(307, {"location": "http://elsewhere.example/orders"})
            case _:
                return SILENCE

    def lookup(self, key: str) -> Said:
        """Say what is known under a key."""
        self.asked.append(f"lookup {key}")
        if self.memory is Memory.SILENT:
            return SILENCE
        if self.memory is Memory.GARBAGE:
            return _PAGE
        if key in self.references and key not in self._hidden:
            return Said(200, {"reference": self.references[key], "key": key})
        return Said(404, {"code": "unknown_key", "key": key})

    def catch_up(self) -> None:
        """What was late happens; what was hidden shows."""
        late, self._late = self._late, []
        for key in late:
            self._do(key)
        self._hidden.clear()

    @property
    def owes(self) -> bool:
        """Whether something is late or hidden."""
        return bool(self._late or self._hidden)

    def _do(self, key: str) -> None:
        if key in self.references and self.duplicates is not Duplicates.SECOND_ORDER:
            return
        self.effects[key] += 1
        self.references.setdefault(key, f"PO-{len(self.references) + 1}")
        if self.memory is Memory.STALE:
            self._hidden.add(key)


class Orders(Contract):
    """What the control route takes; what is left out stays as it is."""

    mood: Mood | None = None
    memory: Memory | None = None
    duplicates: Duplicates | None = None
    catch_up: bool = False


class Silent(Exception):
    """Raised in place of an answer that never comes, where there is no socket to leave open."""


FallSilent = Callable[[Request], Awaitable[None]]


async def _raise_silence(_request: Request) -> None:
    raise Silent


async def wait_for_hang_up(request: Request) -> None:
    """Say nothing until the caller hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def build_erp(erp: Erp, fall_silent: FallSilent = _raise_silence) -> FastAPI:
    """The HTTP surface: ``POST /orders``, ``GET /orders/by-key/{key}``, ``POST /control``, ``GET /effects``.

    `fall_silent` is how an answer is withheld: `wait_for_hang_up` behind a socket.
    """
    app = FastAPI(title="A parts ERP that can be told to misbehave", docs_url=None, redoc_url=None)

    @app.post("/orders")
    async def order(request: Request) -> Response:
        body = strict_json.parse(await request.body())
        return await _tell(erp.order(request.headers.get("Idempotency-Key", ""), body), request, fall_silent)

    @app.get("/orders/by-key/{key}")
    async def lookup(key: str, request: Request) -> Response:
        return await _tell(erp.lookup(key), request, fall_silent)

    @app.post("/control")
    async def control(request: Request) -> Response:
        try:
            told = Orders.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"detail": error.errors()[0]["msg"]}, 422)
        obey(erp, told)
        return JSONResponse({"mood": erp.mood, "memory": erp.memory, "duplicates": erp.duplicates})

    @app.get("/effects")
    async def effects() -> Response:
        return JSONResponse({"effects": erp.effects, "doubled": sum(n > 1 for n in erp.effects.values())})

    return app


def obey(erp: Erp, told: Orders) -> None:
    """Change the ERP's moods."""
    erp.mood = told.mood or erp.mood
    erp.memory = told.memory or erp.memory
    erp.duplicates = told.duplicates or erp.duplicates
    if told.catch_up:
        erp.catch_up()


async def _tell(said: Said, request: Request, fall_silent: FallSilent) -> Response:
    if said.page is not None:
        return HTMLResponse(said.page, said.status)
    if said.body is None:
        await fall_silent(request)
        return Response(status_code=504)
    if said.status == 307:
        return RedirectResponse(said.body["location"], 307)
    return JSONResponse(dict(said.body), said.status)


class ErpLink(httpx.AsyncBaseTransport):
    """The wire to an ERP in this process: silence is a timeout, and `cut` is a wire that is not plugged in."""

    def __init__(self, erp: Erp) -> None:
        self._inner = httpx.ASGITransport(app=build_erp(erp))
        self.cut = False
        self.hosts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on."""
        if self.cut:
            raise httpx.ConnectError("not plugged in", request=request)
        self.hosts.append(request.url.host)
        try:
            return await self._inner.handle_async_request(request)
        except Silent as silent:
            raise httpx.ReadTimeout("no answer", request=request) from silent
