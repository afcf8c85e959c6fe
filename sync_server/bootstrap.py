"""Builds a server from its parts. The only place on the server where things are made."""

import os
from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from shared.ports import Ports, system_ports
from shared.problems import Code, Refused
from sync_server.blob_files import BlobFiles, BlobLimits
from sync_server.office import Office
from sync_server.server_keys import SECRET_BYTES, KeyRing
from sync_server.service import Service
from sync_server.settings import Settings
from sync_server.store import Store

T = TypeVar("T")


async def on_thread(work: Callable[[], T]) -> T:
    """Run blocking work on a thread of the running loop."""
    return await anyio.to_thread.run_sync(work)


def build_service(settings: Settings, ports: Ports | None = None) -> Service:
    """The service over the database that `tailboard-server init` made.

    Raises:
        Refused: there is no such server here.
    """
    if not settings.secret.exists():
        raise Refused(Code.NOT_FOUND, f"there is no server in {settings.home}; run: tailboard-server init")
    secret = settings.secret.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise Refused(Code.INTERNAL, f"{settings.secret} is damaged; restore its backup")
    limits = BlobLimits(settings.file_bytes_max, settings.tenant_files_bytes_max)
    files = BlobFiles(settings.blobs, limits)
    return Service(Store(settings.database), KeyRing(secret), ports or system_ports(), files)


def build_office(settings: Settings, ports: Ports | None = None) -> Office:
    """What an administrator can do, over the same database."""
    return Office(build_service(settings, ports))


def initialise(settings: Settings, ports: Ports | None = None) -> Office:
    """Make the home, the secret and the tables where they are missing; a second run changes nothing."""
    ports = ports or system_ports()
    settings.home.mkdir(parents=True, exist_ok=True)
    if not settings.secret.exists():
        _write_secret(settings, ports.randomness.draw(SECRET_BYTES))
    office = build_office(settings, ports)
    office.service.store.create_tables()
    return office


def _write_secret(settings: Settings, secret: bytes) -> None:
    descriptor = os.open(settings.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
