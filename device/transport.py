"""HTTP to the sync server: signed requests, counted bytes, problems turned into errors.

Rules
1. Every byte of a body is counted under the purpose it left for: `sync` or `inference`.
2. A reply is believed only if it is the agreed message: a captive portal's page is no answer.
3. Working offline, the link itself refuses; nothing reaches the network.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

import httpx
from pydantic import ValidationError

from device.errors import RemoteError, TransportError
from shared import strict_json
from shared.blobs import (
    ANY_BYTES,
    BLOBS_PATH,
    COMPLETE_HEADER,
    OFFSET_HEADER,
    PROBLEM_HEADER,
    Progress,
    read_progress,
)
from shared.contract import Contract
from shared.envelope import SigningKey
from shared.ports import Ports
from shared.problems import MEDIA_TYPE, Code, Problem, problem
from shared.request_signature import sign_request
from shared.sync import BODY_BYTES_MAX, EnrolReply, EnrolRequest, SyncReply, SyncRequest

TIMEOUT_S = 20.0
REPLY_BYTES_MAX = 16 << 20

Purpose = Literal["sync", "inference"]
Reply = TypeVar("Reply", bound=Contract)


@dataclass
class Meter:
    """Body bytes that left and came, by purpose."""

    up: Counter[Purpose] = field(default_factory=Counter)
    down: Counter[Purpose] = field(default_factory=Counter)


class Metered(httpx.AsyncBaseTransport):
    """A transport that counts what passes: the one place where bytes leave the device."""

    def __init__(self, inner: httpx.AsyncBaseTransport, meter: Meter, purpose: Purpose) -> None:
        self._inner, self._meter, self._purpose = inner, meter, purpose

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on; its body counts from the first try, whether or not it arrives."""
        self._meter.up[self._purpose] += len(await request.aread())
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        self._meter.down[self._purpose] += len(body)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class SyncClient:
    """The sync server's calls."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport, meter: Meter, ports: Ports) -> None:
        """`base_url` such as ``https://sync.example``; `transport` carries the bytes."""
        self._ports = ports
        self._http = httpx.AsyncClient(
            base_url=base_url, transport=Metered(transport, meter, "sync"), timeout=TIMEOUT_S, follow_redirects=False
        )

    def move_to(self, base_url: str) -> None:
        """Speak to another address from now on."""
        self._http.base_url = httpx.URL(base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def sync(self, request: SyncRequest, key: SigningKey) -> SyncReply:
        """One sync round, signed by the device key.

        Raises:
            TransportError: no usable answer; the commands sent are in doubt.
            RemoteError: the server refused the whole round.
        """
        return await self._post("/v1/sync", request, SyncReply, key)

    async def enrol(self, request: EnrolRequest, key: SigningKey) -> EnrolReply:
        """Exchange a one-time code for an identity. Raises as `sync` does."""
        return await self._post("/v1/enrol", request, EnrolReply, key)

    async def _post(self, path: str, body: Contract, reply: type[Reply], key: SigningKey) -> Reply:
        raw = body.to_bytes()
        if len(raw) > BODY_BYTES_MAX:
            raise TransportError(f"A message of {len(raw)} bytes is too large to send.", retryable=False)
        request = self._http.build_request("POST", path, content=raw, headers={"content-type": "application/json"})
        return _read(await self._exchange(request, raw, key), reply)

    async def _exchange(self, request: httpx.Request, raw: bytes, key: SigningKey) -> httpx.Response:
        sign_request(request, raw, key, self._now(), self._ports.randomness.draw(16).hex())
        try:
            return await self._http.send(request)
        except httpx.HTTPError as error:
            raise TransportError(f"No answer from the server ({type(error).__name__}). Nothing is lost.") from error

    # -- the bytes of files

    async def file_progress(self, sha256: str, key: SigningKey) -> Progress:
        """How far the server has got with a file. Raises as `sync` does."""
        request = self._http.build_request("HEAD", BLOBS_PATH + sha256)
        return _progress(await self._exchange(request, b"", key))

    async def send_piece(self, sha256: str, start: int, piece: bytes, key: SigningKey) -> Progress:
        """Send a piece of a file from byte `start` on; how far the server has got now. Raises as `sync` does."""
        path = f"{BLOBS_PATH}{sha256}?offset={start}"
        request = self._http.build_request("PATCH", path, content=piece, headers={"content-type": ANY_BYTES})
        return _progress(await self._exchange(request, piece, key))

    async def fetch_piece(self, sha256: str, start: int, length: int, key: SigningKey) -> bytes:
        """Exactly `length` bytes of a file from byte `start` on. Raises as `sync` does."""
        asked = {"range": f"bytes={start}-{start + length - 1}"}
        response = await self._exchange(self._http.build_request("GET", BLOBS_PATH + sha256, headers=asked), b"", key)
        _refuse_problem(response)
        if response.status_code != httpx.codes.PARTIAL_CONTENT or len(response.content) != length:
            raise TransportError("Something answered, but not with the piece of the file that was asked for.")
        return response.content

    def _now(self) -> datetime:
        return self._ports.clock.now()


_NOT_THE_SERVER = "Something answered, but not the sync server (a login page of the network?)."


def _read(response: httpx.Response, reply: type[Reply]) -> Reply:
    _refuse_problem(response)
    try:
        value = strict_json.parse(response.content, bytes_max=REPLY_BYTES_MAX)
        if response.status_code == httpx.codes.OK:
            return reply.model_validate(value)
    except (strict_json.BadJson, ValidationError) as error:
        raise TransportError(_NOT_THE_SERVER) from error
    raise TransportError(f"Something answered with status {response.status_code}, but not the sync server.")


def _refuse_problem(response: httpx.Response) -> None:
    if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return
    try:
        value = strict_json.parse(response.content, bytes_max=REPLY_BYTES_MAX)
        raise RemoteError(Problem.model_validate(value))
    except (strict_json.BadJson, ValidationError) as error:
        raise TransportError(_NOT_THE_SERVER) from error


def _progress(response: httpx.Response) -> Progress:
    """What an answer to HEAD or PATCH says. An answer to HEAD has no body, so its problem is a name in a header."""
    if code := response.headers.get(PROBLEM_HEADER) if response.request.method == "HEAD" else None:
        raise RemoteError(_named_problem(code))
    _refuse_problem(response)
    try:
        return read_progress(response.headers.get(OFFSET_HEADER), response.headers.get(COMPLETE_HEADER))
    except ValueError as error:
        raise TransportError(_NOT_THE_SERVER) from error


def _named_problem(code: str) -> Problem:
    try:
        return problem(Code(code), "the server does not take the file now")
    except ValueError as error:
        raise TransportError(_NOT_THE_SERVER) from error
