"""The bytes of attachments in a backup: listed always, carried if that was asked for, put back, and missed by name.

Rules
1. Whole files never change, so a list of them is right whenever their bytes are copied, before or after.
2. The list is read after the database was dumped: what the dump has in full is on it.
3. What a backup carries is believed only if it has the sha256 under which it is listed.
4. What the restored database has in full and the folder has not is named, and taken again from whoever has it.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from shared.contract import Contract, Hash, Name
from shared.problems import Code, Refused
from sync_server.bootstrap import blob_files, build_service
from sync_server.service import Service
from sync_server.settings import Settings

FILES = "files.json"


class FileNamed(Contract):
    """A file that the database has in full; `size` is in bytes. `carried`: its bytes are in the backup too."""

    tenant: Name
    sha256: Hash
    size: Annotated[int, Field(ge=0)]
    carried: bool = False


_FILES = TypeAdapter(tuple[FileNamed, ...])


def put_files(
    service: Service, settings: Settings, archive: zipfile.ZipFile, *, carry: bool
) -> tuple[tuple[FileNamed, ...], tuple[FileNamed, ...]]:
    """List the files, and carry them if asked to; which they are, and which of them the folder lacks.

    The list is read after the dump: what the dump has in full is on it, and whole files do not change.
    """
    listed, missing = [], []
    for each in _named_files(service):
        path = blob_files(settings).place(each.tenant, each.sha256)
        here = path.is_file() and path.stat().st_size == each.size
        if here and carry:
            archive.write(path, _carried_as(each), zipfile.ZIP_STORED)
        listed.append(each.model_copy(update={"carried": here and carry}))
        missing += [] if here else [each]
    archive.writestr(FILES, _FILES.dump_json(tuple(listed)))
    return tuple(listed), tuple(missing)


def _named_files(service: Service) -> list[FileNamed]:
    with service.store.transaction() as tx:
        return [
            FileNamed(tenant=tenant, sha256=sha256, size=size)
            for tenant in tx.tenants()
            for sha256, size in tx.whole_blobs(tenant)
        ]


def _carried_as(file: FileNamed) -> str:
    return f"files/{file.tenant}/{file.sha256}"


def unpack_files(file: Path, folder: Path) -> list[tuple[FileNamed, Path]]:
    """The files that a backup carries, each with where it lies in `folder`, verified. Raises `Refused`."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed = _FILES.validate_json(archive.read(FILES)) if FILES in archive.namelist() else ()
            carried = [each for each in listed if each.carried]
            found = [(each, Path(archive.extract(_carried_as(each), folder))) for each in carried]
    except (zipfile.BadZipFile, zlib.error, KeyError, ValidationError, EOFError) as error:
        raise Refused(Code.MALFORMED, f"{file} is damaged: the files that it lists cannot be read") from error
    if damaged := [each for each, path in found if sha256_of(path) != each.sha256]:
        raise Refused(Code.MALFORMED, f"{file} is damaged: file {damaged[0].sha256} is not what was written")
    return found


def put_back(settings: Settings, carried: list[tuple[FileNamed, Path]]) -> None:
    """Files never change, so one that is there already is the one."""
    files = blob_files(settings)
    for each, path in carried:
        if files.whole(each.tenant, each.sha256) != each.size:
            files.take(each.tenant, each.sha256, path)


def missing_files(settings: Settings) -> tuple[FileNamed, ...]:
    """The files that the database has in full and the folder has not; from now on devices may bring them again."""
    service = build_service(settings)
    try:
        with service.store.transaction() as tx:
            tenants = list(tx.tenants())
        return tuple(
            FileNamed(tenant=tenant, sha256=sha256, size=size)
            for tenant in tenants
            for sha256, size in service.attachments.lost(tenant)
        )
    finally:
        service.store.close()


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
