"""What carries one HTTP exchange to an engine, and how that can fail.

`connections` is the real thing; `through_httpx` lets any transport of httpx do it, such as the simulator's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: Scheme, host, port.
Origin = tuple[str, str, int]
Header = tuple[bytes, bytes]


class Unreached(Exception):
    """There was no connection, so nothing was sent."""


class TooSlow(Exception):
    """It took too long."""


class BrokeOff(Exception):
    """The connection ended before the answer did, or what came was no answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent where. `connect_s` is how long a new connection may take to stand, in seconds."""

    method: str
    origin: Origin
    target: str
    headers: Sequence[Header] = field(repr=False)
    body: bytes = field(repr=False)
    connect_s: float


class Body(Protocol):
    """The body of an answer, which is still coming."""

    async def read(self) -> bytes | None:
        """The next piece; None at the end. Raises `TooSlow`, `BrokeOff`."""

    async def close(self) -> None:
        """Let go. An engine whose answer was not read to its end sees the connection closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, its headers by their names in lower case, and the body that is still to be read."""

    status: int
    headers: Mapping[bytes, bytes]
    body: Body


class Wire(Protocol):
    """The way to every engine."""

    async def exchange(self, request: Request) -> Answer:
        """Send `request`; the head of the answer. Raises `Unreached`, `TooSlow`, `BrokeOff`."""

    async def aclose(self) -> None:
        """Close what is kept open."""
