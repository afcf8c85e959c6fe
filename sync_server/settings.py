"""Where the server keeps things. Read once, by `bootstrap`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """`database` is a SQLAlchemy URL; the default is SQLite inside `home`."""

    home: Path
    database: str

    @property
    def secret(self) -> Path:
        """The 32-byte secret that opens the server's keys. Back it up apart from the database."""
        return self.home / "server.secret"


def read_settings(
    environment: Mapping[str, str], *, home: str | None = None, database: str | None = None
) -> Settings:
    """From the command line first, then TAILBOARD_SERVER_HOME and TAILBOARD_SERVER_DATABASE, then the default."""
    folder = Path(home or environment.get("TAILBOARD_SERVER_HOME") or "tailboard-server").expanduser().absolute()
    url = database or environment.get("TAILBOARD_SERVER_DATABASE")
    return Settings(folder, url or f"sqlite:///{folder / 'server.db'}")


def from_environment(*, home: str | None = None, database: str | None = None) -> Settings:
    """Settings of this process."""
    return read_settings(os.environ, home=home, database=database)
