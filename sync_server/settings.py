"""Where the server keeps things. Read once, by `bootstrap`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from shared.attachments import ATTACHMENT_BYTES_MAX
from shared.commandline import UsageError
from sync_server.updates.terms import Terms

FILES_BYTES_MAX = 50 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """`database` is a SQLAlchemy URL; the default is SQLite inside `home`.

    `file_bytes_max` is the largest attachment, `tenant_files_bytes_max` the room for all of one organisation's.
    `otlp` is the address of a collector of spans; None sends them to nobody.
    """

    home: Path
    database: str
    file_bytes_max: int = ATTACHMENT_BYTES_MAX
    tenant_files_bytes_max: int = FILES_BYTES_MAX
    terms: Terms = field(default_factory=Terms)
    otlp: str | None = None

    @property
    def secret(self) -> Path:
        """The 32-byte secret that opens the server's keys. Back it up apart from the database."""
        return self.home / "server.secret"

    @property
    def metrics_token(self) -> Path:
        """The file whose content whoever reads the metrics has to show; without it nobody reads them."""
        return self.home / "metrics.token"

    @property
    def models(self) -> Path:
        """The folder with the files of published models; a backup carries them if asked to."""
        return self.home / "models"

    @property
    def incoming_models(self) -> Path:
        """The folder from which the console publishes models: an operator puts their files there."""
        return self.home / "incoming-models"

    @property
    def blobs(self) -> Path:
        """The folder with the bytes of attachments. Back it up with the database."""
        return self.home / "blobs"


def read_settings(
    environment: Mapping[str, str], *, home: str | None = None, database: str | None = None
) -> Settings:
    """From the command line first, then TAILBOARD_SERVER_HOME and TAILBOARD_SERVER_DATABASE, then the default."""
    folder = Path(home or environment.get("TAILBOARD_SERVER_HOME") or "tailboard-server").expanduser().absolute()
    url = database or environment.get("TAILBOARD_SERVER_DATABASE")
    return Settings(
        folder,
        url or f"sqlite:///{folder / 'server.db'}",
        _number(environment, "TAILBOARD_SERVER_FILE_MIB", ATTACHMENT_BYTES_MAX >> 20) << 20,
        _number(environment, "TAILBOARD_SERVER_FILES_GIB", FILES_BYTES_MAX >> 30) << 30,
        _terms(environment),
        _collector(environment),
    )


def _collector(environment: Mapping[str, str]) -> str | None:
    """The address of the collector; a variable of our own, so that nothing leaves because of somebody else's."""
    url = environment.get("TAILBOARD_SERVER_OTLP")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise UsageError("TAILBOARD_SERVER_OTLP is the address of a collector, for example http://localhost:4318.")
    return url or None


def _terms(environment: Mapping[str, str]) -> Terms:
    told = {
        role: timedelta(
            days=_number(environment, f"TAILBOARD_SERVER_{role.upper()}_DAYS", getattr(Terms(), role).days)
        )
        for role in ("root", "targets", "snapshot", "timestamp")
    }
    keys = _number(environment, "TAILBOARD_SERVER_ROOT_KEYS", 1)
    threshold = _number(environment, "TAILBOARD_SERVER_ROOT_THRESHOLD", 1)
    try:
        return Terms(**told, root_keys=keys, root_threshold=threshold)
    except ValueError as error:
        raise UsageError(f"TAILBOARD_SERVER_ROOT_THRESHOLD: {error}.") from error


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal() or not int(value):
        raise UsageError(f"{name} is {value}; it must be a whole number from 1 up.")
    return int(value)


def from_environment(*, home: str | None = None, database: str | None = None) -> Settings:
    """Settings of this process."""
    return read_settings(os.environ, home=home, database=database)
