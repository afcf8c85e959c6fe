"""What every route reads from a request: the parts that a signature covers, and the body up to a limit."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from shared.problems import Code, Refused
from shared.sync import BODY_BYTES_MAX


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """What a request signature covers, taken from the request as it arrived."""

    method: str
    url: Any
    headers: Any


def message_of(request: Request) -> SignedMessage:
    """The signed parts of `request`."""
    return SignedMessage(request.method, request.url, request.headers)


async def body_of(request: Request) -> bytes:
    """The whole body. Raises `Refused` as soon as it is over the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"a body of more than {BODY_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)
