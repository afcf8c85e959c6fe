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
from typing import Annotated, Any, Self
from urllib.parse import quote, urlsplit

import httpx
from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from shared import strict_json
from shared.commands.base import Outgoing
from shared.contract import Contract
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

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/{}?=&-]*$", max_length=200)]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=120)]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_REFERENCE_CHARS_MAX = 200
_WORDS_CHARS_MAX = 200


class HttpSettings(Contract):
    """How one system is spoken to.

    Args:
        url: scheme and host, for example ``https://erp.example``; https, except on this machine.
        hosts: the hosts it may be; the one in `url` must be among them.
        execute_path: where a write is posted.
        lookup_path: where a key is looked up; ``{key}`` stands for it.
        key_header: the header that carries the idempotency key.
        reference_field: where a reply carries the system's own reference; dots lead into objects.
        key_field: where a reply repeats the key, if the system does; a reply with another key is not believed.
        refusal_statuses: statuses with which the system says that it will not do it, and did nothing.
        detail_field: where a refusal carries its reason.
        duplicate_status: the status that answers a key which the system knows, if it has one of its own.
        absent_status: the status of a lookup that finds nothing.
        absent_field: a field of that reply, and
        absent_value: its value, which tell the system's own "unknown key" from a wrong path's "not found".
        timeout_s: for connecting, and for a whole exchange.
        reply_bytes_max: of a reply's body.
        auth_header: the header that carries the secret, if there is one.
        auth_file: the file that holds the secret, in the server's home.
        enforces_keys: see `Guarantees`.
        lookups_are_current: see `Guarantees`.
        in_flight_max_s: see `Guarantees`.
    """

    url: Annotated[str, Field(max_length=200)]
    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    execute_path: Path
    lookup_path: Path
    key_header: HeaderName = "Idempotency-Key"
    reference_field: FieldPath = "reference"
    key_field: FieldPath | None = None
    refusal_statuses: Annotated[tuple[int, ...], Field(min_length=1)] = (400, 422)
    detail_field: FieldPath = "detail"
    duplicate_status: Annotated[int, Field(ge=200, le=499)] | None = None
    absent_status: Annotated[int, Field(ge=200, le=499)] = 404
    absent_field: FieldPath | None = None
    absent_value: JsonValue = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    reply_bytes_max: Annotated[int, Field(ge=64, le=1 << 20)] = 65_536
    auth_header: HeaderName | None = None
    auth_file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    enforces_keys: bool
    lookups_are_current: bool
    in_flight_max_s: Annotated[float, Field(ge=0, le=86_400 * 7)]

    @field_validator("refusal_statuses")
    @classmethod
    def _only_what_can_be_a_refusal(cls, statuses: tuple[int, ...]) -> tuple[int, ...]:
        if wrong := [status for status in statuses if not 400 <= status < 500 or status in {401, 403, 407, 408, 429}]:
            raise ValueError(f"{wrong[0]} does not say that the system considered the write and refused it")
        return statuses

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or parts.path not in {"", "/"} or parts.query or parts.username:
            raise ValueError("url is scheme and host and no more, for example https://erp.example")
        if parts.hostname not in self.hosts:
            raise ValueError(f"the host of url, {parts.hostname}, is not among hosts")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("only https may leave this machine")
        if self.lookup_path.count("{key}") != 1 or "{" in self.execute_path or ".." in self.lookup_path:
            raise ValueError("lookup_path holds {key} once, execute_path never")
        if self.execute_path.startswith("//") or self.lookup_path.startswith("//"):
            raise ValueError("a path begins with one slash")
        if (self.auth_header is None) != (self.auth_file is None):
            raise ValueError("auth_header and auth_file go together")
        if not self.enforces_keys and self.absent_field is None:
            raise ValueError(
                "without enforces_keys, absent_field and absent_value must name the system's own absence"
            )
        return self


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
