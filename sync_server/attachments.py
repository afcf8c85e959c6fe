"""The bytes of attachments: taken in pieces, verified, handed out.

Rules
1. Bytes are taken only for a file that a command of the same tenant names which may still take effect: nobody stores
   anything here for free. They are handed out to those alone who may see a record that the file belongs to: one that
   a command which took effect names it for.
2. A piece goes exactly where the durable bytes end; the place moves on in the database after the piece is on the
   disk.
3. A file is whole only after size and sha256 were verified and its name is durable (`sync_server.blob_files`). In the
   transaction that says so, the commands that waited for it are decided.
4. A crash between any two steps leaves less said than done, never more: the next question finishes it.
5. Wrong bytes are thrown away as a whole.
6. A device that is revoked or forked may still bring the bytes of what was taken from it, and gets none.
7. Naming a file gives nobody the file. Whoever may not see it yet has to bring every byte of it, though it is here:
   to them it looks as if it were not, and their command waits for their own bytes.
8. What was whole and is gone (a folder that was not restored) is taken again.
9. The room of a file that only failed commands name is given back after `GRACE`.

No transaction is open while bytes are written or hashed: a slow disk under a large file holds up no round.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from shared.blobs import RANGE_BYTES_MAX, Progress, in_mib, read_range
from shared.ports import Clock
from shared.problems import Code, Refused
from shared.request_signature import Message
from sync_server.authentication import Caller, Seen
from sync_server.blob_files import BlobFiles
from sync_server.file_rights import may_have, may_read
from sync_server.letting_in import refuse_unless_let_in
from sync_server.standing import refuse_if_stopped
from sync_server.store import Store, Tx
from sync_server.store.blobs import Blob

log = logging.getLogger("tailboard.server")
#: How long the bytes of a failed command stay: it may be given again with the same file.
GRACE = timedelta(days=7)


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
        clock: Clock,
    ) -> None:
        """`bytes_arrived(tx, tenant, sha256)` decides, inside `tx`, what waited for a file."""
        self._store, self.files = store, files
        self._authenticate, self._bytes_arrived, self._clock = authenticate, bytes_arrived, clock

    def progress(self, message: Message, sha256: str) -> Progress:
        """How far a file has got.

        Raises:
            Refused: nobody's request, no such file, too large, or its bytes were wrong.
        """
        caller, blob, seen = self._look(message, b"", sha256)
        return self._settled(caller.tenant, sha256, blob) if seen else self._shown(caller, sha256, blob.received)

    def append(self, message: Message, piece: bytes, sha256: str, offset: int) -> Progress:
        """Take a piece that begins at byte `offset`; how far the file has got with it.

        Raises:
            Refused: as `progress`; `offset_wrong`, `attachment_space_full`, `store_full`.
        """
        caller, blob, seen = self._look(message, piece, sha256, room=True)
        if not seen:
            return self._show(caller, sha256, blob.received, offset, piece)
        tenant = caller.tenant
        if blob.whole:
            return self._settled(tenant, sha256, blob)
        if offset != blob.received or self.files.arrived(tenant, sha256) < offset:
            raise Refused(Code.OFFSET_WRONG, f"not at byte {offset}")
        if offset + len(piece) > blob.sizes[-1]:
            raise Refused(Code.ATTACHMENT_TOO_LARGE, f"the command names {blob.sizes[-1]} bytes; this is more")
        self.files.write(tenant, sha256, offset, piece)
        reached = offset + len(piece)
        if not self._store.attempt(lambda tx: tx.advance_blob(tenant, sha256, offset, reached, caller.actor)):
            raise Refused(Code.OFFSET_WRONG, "another upload of the same file was faster")
        return self._settled(tenant, sha256, replace(blob, received=reached))

    def read(self, message: Message, sha256: str, range_header: str | None) -> Piece:
        """The bytes of a file, or those that a Range header asks for, at most `RANGE_BYTES_MAX` of them.

        Raises:
            Refused: nobody's request, no such file, not here in full yet, or a range outside it.
        """
        caller, blob, _ = self._look(message, b"", sha256, reads=True)
        tenant = caller.tenant
        if not blob.whole or self.files.whole(tenant, sha256) is None:
            raise Refused(Code.NOT_FOUND, "the bytes of this file are not here")
        try:
            asked = read_range(range_header, blob.received)
        except ValueError as error:
            raise Refused(Code.RANGE_OUTSIDE, str(error)) from error
        first, length = asked or (0, blob.received)
        length = min(length, RANGE_BYTES_MAX) if asked else length
        return Piece(self.files.read(tenant, sha256, first, length), first, blob.received, asked is not None)

    # -- what is known

    def _look(
        self, message: Message, body: bytes, sha256: str, *, room: bool = False, reads: bool = False
    ) -> tuple[Caller, Blob, bool]:
        """Whose request it is; the file with the sizes that may be stored; whether the caller may know what is there.

        With `room`, room is kept for it.
        """
        spent = Seen()

        def look(tx: Tx) -> tuple[Caller, Blob, bool]:
            caller = self._authenticate(tx, message, body, spent)
            tenant = caller.tenant
            refuse_if_stopped(tx, tenant)
            if reads:
                refuse_unless_let_in(tx, caller, self._clock.now(), f"device {caller.device} gets no files")
            blob = tx.blob(tenant, sha256)
            if blob is None or (reads and not may_read(tx, caller.tenant, caller.actor, blob)):
                raise Refused(Code.NOT_FOUND, "no command here waits for this file or has it")
            if blob.whole and self.files.whole(tenant, sha256) is None:
                blob = self._gone(tx, tenant, sha256, blob)
            if not blob.whole:
                blob = self._small_enough(blob)
            if room and not blob.whole:
                self._keep_room(tx, tenant, sha256, blob.sizes[-1])
            return caller, blob, not blob.whole or may_have(tx, caller.tenant, caller.actor, sha256, blob)

        return self._store.attempt(look)

    def _gone(self, tx: Tx, tenant: str, sha256: str, blob: Blob) -> Blob:
        log.warning("file lost", extra={"tenant": tenant, "sha256": sha256})
        tx.forget_blob(tenant, sha256)
        return replace(blob, whole=False, received=0)

    def _small_enough(self, blob: Blob) -> Blob:
        limit = self.files.limits.file_bytes
        sizes = tuple(size for size in blob.sizes if size <= limit)
        if not sizes:
            largest = in_mib(blob.sizes[0])
            raise Refused(Code.ATTACHMENT_TOO_LARGE, f"it has {largest}; this server takes up to {in_mib(limit)}")
        return replace(blob, sizes=sizes)

    def _keep_room(self, tx: Tx, tenant: str, sha256: str, size: int) -> None:
        room = self.files.limits.tenant_bytes
        if tx.reserved_bytes(tenant, besides=sha256) + size > room:
            raise Refused(Code.ATTACHMENT_SPACE_FULL, f"files may take {in_mib(room)} in all")
        tx.reserve_blob(tenant, sha256, size)

    # -- showing that one has it

    def _show(self, caller: Caller, sha256: str, size: int, offset: int, piece: bytes) -> Progress:
        if offset != self.files.arrived(caller.tenant, sha256, caller.device):
            raise Refused(Code.OFFSET_WRONG, f"not at byte {offset}")
        if offset + len(piece) > size:
            raise Refused(Code.ATTACHMENT_TOO_LARGE, "this is more than the file has")
        self.files.write(caller.tenant, sha256, offset, piece, caller.device)
        return self._shown(caller, sha256, size)

    def _shown(self, caller: Caller, sha256: str, size: int) -> Progress:
        """How much of a file that is here the caller has brought; with the last byte it is theirs too."""
        tenant, arrived = caller.tenant, self.files.arrived(caller.tenant, sha256, caller.device)
        if arrived < size:
            return Progress(arrived)
        if not self.files.shown(tenant, sha256, size, caller.device):
            raise Refused(Code.BYTES_WRONG, "size or sha256 differ from what the command says")

        def shown(tx: Tx) -> None:
            tx.add_bringer(tenant, sha256, caller.actor)
            self._bytes_arrived(tx, tenant, sha256)

        self._store.attempt(shown)
        return Progress(size, complete=True)

    # -- giving room back

    def give_back(self, tenant: str, now: datetime) -> int:
        """Give back the room of files that only commands name which failed more than `GRACE` ago; of how many.

        First the database says that the file is not here, then the bytes go, then the room is free: whatever dies in
        between, the next sweep ends it, and nobody relies on bytes that are gone.
        """
        before = now - GRACE
        with self._store.transaction() as tx:
            refuse_if_stopped(tx, tenant)
            given_up = tx.given_up_blobs(tenant, before)
        for sha256 in given_up:
            self._store.attempt(partial(Tx.give_up_blob, tenant=tenant, sha256=sha256, before=before))
            self._store.attempt(partial(self._throw_away, tenant, sha256, before))
        return len(given_up)

    def _throw_away(self, tenant: str, sha256: str, before: datetime, tx: Tx) -> None:
        """A command that names it again meanwhile waits for this unit, or ends it."""
        if tx.give_up_blob(tenant, sha256, before):
            self.files.give_up(tenant, sha256)
            tx.reserve_blob(tenant, sha256, 0)
            log.info("room given back", extra={"tenant": tenant, "sha256": sha256})

    # -- after a restore

    def lost(self, tenant: str) -> list[tuple[str, int]]:
        """(sha256, size) of the files that the database has in full and the folder has not; they are taken again."""

        def look(tx: Tx) -> list[tuple[str, int]]:
            gone = [each for each in tx.whole_blobs(tenant) if self.files.whole(tenant, each[0]) != each[1]]
            for sha256, _ in gone:
                tx.forget_blob(tenant, sha256)
            return gone

        return self._store.attempt(look)

    # -- becoming whole

    def _settled(self, tenant: str, sha256: str, blob: Blob) -> Progress:
        """What can be said about a file now, after finishing what can be finished."""
        if blob.whole:
            self._store.attempt(lambda tx: self._tell(tx, tenant, sha256))
            return Progress(blob.received, complete=True)
        size = self.files.whole(tenant, sha256)
        if size is None and self.files.arrived(tenant, sha256) < blob.received:
            self._start_again(tenant, sha256, blob.received)  # the folder is older than the database
            return Progress(0)
        if size is None and blob.received in blob.sizes:
            size = self._verified(tenant, sha256, blob)
        return self._complete(tenant, sha256, size) if size else Progress(blob.received)

    def _tell(self, tx: Tx, tenant: str, sha256: str) -> None:
        """Whoever still waits for a file that is here may have come to see it since."""
        if tx.needing(tenant, [sha256]):
            self._bytes_arrived(tx, tenant, sha256)

    def _verified(self, tenant: str, sha256: str, blob: Blob) -> int | None:
        if self.files.finish(tenant, sha256, blob.received):
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
                self.files.discard(tenant, sha256)

        self._store.attempt(forget)
