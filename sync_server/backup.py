"""Backups of the server's database, and what a restored database must be told.

Rules
1. A backup is one file: a manifest (what is in it, when and over which schema it was made, the SHA-256 of the dump),
   the dump, and the server's secret only if that was asked for. It is made while the server runs.
2. A restore never destroys: what stood in the database before is put aside under another name.
3. A restored database begins a new life: its incarnation is higher than any that it, its backup or a device's head
   told of. Cursors and receipts carry it, so devices start their copies anew and bring again what is missing.
4. A backup older than what devices still keep (`Limits.backup_age_max`) is refused unless somebody insists: what
   happened in between is lost.
5. The bytes of files lie beside the database and never change. A backup always lists those that the database has in
   full (``files.json``: organisation, sha256, size), and those of published models (``models.json``), which is what a
   copy of the folders must hold; it carries them itself if that was asked for. A restore puts back those that it
   carries, and names those that are missing then. The server takes attachments again from the devices that have them;
   a model's file comes back when somebody publishes it again.

The file is a ZIP; its directory is written last, so one that was cut off is not a backup.
"""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from reconciliation.expiry import LIMITS
from shared.contract import Contract, Instant
from shared.ports import Ports, system_ports
from shared.problems import Code, Refused
from sync_server.backup_files import (
    ATTACHMENTS,
    MODELS,
    FileNamed,
    missing_files,
    missing_models,
    put_back,
    put_files,
    sha256_of,
    unpack_files,
)
from sync_server.bootstrap import build_service, migrate, write_secret
from sync_server.dumps import Database, database_at
from sync_server.office.base import reason_of
from sync_server.server_keys import OFFICE_KEY, RECEIPT_KEY, SECRET_BYTES
from sync_server.service import Service
from sync_server.settings import Settings
from sync_server.standing import go_on, lives_seen
from sync_server.store import Store, schema

MANIFEST, DUMP, SECRET = "manifest.json", "database", "server.secret"
MANIFEST_BYTES_MAX = 1 << 20


