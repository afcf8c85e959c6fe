"""The bytes of attachments: taken in pieces, verified, handed out.

Rules
1. Bytes are taken only for a file that a command of the same tenant names which may still take effect: nobody stores
   anything here for free. They are handed out to those alone who may see a record that the file belongs to.
2. A piece goes exactly where the durable bytes end; the place moves on in the database after the piece is on the
   disk.
3. A file is whole only after size and sha256 were verified and its name is durable (`sync_server.blob_files`). In the
   transaction that says so, the commands that waited for it are decided.
4. A crash between any two steps leaves less said than done, never more: the next question finishes it.
5. Wrong bytes are thrown away as a whole.
6. A device that is revoked or forked may still bring the bytes of what was taken from it, and gets none.

No transaction is open while bytes are written or hashed: a slow disk under a large file holds up no round.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from reconciliation.scope import visible
from shared.blobs import RANGE_BYTES_MAX, Progress, in_mib, read_range
from shared.problems import Code, Refused
from shared.request_signature import Message
from sync_server.authentication import Caller, Seen
from sync_server.blob_files import BlobFiles
from sync_server.standing import refuse_if_stopped
from sync_server.store import DeviceState, Store, Tx
from sync_server.store.blobs import Blob

log = logging.getLogger("tailboard.server")


class Authenticate(Protocol):
    """Finds out whose device signed a request."""

    def __call__(self, tx: Tx, message: Message, body: bytes, seen: Seen) -> Caller:
        """The device. Raises `Refused` if nobody's."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `first` and following of a file of `size` bytes; `partial` says that a range was asked for."""

    content: bytes
    first: int
    size: int
    partial: bool


