"""The bytes of attachments as files: one folder per tenant, one file per sha256.

Rules
1. ``<tenant>/ab/cdef…`` exists only after size and sha256 were verified and the bytes are on the disk: whoever sees
   the name may believe the content.
2. ``<tenant>/partial/abcdef…`` is what has arrived so far. How much of it is durable stands in the database; bytes
   behind that place are overwritten.
3. A whole file comes to its name by one rename, and the folder is flushed before anybody is told.
4. ``<tenant>/partial/abcdef….<device>`` is what a device brings of a file that is whole here already and that its
   person may not see: only who has every byte shows that they have it. How much has arrived is its size.

Not handled here: who may send or read what (`sync_server.attachments`), and what the database says about it.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.problems import Code, Refused

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """The largest single file and the most that one tenant may store, in bytes."""

    file_bytes: int
    tenant_bytes: int


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of published models, and the folder from which the console publishes new ones."""

    published: "BlobFiles"
    incoming: Path


class BlobFiles:
    """The files below `folder`, which is made when the first one comes."""

    def __init__(self, folder: Path, limits: BlobLimits) -> None:
        self._folder, self.limits = folder, limits

    def whole(self, tenant: str, sha256: str) -> int | None:
        """The size of a verified file in bytes; None if it is not there."""
        path = self._whole(tenant, sha256)
        return path.stat().st_size if path.is_file() else None

    def arrived(self, tenant: str, sha256: str, by: str | None = None) -> int:
        """How many bytes the partial file (that of device `by` alone) has, durable or not; 0 if there is none."""
        path = self._partial(tenant, sha256, by)
        return path.stat().st_size if path.is_file() else 0

    def write(self, tenant: str, sha256: str, offset: int, chunk: bytes, by: str | None = None) -> None:
        """Put `chunk` at `offset` of the partial file (that of device `by` alone), durably.

        Raises:
            Refused: `store_full`.
        """
        path = self._partial(tenant, sha256, by)
        with _full_disk_refused():
            self._make(path.parent)
            new = not path.exists()
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                file.seek(offset)
                file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _flush_folder(path.parent)

    def finish(self, tenant: str, sha256: str, size: int) -> bool:
        """Give the partial file its name, if its first `size` bytes are the ones that `sha256` names.

        Returns whether they are. If not, nothing is changed.
        """
        partial, path = self._partial(tenant, sha256), self._whole(tenant, sha256)
        try:
            if _digest(partial, size) != sha256:
                return False
            with _full_disk_refused():
                self._make(path.parent)
                self._name(partial, path, size)
        except FileNotFoundError:  # another request for the same file was faster
            return self.whole(tenant, sha256) == size
        return True

    def _name(self, partial: Path, path: Path, size: int) -> None:
        with partial.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
        partial.replace(path)
        _flush_folder(path.parent)
        _flush_folder(partial.parent)

    def shown(self, tenant: str, sha256: str, size: int, by: str) -> bool:
        """Whether device `by` has brought every byte of a file of `size` bytes; what it brought is thrown away."""
        partial = self._partial(tenant, sha256, by)
        try:
            return _digest(partial, size) == sha256
        except FileNotFoundError:  # another request for the same file was faster
            return False
        finally:
            partial.unlink(missing_ok=True)

    def discard(self, tenant: str, sha256: str) -> None:
        """Throw the partial file away."""
        self._partial(tenant, sha256).unlink(missing_ok=True)

    def give_up(self, tenant: str, sha256: str) -> None:
        """Throw everything of a file away, durably."""
        for path in (self._whole(tenant, sha256), *self._folder.glob(f"{tenant}/partial/{sha256}*")):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _flush_folder(path.parent)

    def take(self, tenant: str, sha256: str, source: Path) -> None:
        """Give a verified file that lies at `source`, on the same disk, its name. Raises `Refused`: `store_full`."""
        path = self._whole(tenant, sha256)
        with _full_disk_refused():
            self._make(path.parent)
            self._name(source, path, source.stat().st_size)

    def place(self, tenant: str, sha256: str) -> Path:
        """Where a whole file lies, or would."""
        return self._whole(tenant, sha256)

    def read(self, tenant: str, sha256: str, first: int, length: int) -> bytes:
        """`length` bytes of a verified file from `first` on."""
        with self._whole(tenant, sha256).open("rb") as file:
            file.seek(first)
            return file.read(length)

    def _whole(self, tenant: str, sha256: str) -> Path:
        return self._folder / tenant / sha256[:2] / sha256[2:]

    def _partial(self, tenant: str, sha256: str, by: str | None = None) -> Path:
        return self._folder / tenant / "partial" / (sha256 if by is None else f"{sha256}.{by}")

    def _make(self, folder: Path) -> None:
        """Make `folder` with the ones above it, each entry flushed before something is put into it."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _flush_folder(folder.parent)


def _digest(path: Path, size: int) -> str:
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left and (part := file.read(min(left, _READ_BYTES))):
            digest.update(part)
            left -= len(part)
    return digest.hexdigest() if not left else ""


def _flush_folder(folder: Path) -> None:
    """A new name is durable only once its folder is. Windows cannot open a folder, and flushes names by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _full_disk_refused() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise Refused(Code.STORE_FULL, "there is no room for the file") from error
        raise
