"""`cluster.toml`: which engines there are, behind which boundary, and how much of them anybody may use.

    hosts = ["vllm.inference.svc", "models.example"]

    [upstreams.house]
    url = "http://vllm.inference.svc:8000"
    boundary = "private_cluster"
    model = "Qwen/Qwen3-8B"
    tier = "standard"
    context_tokens = 32768
    slots = 16
    key_env = "HOUSE_KEY"

    [quota]
    tenant = { requests = 6000, tokens = 2000000 }
    actor = { requests = 600, tokens = 200000 }

Rules
1. An upstream's host must be in `hosts`. Plain http goes to loopback and private addresses only, which is checked
   again on the address that a name stands for, before a byte is sent.
2. `managed_cloud` is off unless the file says `managed_cloud = true`.
3. A key stands in an environment variable or a file of its own, never here.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, model_validator

from shared.contract import Contract, Name
from shared.problems import Code, Refused
from shared.routing import Line, Route, Seconds, Tier
from sync_server.cluster.quota import Allowance

Timeout = Annotated[float, Field(gt=0, le=3600)]
#: Who asks, most urgent first: a technician who waits, a program of the tenant, queued work.
Kind = Literal["device", "client", "task"]


class UpstreamSettings(Contract):
    """One engine. It serves its model under the name `model`; `tier` is what the organisation judged it to be.

    `slots` is how many tasks it works on at once, `queue_max` how many may wait for it here. `priorities` says who
    goes first. `first_byte_timeout_s` includes the time that the engine itself lets a task wait.
    """

    url: Annotated[str, Field(max_length=200)]
    boundary: Literal[Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD]
    model: Annotated[Line, Field(min_length=1)]
    tier: Tier
    context_tokens: Annotated[int, Field(ge=256, le=1 << 24)]
    tools: tuple[Name, ...] = ()
    slots: Annotated[int, Field(ge=1, le=4096)] = 8
    queue_max: Annotated[int, Field(ge=0, le=65_536)] = 64
    priorities: tuple[Kind, ...] = ("device", "client", "task")
    first_byte_timeout_s: Timeout = 60.0
    between_tokens_timeout_s: Timeout = 15.0
    connect_timeout_s: Timeout = 5.0
    answer_bytes_max: Annotated[int, Field(ge=1024, le=1 << 28)] = 4 << 20
    cost_per_1k_tokens: Seconds = 0.0
    key_env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    key_file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = urlsplit(self.url)
        if (
            parts.scheme not in {"http", "https"}
            or parts.query
            or parts.fragment
            or parts.username
            or not parts.hostname
        ):
            raise ValueError("url is scheme, host and perhaps a path, for example https://models.example")
        if parts.scheme == "http" and not _may_be_private(parts.hostname):
            raise ValueError("only https may leave the private network")
        if self.key_env and self.key_file:
            raise ValueError("the key comes from key_env or from key_file, not from both")
        return self


class Share(Contract):
    """What one may use within a window."""

    requests: Annotated[int, Field(ge=1)]
    tokens: Annotated[int, Field(ge=1)]


class QuotaSettings(Contract):
    """What a tenant, and each of its people and programs, may use in `window_s`; `actors` has exceptions by name."""

    window_s: Annotated[float, Field(gt=0, le=86_400 * 31)] = 3600.0
    tenant: Share = Share(requests=1_000_000, tokens=1_000_000_000)
    actor: Share = Share(requests=100_000, tokens=100_000_000)
    tenants: dict[Name, Share] = Field(default_factory=dict)
    actors: dict[Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$")], Share] = Field(default_factory=dict)

    def of(self, tenant: str, actor: str) -> list[tuple[str, Allowance]]:
        """Whose allowance a task of `actor` takes from."""
        who = f"{tenant}/{actor}"
        shares = ((tenant, self.tenants.get(tenant, self.tenant)), (who, self.actors.get(who, self.actor)))
        return [(name, Allowance(share.requests, share.tokens, self.window_s)) for name, share in shares]


class ClusterFile(Contract):
    """The whole file."""

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    managed_cloud: bool = False
    upstreams: Annotated[dict[Name, UpstreamSettings], Field(min_length=1)]
    quota: QuotaSettings = QuotaSettings()
    capability_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    probe_s: Annotated[float, Field(gt=0, le=3600)] = 5.0

    @model_validator(mode="after")
    def _only_allowed_places(self) -> Self:
        for name, told in self.upstreams.items():
            if urlsplit(told.url).hostname not in self.hosts:
                raise ValueError(f"the host of upstream {name} is not among hosts")
            if told.boundary is Route.MANAGED_CLOUD and not self.managed_cloud:
                raise ValueError(f"upstream {name} is a managed cloud, and managed_cloud is not true")
        return self


@dataclass(frozen=True, slots=True)
class Upstream:
    """An engine with its name and, if it wants one, its key; the key is never shown."""

    name: str
    told: UpstreamSettings
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything that the file says, with the keys that it names."""

    upstreams: tuple[Upstream, ...]
    quota: QuotaSettings = field(default_factory=QuotaSettings)
    capability_s: float = 60.0
    probe_s: float = 5.0


def parse_cluster(text: str, where: str = "cluster.toml") -> ClusterFile:
    """The file's contents. Raises `Refused`; the sentence names the place."""
    try:
        return ClusterFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Refused(Code.MALFORMED, f"{where} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise Refused(Code.MALFORMED, f"{where}, {place}: {first['msg']}") from error


def read_cluster(path: Path, environment: Mapping[str, str]) -> Cluster:
    """The file at `path`, with the keys out of `environment` and the files beside it.

    Raises:
        Refused: it, or a key that it names, cannot be read.
    """
    file = read_cluster_file(path)
    upstreams = tuple(
        Upstream(name, told, _key(path.parent, told, environment)) for name, told in file.upstreams.items()
    )
    return Cluster(upstreams, file.quota, file.capability_s, file.probe_s)


def read_cluster_file(path: Path) -> ClusterFile:
    """The file at `path`, without the keys. Raises `Refused` if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(Code.NOT_FOUND, f"{path} cannot be read; it names the models' servers") from error
    return parse_cluster(text, str(path))


def _key(folder: Path, told: UpstreamSettings, environment: Mapping[str, str]) -> str | None:
    if told.key_env:
        key = environment.get(told.key_env, "").strip()
        place = f"the environment variable {told.key_env}"
    elif told.key_file:
        place = str(folder / told.key_file)
        try:
            key = (folder / told.key_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(Code.NOT_FOUND, f"{place} cannot be read; it holds the key for {told.url}") from error
    else:
        return None
    if not key or not key.isprintable() or " " in key:
        raise Refused(Code.MALFORMED, f"{place} must hold one word, the key for {told.url}")
    return key


def private(address: str) -> bool:
    """Whether an IP address is this machine's own, or of a private network. Source: RFC 1918, RFC 4193, RFC 8190."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    outside = found.is_unspecified or found.is_multicast or found.is_link_local  # where clouds keep their secrets
    return (found.is_private or found.is_loopback) and not outside


def _may_be_private(host: str) -> bool:
    """An address is judged at once; what a name stands for is known when it is connected to."""
    try:
        return private(host)
    except ValueError:
        return True
