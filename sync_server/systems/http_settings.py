"""How a system of record behind HTTP is spoken to: what `systems.toml` says, apart from the client that speaks.

A server without such a system loads this and no client.
"""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from shared.contract import Contract

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/{}?=&-]*$", max_length=200)]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=120)]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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