class Attachments:
    """What devices can do with the bytes of files."""

    def __init__(
        self,
        store: Store,
        files: BlobFiles,
        authenticate: Authenticate,
        bytes_arrived: Callable[[Tx, str, str], None],
    ) -> None:
        """`bytes_arrived(tx, tenant, sha256)` decides, inside `tx`, what waited for a file."""
        self._store, self._files = store, files
        self._authenticate, self._bytes_arrived = authenticate, bytes_arrived

    def progress(self, message: Message, sha256: str) -> Progress:
        """How far a file has got.

        Raises:
            Refused: nobody's request, no such file, too large, or its bytes were wrong.
        """
        tenant, blob = self._look(message, b"", sha256)
        return self._settled(tenant, sha256, blob)

    def append(self, message: Message, piece: bytes, sha256: str, offset: int) -> Progress:
        """Take a piece that begins at byte `offset`; how far the file has got with it.

        Raises:
            Refused: as `progress`; `offset_wrong`, `attachment_space_full`, `store_full`.
        """
        tenant, blob = self._look(message, piece, sha256, room=True)
        if blob.whole:
            return Progress(blob.received, complete=True)
        if offset != blob.received or self._files.arrived(tenant, sha256) < offset:
            raise Refused(Code.OFFSET_WRONG, f"not at byte {offset}")
        if offset + len(piece) > blob.sizes[-1]:
            raise Refused(Code.ATTACHMENT_TOO_LARGE, f"the command names {blob.sizes[-1]} bytes; this is more")
        self._files.write(tenant, sha256, offset, piece)
        reached = offset + len(piece)
        if not self._store.attempt(lambda tx: tx.advance_blob(tenant, sha256, offset, reached)):
            raise Refused(Code.OFFSET_WRONG, "another upload of the same file was faster")
        return self._settled(tenant, sha256, replace(blob, received=reached))

    def read(self, message: Message, sha256: str, range_header: str | None) -> Piece:
        """The bytes of a file, or those that a Range header asks for, at most `RANGE_BYTES_MAX` of them.

        Raises:
            Refused: nobody's request, no such file, not here in full yet, or a range outside it.
        """
        tenant, blob = self._look(message, b"", sha256, reads=True)
        if not blob.whole or self._files.whole(tenant, sha256) is None:
            raise Refused(Code.NOT_FOUND, "the bytes of this file are not here")
        try:
            asked = read_range(range_header, blob.received)
        except ValueError as error:
            raise Refused(Code.RANGE_OUTSIDE, str(error)) from error
        first, length = asked or (0, blob.received)
        length = min(length, RANGE_BYTES_MAX) if asked else length
        return Piece(self._files.read(tenant, sha256, first, length), first, blob.received, asked is not None)

    # -- what is known

    def _look(
        self, message: Message, body: bytes, sha256: str, *, room: bool = False, reads: bool = False
    ) -> tuple[str, Blob]:
        """Whose request it is, and the file with the sizes that may be stored; with `room`, room is kept for it."""
        seen = Seen()

        def look(tx: Tx) -> tuple[str, Blob]:
            caller = self._authenticate(tx, message, body, seen)
            tenant = caller.tenant
            refuse_if_stopped(tx, tenant)
            if reads:
                _refuse_unless_active(tx, caller)
            blob = tx.blob(tenant, sha256)
            if blob is None or (reads and not _shown(tx, caller, blob)):
                raise Refused(Code.NOT_FOUND, "no command here waits for this file or has it")
            if not blob.whole:
                blob = self._small_enough(blob)
            if room and not blob.whole:
                self._keep_room(tx, tenant, sha256, blob.sizes[-1])
            return tenant, blob

        return self._store.attempt(look)

    def _small_enough(self, blob: Blob) -> Blob:
        limit = self._files.limits.file_bytes
        sizes = tuple(size for size in blob.sizes if size <= limit)
        if not sizes:
            largest = in_mib(blob.sizes[0])
            raise Refused(Code.ATTACHMENT_TOO_LARGE, f"it has {largest}; this server takes up to {in_mib(limit)}")
        return replace(blob, sizes=sizes)

    def _keep_room(self, tx: Tx, tenant: str, sha256: str, size: int) -> None:
        room = self._files.limits.tenant_bytes
        if tx.reserved_bytes(tenant, besides=sha256) + size > room:
            raise Refused(Code.ATTACHMENT_SPACE_FULL, f"files may take {in_mib(room)} in all")
        tx.reserve_blob(tenant, sha256, size)

    # -- becoming whole

    def _settled(self, tenant: str, sha256: str, blob: Blob) -> Progress:
        """What can be said about a file now, after finishing what can be finished."""
        if blob.whole:
            return Progress(blob.received, complete=True)
        size = self._files.whole(tenant, sha256)
        if size is None and self._files.arrived(tenant, sha256) < blob.received:
            self._start_again(tenant, sha256, blob.received)  # the folder is older than the database
            return Progress(0)
        if size is None and blob.received in blob.sizes:
            size = self._verified(tenant, sha256, blob)
        return self._complete(tenant, sha256, size) if size else Progress(blob.received)

    def _verified(self, tenant: str, sha256: str, blob: Blob) -> int | None:
        if self._files.finish(tenant, sha256, blob.received):
            return blob.received
        if blob.received < blob.sizes[-1]:
            return None  # a command named a smaller size, wrongly; the file goes on
        self._start_again(tenant, sha256, blob.received)
        log.warning("wrong bytes", extra={"tenant": tenant, "sha256": sha256})
        raise Refused(Code.BYTES_WRONG, "size or sha256 differ from what the command says")

    def _complete(self, tenant: str, sha256: str, size: int) -> Progress:
        def complete(tx: Tx) -> None:
            if tx.complete_blob(tenant, sha256, size):
                self._bytes_arrived(tx, tenant, sha256)

        self._store.attempt(complete)
        log.info("file complete", extra={"tenant": tenant, "sha256": sha256, "size": size})
        return Progress(size, complete=True)

    def _start_again(self, tenant: str, sha256: str, before: int) -> None:
        def forget(tx: Tx) -> None:
            if tx.advance_blob(tenant, sha256, before, 0):
                tx.reserve_blob(tenant, sha256, 0)
                self._files.discard(tenant, sha256)

        self._store.attempt(forget)


def _shown(tx: Tx, caller: Caller, blob: Blob) -> bool:
    """Whether the device's person may see one of the records that the file belongs to."""
    person = tx.person(caller.tenant, caller.actor)
    records = tx.records(caller.tenant, blob.records).values()
    return person is not None and any(visible(record, person.teams) for record in records)


def _refuse_unless_active(tx: Tx, caller: Caller) -> None:
    device = tx.device(caller.tenant, caller.device)
    if device is None or device.state is not DeviceState.ACTIVE:
        forked = device is not None and device.state is DeviceState.FORKED
        code = Code.DEVICE_FORKED if forked else Code.DEVICE_REVOKED
        raise Refused(code, f"device {caller.device} gets no files")
