"""The bytes of attachments and of models in a backup: listed always, carried if asked for, put back, missed by name.

Rules
1. Whole files never change, so a list of them is right whenever their bytes are copied, before or after.
2. The list is read after the database was dumped: what the dump has in full is on it.
3. What a backup carries is believed only if it has the sha256 under which it is listed.
4. What the restored database has in full and the folder has not is named. Attachments are taken again from whoever
   has them; a model's file comes back when the same file is published again.
5. Each sort has a list of its own, so that an older program reads the one that it knows.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from shared.contract import Contract, Hash, Name
from shared.problems import Code, Refused
from sync_server.blob_files import BlobFiles
from sync_server.bootstrap import blob_files, build_service, model_files
from sync_server.service import Service
from sync_server.settings import Settings
from sync_server.store import Tx


class FileNamed(Contract):
    """A file that the database has in full; `size` is in bytes. `carried`: its bytes are in the backup too."""

    tenant: Name
    sha256: Hash
    size: Annotated[int, Field(ge=0)]
    carried: bool = False


_LIST = TypeAdapter(tuple[FileNamed, ...])


@dataclass(frozen=True, slots=True)
class Sort:
    """Files of one sort: their list's name in a backup, where they lie in it, their folder, and what is named."""

    listed: str
    under: str
    folder: Callable[[Settings], BlobFiles]
    named: Callable[[Service, Tx, str], Iterable[tuple[str, int]]]

    def place(self, file: FileNamed) -> str:
        """Where a file lies in a backup."""
        return f"{self.under}/{file.tenant}/{file.sha256}"

    def files(self, service: Service) -> list[FileNamed]:
        """Every file that the database names."""
        with service.store.transaction() as tx:
            return [
                FileNamed(tenant=tenant, sha256=sha256, size=size)
                for tenant in tx.tenants()
                for sha256, size in self.named(service, tx, tenant)
            ]


def _published(service: Service, tx: Tx, tenant: str) -> list[tuple[str, int]]:
    models = service.publisher(tx, tenant).models().models
    return sorted({(each.sha256, each.size_bytes) for each in models})


ATTACHMENTS = Sort("files.json", "files", blob_files, lambda _, tx, tenant: tx.whole_blobs(tenant))
MODELS = Sort("models.json", "models", model_files, _published)


def put_files(
    service: Service, settings: Settings, archive: zipfile.ZipFile, sort: Sort, *, carry: bool
) -> tuple[tuple[FileNamed, ...], tuple[FileNamed, ...]]:
    """List the files of a sort, and carry them if asked to; which they are, and which of them the folder lacks.

    The list is read after the dump: what the dump has in full is on it, and whole files do not change.
    """
    listed, missing = [], []
    for each in sort.files(service):
        path = sort.folder(settings).place(each.tenant, each.sha256)
        here = path.is_file() and path.stat().st_size == each.size
        if here and carry:
            archive.write(path, sort.place(each), zipfile.ZIP_STORED)
        listed.append(each.model_copy(update={"carried": here and carry}))
        missing += [] if here else [each]
    archive.writestr(sort.listed, _LIST.dump_json(tuple(listed)))
    return tuple(listed), tuple(missing)


def unpack_files(file: Path, folder: Path, sort: Sort) -> list[tuple[FileNamed, Path]]:
    """The files of a sort that a backup carries, each with where it lies in `folder`, verified. Raises `Refused`."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed = _LIST.validate_json(archive.read(sort.listed)) if sort.listed in archive.namelist() else ()
            carried = [each for each in listed if each.carried]
            found = [(each, Path(archive.extract(sort.place(each), folder))) for each in carried]
    except (zipfile.BadZipFile, zlib.error, KeyError, ValidationError, EOFError) as error:
        raise Refused(Code.MALFORMED, f"{file} is damaged: the files that it lists cannot be read") from error
    if damaged := [each for each, path in found if sha256_of(path) != each.sha256]:
        raise Refused(Code.MALFORMED, f"{file} is damaged: file {damaged[0].sha256} is not what was written")
    return found


def put_back(settings: Settings, sort: Sort, carried: list[tuple[FileNamed, Path]]) -> None:
    """Files never change, so one that is there already is the one."""
    files = sort.folder(settings)
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


def missing_models(settings: Settings) -> tuple[FileNamed, ...]:
    """The files of published models that the folder has not."""
    service = build_service(settings)
    try:
        here = model_files(settings)
        return tuple(each for each in MODELS.files(service) if here.whole(each.tenant, each.sha256) != each.size)
    finally:
        service.store.close()


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
