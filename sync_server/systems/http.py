"""A system of record behind plain HTTP: one POST that carries an idempotency key, one GET that looks a key up.

Rules
1. It talks to the configured hosts and to no other; a redirect is not followed.
2. Only what the configuration names counts as an answer: a 2xx whose JSON carries the reference, a refusal status
   with a JSON body, an absence as it is described. A proxy's page, a login form or half a reply tells nothing.
3. A reply has a size and a time limit as a whole; what does not come within them tells nothing.
4. The key is in every request; the secret is in a header and in no log, error or detail.

Source: draft-ietf-httpapi-idempotency-key-header (the header); RFC 9110, section 9.2.2 (POST is not idempotent).
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import JsonValue

from shared import strict_json
from shared.commands.base import Outgoing
from sync_server.systems.http_settings import HttpSettings
from sync_server.systems.port import (
    Absent,
    CannotTell,
    Executed,
    Execution,
    Found,
    Guarantees,
    Lookup,
    Refused,
    Uncertain,
    Unreached,
)

_REFERENCE_CHARS_MAX = 200
_WORDS_CHARS_MAX = 200


class HttpSystem:
    """The adapter over an open `client`, which the caller closes."""

    def __init__(self, settings: HttpSettings, client: httpx.AsyncClient, secret: str | None = None) -> None:
        self._settings, self._client = settings, client
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if settings.auth_header and secret:
            self._headers[settings.auth_header] = secret

    @property
    def guarantees(self) -> Guarantees:
        """As configured."""
        told = self._settings
        return Guarantees(told.enforces_keys, told.lookups_are_current, told.in_flight_max_s)

    async def execute(self, write: Outgoing) -> Execution:
        """POST the body with the key."""
        told = self._settings
        reply = await self._exchange("POST", told.execute_path, write.command, dict(write.body))
        if isinstance(reply, Uncertain | Unreached):
            return reply
        status, body = reply
        reference = self._reference(body, write.command)
        if reference and (200 <= status < 300 or status == told.duplicate_status):
            return Executed(reference)
        if status in told.refusal_statuses and isinstance(body, dict):
            return Refused(_words(_at(body, told.detail_field)) or f"refused with status {status}")
        return Uncertain(f"an answer of status {status} that says nothing about the write")

    async def lookup(self, command: str) -> Lookup:
        """GET what is there under the key."""
        told = self._settings
        reply = await self._exchange("GET", told.lookup_path.replace("{key}", quote(command, safe="")), command)
        if isinstance(reply, Uncertain | Unreached):
            return CannotTell(reply.detail)
        status, body = reply
        reference = self._reference(body, command)
        if 200 <= status < 300 and reference:
            return Found(reference)
        if status == told.absent_status and isinstance(body, dict) and self._says_absent(body):
            return Absent()
        return CannotTell(f"an answer of status {status} that says nothing about the command")

    def _says_absent(self, body: Mapping[str, Any]) -> bool:
        name = self._settings.absent_field
        return name is None or _at(body, name) == self._settings.absent_value

    def _reference(self, body: Any, command: str) -> str | None:
        told = self._settings
        if told.key_field is not None and _at(body, told.key_field) != command:
            return None
        value = _at(body, told.reference_field)
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        return text if 0 < len(text) <= _REFERENCE_CHARS_MAX and text.isprintable() else None

    async def _exchange(
        self, method: str, path: str, key: str, body: Mapping[str, JsonValue] | None = None
    ) -> tuple[int, Any] | Uncertain | Unreached:
        headers = {**self._headers, self._settings.key_header: key}
        request = self._client.build_request(
            method, httpx.URL(self._settings.url).join(path), headers=headers, json=body, timeout=self._timeout()
        )
        if request.url.host not in self._settings.hosts:
            return Unreached("the address is not on an allowed host")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._answer(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Unreached(f"no connection ({type(error).__name__})")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return Uncertain(f"no answer ({type(error).__name__})")

    async def _answer(self, request: httpx.Request) -> tuple[int, Any] | Uncertain:
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            if response.is_redirect:
                return Uncertain(f"a redirect (status {response.status_code}), which is not followed")
            return await self._read(response)
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> tuple[int, Any] | Uncertain:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return Uncertain("a compressed answer, which was not asked for")
        raw = bytearray()
        async for part in response.aiter_raw():
            raw += part
            if len(raw) > self._settings.reply_bytes_max:
                return Uncertain(f"an answer of more than {self._settings.reply_bytes_max} bytes")
        try:
            return response.status_code, strict_json.parse(bytes(raw))
        except strict_json.BadJson:
            return Uncertain(f"an answer of status {response.status_code} that is not JSON")

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self._settings.timeout_s)


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body


def _words(value: Any) -> str:
    """Somebody else's words, on one line and short."""
    return " ".join(value.split())[:_WORDS_CHARS_MAX] if isinstance(value, str) else ""
