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
from shared.contract import Contract
from shared.envelope import SigningKey
from shared.ports import Ports
from shared.problems import MEDIA_TYPE, Problem
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
    """The sync server's two calls."""

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
        sign_request(request, raw, key, self._now(), self._ports.randomness.draw(16).hex())
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            raise TransportError(f"No answer from the server ({type(error).__name__}). Nothing is lost.") from error
        return _read(response, reply)

    def _now(self) -> datetime:
        return self._ports.clock.now()


def _read(response: httpx.Response, reply: type[Reply]) -> Reply:
    try:
        value = strict_json.parse(response.content, bytes_max=REPLY_BYTES_MAX)
        if response.headers.get("content-type", "").startswith(MEDIA_TYPE):
            raise RemoteError(Problem.model_validate(value))
        if response.status_code == httpx.codes.OK:
            return reply.model_validate(value)
    except (strict_json.BadJson, ValidationError) as error:
        raise TransportError("Something answered, but not the sync server (a login page of the network?).") from error
    raise TransportError(f"Something answered with status {response.status_code}, but not the sync server.")