class Manifest(Contract):
    """What a backup holds: of which kind of database, over which schema, in which life, since when."""

    format: Literal[1] = 1
    made_at: Instant
    database: str
    revision: str
    incarnation: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Made:
    """A backup: its manifest, the files and models that it lists, and those of them that the folders lack."""

    manifest: Manifest
    files: tuple[FileNamed, ...]
    missing: tuple[FileNamed, ...]
    models: tuple[FileNamed, ...]
    missing_models: tuple[FileNamed, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the backup's manifest, the life that begins, where the old database went.

    `missing` are the files that the database has in full and the folder lacks, `missing_models` those of models.
    """

    manifest: Manifest
    incarnation: int
    aside: str | None
    missing: tuple[FileNamed, ...] = ()
    missing_models: tuple[FileNamed, ...] = ()


# -- making one


def back_up(
    settings: Settings,
    file: Path,
    *,
    with_secret: bool = False,
    with_files: bool = False,
    with_models: bool = False,
    ports: Ports | None = None,
) -> Made:
    """Write a backup to `file`, which must not exist.

    Args:
        settings: where the server is.
        file: where to.
        with_secret: put what opens the server's keys into it.
        with_files: put the bytes of the files that commands name into it, and not only their list.
        with_models: the same for the files of published models.
        ports: whose clock says when it was made; the system's if None.

    Raises:
        Refused: the file exists, or the database cannot be dumped.
    """
    service = build_service(settings, ports)
    try:
        with _new_file(file) as archive, tempfile.TemporaryDirectory(dir=file.parent) as folder:
            dump = Path(folder) / DUMP
            manifest = _take(service, settings, dump)
            archive.writestr(MANIFEST, manifest.to_bytes())
            archive.write(dump, DUMP)
            if with_secret:
                archive.write(settings.secret, SECRET)
            files = put_files(service, settings, archive, ATTACHMENTS, carry=with_files)
            made = Made(manifest, *files, *put_files(service, settings, archive, MODELS, carry=with_models))
    finally:
        service.store.close()
    return made


def _take(service: Service, settings: Settings, dump: Path) -> Manifest:
    """The time is taken before the dump: what the backup holds is not older than it says."""
    database, made_at = database_at(settings.database), service.ports.clock.now()
    with service.store.transaction() as tx:
        life = max(lives_seen(tx))
    database.dump(dump)
    return Manifest(
        made_at=made_at,
        database=database.kind,
        revision=schema.revisions()[-1],
        incarnation=life,
        sha256=sha256_of(dump),
    )


@contextmanager
def _new_file(file: Path) -> Iterator[zipfile.ZipFile]:
    """A new archive that only its owner reads; it is gone again if anything fails."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(Code.STALE, f"{file} exists; a backup overwrites nothing, choose another name") from error
    except OSError as error:
        raise Refused(Code.NOT_FOUND, f"cannot write {file}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                yield archive
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        file.unlink(missing_ok=True)
        raise


# -- bringing one back


def restore(
    settings: Settings, file: Path, reason: str, *, force: bool = False, ports: Ports | None = None
) -> Restored:
    """Put the backup in `file` in the database's place and begin a new life of it.

    Args:
        settings: where the server is; its secret must be there, or in the backup.
        file: the backup.
        reason: why, for the audit.
        force: also if the backup is too old to be made whole.
        ports: whose clock judges the backup's age; the system's if None.

    Raises:
        Refused: no reason; it is no backup, damaged, too old, of another kind of database or of a newer program; a
            server is running on the database; or its keys do not open. The database is as it was.
    """
    ports, why = ports or system_ports(), reason_of(reason)
    with tempfile.TemporaryDirectory(dir=_folder(settings)) as folder:
        manifest, dump, secret = _unpack(file, Path(folder))
        carried = {sort: unpack_files(file, Path(folder), sort) for sort in (ATTACHMENTS, MODELS)}
        database = database_at(settings.database)
        _check(manifest, database, ports.clock.now(), force)
        if database.exists() and database.in_use():
            raise Refused(Code.BUSY, "somebody is connected to the database; stop every server on it first")
        lives = [manifest.incarnation, *(_lives(settings) if database.exists() else ())]
        placed = _place_secret(settings, secret)
        try:
            with _replaced(database, dump) as aside:
                migrate(settings)
                for sort, files in carried.items():
                    put_back(settings, sort, files)
                life = _begin_life(settings, _words(why, manifest), max(lives) + 1, ports)
        except BaseException:
            if placed:
                settings.secret.unlink()
            raise
    return Restored(manifest, life, aside, missing_files(settings), missing_models(settings))


@contextmanager
def _replaced(database: Database, dump: Path) -> Iterator[str | None]:
    """The dump in the database's place; if the block fails, what was there comes back."""
    aside = database.replace(dump)
    try:
        yield aside
    except BaseException:
        database.undo(aside)
        raise


def raise_incarnation(settings: Settings, reason: str, *, ports: Ports | None = None) -> int:
    """Begin a new life of the database; its number. Every organisation's audit says so, and why.

    Raises:
        Refused: no reason, there is no such server, or its secret does not open its keys.
    """
    return _begin_life(settings, reason_of(reason), 1, ports)


def _begin_life(settings: Settings, why: str, at_least: int, ports: Ports | None) -> int:
    service = build_service(settings, ports)
    try:
        with service.store.transaction() as tx:
            life = max(at_least, max(lives_seen(tx)) + 1)
            go_on(tx, life, service.ports.clock.now())
            for tenant in tx.tenants():
                for purpose in (OFFICE_KEY, RECEIPT_KEY):
                    service.ring.active(tx, tenant, purpose)
                batch = service.batch(tx, tenant)
                batch.note(act="incarnation", incarnation=life, why=why)
                batch.flush()
    finally:
        service.store.close()
    return life


def _folder(settings: Settings) -> Path:
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings.home


def _words(reason: str, manifest: Manifest) -> str:
    return f"restored from a backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC: {reason}"


def _unpack(file: Path, folder: Path) -> tuple[Manifest, Path, bytes | None]:
    """The manifest, the dump as a file in `folder`, and the secret if it is there."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            with archive.open(MANIFEST) as stream:
                manifest = Manifest.model_validate_json(stream.read(MANIFEST_BYTES_MAX))
            dump = Path(archive.extract(DUMP, folder))
            secret = archive.read(SECRET) if SECRET in names else None
    except OSError as error:
        raise Refused(Code.NOT_FOUND, f"cannot read {file}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, KeyError, ValidationError, EOFError) as error:
        raise Refused(Code.MALFORMED, f"{file} is not a backup, or it is damaged") from error
    if sha256_of(dump) != manifest.sha256:
        raise Refused(Code.MALFORMED, f"{file} is damaged: its dump is not what was written")
    return manifest, dump, secret


def _check(manifest: Manifest, database: Database, now: datetime, force: bool) -> None:
    if manifest.database != database.kind:
        raise Refused(Code.STALE, f"this is a backup of {manifest.database}, the database here is {database.kind}")
    if manifest.revision not in schema.revisions():
        raise Refused(Code.STALE, f"the backup has schema {manifest.revision}, newer than this program; update it")
    age = now - manifest.made_at
    if age > LIMITS.backup_age_max and not force:
        raise Refused(
            Code.STALE,
            f"the backup is {age // timedelta(days=1)} days old; devices keep what they sent for "
            f"{LIMITS.resubmit_window.days}, so what happened in between would be lost. Take a newer one; --force "
            "restores it all the same",
        )


def _place_secret(settings: Settings, secret: bytes | None) -> bool:
    """A secret that is there stays; without one, the backup's is taken. Whether it was."""
    if settings.secret.exists():
        return False
    if secret is None or len(secret) != SECRET_BYTES:
        raise Refused(
            Code.NOT_FOUND, f"{settings.secret} is missing, and not in the backup; put its copy there first"
        )
    write_secret(settings, secret)
    return True


def _lives(settings: Settings) -> list[int]:
    """The lives that the database to be replaced knows of; none if it cannot be read any more."""
    store = Store(settings.database)
    try:
        with store.transaction() as tx:
            return lives_seen(tx)
    except Exception:  # noqa: BLE001  # why it is replaced is that it is broken, in whatever way
        return []
    finally:
        store.close()
