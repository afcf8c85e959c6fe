"""What was said about questions and what then crossed a boundary, in the order in which it happened.

Rules
1. Kept outside every host: by the people who ask, at the laptop's socket, and by the engines themselves. Nothing is
   a decision, a class or a status of the code that is judged.
2. A question carries a mark of its own in its words, so that whoever finds them elsewhere can tell whose they are.
"""

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from shared.routing import DataClass, Purpose

_MARK = re.compile(r"\(question ([a-z]+)\)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks. `true_class` is what the words really are; `consent` is what they agree to with it, if anything.

    `at` is by the laptop's clock, here and below.
    """

    device: str
    mark: str
    job: str | None
    true_class: DataClass
    purpose: Purpose
    consent: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told what became of their question, so that the laptop has it in mind for good."""

    device: str
    mark: str


@dataclass(frozen=True, slots=True)
class TookBack:
    """Somebody took back every consent that they had given for a job, and saw it taken back."""

    device: str
    job: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement of what other places can do reached a laptop; worth nothing from `expires_at` on."""

    device: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Left:
    """A body left a laptop for another place."""

    device: str
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """A body reached an engine behind a boundary."""

    boundary: str
    body: bytes


Event = Asked | Told | TookBack | Stated | Left | Arrived
Note = Callable[[Event], None]


def marked(words: str, mark: str) -> str:
    """`words` with a mark of letters."""
    return f"{words} (question {mark})"


def mark_of(body: bytes) -> str | None:
    """The mark in a body; None if there is none."""
    found = _MARK.search(body.decode(errors="replace"))
    return found[1] if found else None


def letters(number: int) -> str:
    """A number as letters: digits might look like a telephone's."""
    return "".join("abcdefghij"[int(each)] for each in str(number))


class Socket(httpx.AsyncBaseTransport):
    """A laptop's way into the network, with somebody who writes down what passes."""

    def __init__(self, inner: httpx.AsyncBaseTransport, device: str, now: Callable[[], datetime], note: Note) -> None:
        self._inner, self._device, self._now, self._note = inner, device, now, note

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        if request.url.path == "/v1/assist":
            self._note(Left(self._device, await request.aread(), self._now()))
        response = await self._inner.handle_async_request(request)
        if request.url.path == "/v1/capabilities" and isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Overheard(response.stream, self._stated)
        return response

    def _stated(self, body: bytes) -> None:
        if expires_at := _expiry(body):
            self._note(Stated(self._device, expires_at))


class _Overheard(httpx.AsyncByteStream):
    """A body that is told to somebody else, too, when it is whole."""

    def __init__(self, inner: httpx.AsyncByteStream, tell: Callable[[bytes], None]) -> None:
        self._inner, self._tell = inner, tell

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = b""
        async for part in self._inner:
            whole += part
            yield part
        self._tell(whole)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _expiry(body: bytes) -> datetime | None:
    """Until when a signed statement holds; None of what is none. Whether it is authentic is not asked."""
    try:
        told: Any = json.loads(b64decode(json.loads(body)["payload"]))
        return datetime.fromisoformat(told["expires_at"])
    except (ValueError, KeyError, TypeError):
        return None
