"""A PostgreSQL of the tests' own: started once a run, thrown away at its end, a fresh database for each test.

It listens on a socket in its own folder and nowhere else. It keeps nothing safe (`fsync=off`): what is tested here is
how transactions meet, not what a disk keeps.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from tests.conftest import need

QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "max_wal_size": "1GB",
}
#: What a run's databases and their log may come to, in bytes.
ROOM = 4 << 30
READY = "database system is ready to accept connections"


@dataclass
class Cluster:
    """The running server; `folder` holds its socket."""

    folder: Path
    prepared: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, name: str) -> str:
        """A database as SQLAlchemy calls it."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def administer(self, statement: str) -> None:
        """Do something to the server as a whole."""
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.folder}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def template(self, name: str, prepare: Callable[[str], None]) -> str:
        """A database that `prepare` filled, once a run, to copy from."""
        if name not in self.prepared:
            self.administer(f"CREATE DATABASE {name}")
            prepare(self.url(name))
            self.prepared[name] = name
        return name

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A fresh copy of `template`; its URL."""
        name = f"test_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """A server from the programs in a folder, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="tb-pg-", dir=_memory(), ignore_cleanup_errors=True) as name:
        folder, identity = Path(name), _identity()
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        data = folder / "data"
        words = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*words, "--no-instructions"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)
        settings = {**QUICK, "unix_socket_directories": str(folder)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), *options],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            **identity,
        )
        assert server.stderr is not None
        with server:
            try:
                _wait_until_ready(server.stderr)
                threading.Thread(target=_drain, args=(server.stderr,), daemon=True).start()
                yield Cluster(folder)
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(timeout=60)


def _memory() -> Path | None:
    """A folder in memory with room enough: every test makes and drops a database, which is hundreds of files."""
    memory = Path("/dev/shm")  # a private folder below it
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


def _identity() -> dict[str, Any]:
    """Whom to run as: PostgreSQL refuses the superuser."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait_until_ready(log: IO[str]) -> None:
    said: list[str] = []
    for line in log:
        said.append(line)
        if READY in line:
            return
    raise AssertionError("PostgreSQL did not start:\n" + "".join(said))


def _drain(log: IO[str]) -> None:
    for _ in log:
        pass


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """The run's server."""
    with running(need("postgresql")) as cluster:
        yield cluster
