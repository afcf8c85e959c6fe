"""`systems.toml` in the server's home: which systems of record there are, and how they are spoken to.

    [systems.parts]
    url = "https://erp.example"
    hosts = ["erp.example"]
    execute_path = "/orders"
    lookup_path = "/orders/by-key/{key}"
    auth_header = "Authorization"
    auth_file = "parts.secret"
    enforces_keys = true
    lookups_are_current = true
    in_flight_max_s = 120

    [systems.parts.patience]
    lookups_max = 6

The name of a system is what a command kind declares. The secret is the one line of its file and stands nowhere else.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from shared.contract import Contract, Name
from shared.problems import Code, Refused
from sync_server.systems.http_settings import HttpSettings
from sync_server.systems.steps import Limits
from sync_server.systems.worker import Pace

FILE = "systems.toml"


class Patience(Contract):
    """When to try again, when to ask a person, how long a worker holds a write: see `Limits` and `Pace`."""

    lookups_max: Annotated[int, Field(ge=1, le=100)] = 6
    sends_max: Annotated[int, Field(ge=1, le=100)] = 5
    pause_s: Annotated[float, Field(gt=0, le=3600)] = 2.0
    pause_max_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    lease_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    poll_s: Annotated[float, Field(gt=0, le=3600)] = 1.0

    @property
    def limits(self) -> Limits:
        """The part of it that the steps need."""
        return Limits(self.lookups_max, self.sends_max, self.pause_s, self.pause_max_s)

    @property
    def pace(self) -> Pace:
        """The part of it that the worker needs."""
        return Pace(self.lease_s, self.poll_s)


class SystemSettings(HttpSettings):
    """One system of record."""

    patience: Patience = Patience()

    @model_validator(mode="after")
    def _a_lease_outlives_what_is_done_under_it(self) -> Self:
        if self.patience.lease_s < 3 * self.timeout_s:
            raise ValueError("patience.lease_s must be at least three times timeout_s")
        return self


class SystemsFile(Contract):
    """The whole file."""

    systems: dict[Name, SystemSettings] = Field(default_factory=dict)


def read_systems(home: Path) -> dict[str, SystemSettings]:
    """The systems in the home's file by name; none if there is no file.

    Raises:
        Refused: it cannot be read; the sentence names the place.
    """
    path = home / FILE
    if not path.exists():
        return {}
    try:
        return dict(SystemsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).systems)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(Code.MALFORMED, f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(Code.MALFORMED, f"{path}, {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def read_secret(home: Path, settings: SystemSettings) -> str | None:
    """The secret that goes into the system's header; None if it wants none. Raises `Refused` if it is not there."""
    if settings.auth_file is None:
        return None
    path = home / settings.auth_file
    try:
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(Code.NOT_FOUND, f"{path} cannot be read; it holds the secret for {settings.url}") from error
    if not secret or not secret.isprintable():
        raise Refused(Code.MALFORMED, f"{path} must hold one line, the secret for {settings.url}")
    return secret
