"""The files of this laptop: photos and readings files that commands name, and those of jobs that were looked at.

Rules
1. Bytes lie in the encrypted database in chunks, under the same key and the same commit as the commands that name
   them: a file is saved exactly when its command is.
2. A file is called by its sha256. The same bytes are kept once, however many commands name them.
3. Bytes that came down are shown only after all of them were there and their sha256 was right.
4. A file counts as up when the server said so; what was sent is only a number for people.
5. What was up is offered again when the server says that a command waits for it, and once in each new life of the
   server's database, which may have lost it.

Not handled here: what moves when (`device.core.transfers`) and over which wire (`device.transfers`).
Source: ADR 0014.
"""

import hashlib
import mimetypes
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Field, MetaData, SQLModel

from device.core.transfers import Waiting
from device.errors import LocalError
from device.store import OUTBOX, DeviceStore, FileStanding, State
from shared.attachments import ATTACHMENT_BYTES_MAX, Attachment
from shared.blobs import ANY_BYTES, CHUNK_BYTES, in_mib
from shared.outcomes import Outcome
from shared.problems import Code

NAME_CHARS_MAX = 120
#: The standard's own table, not the machine's: the same file gets the same type on every laptop.
_TYPES = mimetypes.MimeTypes()
_ALSO = {".heic": "image/heic", ".heif": "image/heif", ".webp": "image/webp", ".log": "text/plain"}


class FileState(StrEnum):
    """Where a file's bytes are. `KEPT`: here, and wanted by the server; `FETCHING`: only a part is here."""

    KEPT = "kept"
    UP = "up"
    FETCHING = "fetching"
    FETCHED = "fetched"


class _Table(SQLModel):
    metadata = MetaData()


class AttachmentRow(_Table, table=True):
    """One file; `sent` is how much of it the server said to have, `refusal` why it does not take it."""

    __tablename__ = "attachment"
    sha256: str = Field(primary_key=True)
    size: int
    media_type: str
    state: str
    sent: int = 0
    refusal: str | None = None


class ChunkRow(_Table, table=True):
    """One piece of a file, at byte `start`."""

    __tablename__ = "attachment_chunk"
    sha256: str = Field(primary_key=True)
    start: int = Field(primary_key=True)
    content: bytes


class NamingRow(_Table, table=True):
    """A command of this laptop that names a file."""

    __tablename__ = "attachment_naming"
    command: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True, index=True)


ATTACHMENT, CHUNK, NAMING = (
    _Table.metadata.tables[name] for name in ("attachment", "attachment_chunk", "attachment_naming")
)
#: A command that will never take effect needs no bytes.
_WANTED = OUTBOX.c.state.in_([State.HELD, State.SETTLED]) & (
    OUTBOX.c.outcome.is_(None) | OUTBOX.c.outcome.not_in([Outcome.REJECTED, Outcome.EXPIRED])
)
_LACKED = (OUTBOX.c.state == State.HELD) & (
    func.json_extract(OUTBOX.c.problem, text("'$.code'")) == str(Code.BYTES_MISSING)
)


@cache
def _waiting_sql() -> str:
    """Asked in every idle round: in SQL for the driver, made once."""
    wanted = select(NAMING.c.sha256).join(OUTBOX, OUTBOX.c.id == NAMING.c.command)
    kept = (ATTACHMENT.c.state == FileState.KEPT) & ATTACHMENT.c.sha256.in_(wanted.where(_WANTED))
    lacked = (ATTACHMENT.c.state == FileState.UP) & ATTACHMENT.c.sha256.in_(wanted.where(_LACKED))
    query = select(ATTACHMENT.c.sha256, ATTACHMENT.c.size).where(kept | lacked)
    return str(query.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))


@dataclass(frozen=True, slots=True, repr=False)
class FileDraft:
    """A file as it was read: what a command will say about it, and its bytes."""

    name: str
    attachment: Attachment
    content: bytes


def read_file(path: Path, *, bytes_max: int = ATTACHMENT_BYTES_MAX) -> FileDraft:
    """The file at `path`, ready to be attached. Nothing is kept yet.

    Args:
        path: a file of 1 to `bytes_max` bytes.
        bytes_max: the limit.

    Raises:
        LocalError: it is not there, not a file, empty, too large, or cannot be read.
    """
    try:
        if not path.is_file():
            raise LocalError(f"There is no file {path}. Check the name.")
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
            size = max(path.stat().st_size, len(content))
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
    if not content:
        raise LocalError(f"{path.name} is empty; there is nothing to attach.")
    if size > bytes_max:
        raise LocalError(
            f"{path.name} has {in_mib(size)}; a file may have up to {in_mib(bytes_max)}. Attach a smaller one."
        )
    digest = hashlib.sha256(content).hexdigest()
    attachment = Attachment(sha256=digest, size=len(content), media_type=media_type_of(path.name))
    return FileDraft(path.name[-NAME_CHARS_MAX:], attachment, content)


def safe_name(name: str) -> str:
    """A file name for this laptop from a name that somebody else wrote: it cannot point anywhere, or hide."""
    kept = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in name)
    return kept.lstrip(". ") or "file"


def media_type_of(name: str) -> str:
    """The media type that a file's extension promises; ``application/octet-stream`` where it promises none."""
    suffix = Path(name).suffix.lower()
    known = _ALSO.get(suffix) or _TYPES.guess_type(f"file{suffix}", strict=False)[0]
    return known or ANY_BYTES


class Attachments:
    """The files in a device's database."""

    def __init__(self, store: DeviceStore) -> None:
        """Raises `StoreError` if the tables cannot be made."""
        self._store = store
        with store.transaction() as connection:
            _Table.metadata.create_all(connection)

    # -- ours

    def add(self, draft: FileDraft, command: str) -> Attachment:
        """Keep a file for the `command` that names it; saved when the surrounding transaction commits."""
        file = draft.attachment
        with self._store.transaction() as connection:
            statement = upsert(ATTACHMENT).values(**file.model_dump(), state=FileState.KEPT, sent=0)
            again = {"state": FileState.KEPT, "sent": 0, "refusal": None}
            done = ATTACHMENT.c.state != FileState.UP  # the server has it already
            connection.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_=again, where=done))
            self._forget_bytes(file.sha256)
            rows = [
                {"sha256": file.sha256, "start": start, "content": draft.content[start : start + CHUNK_BYTES]}
                for start in range(0, file.size, CHUNK_BYTES)
            ]
            connection.execute(insert(CHUNK), rows)
            connection.execute(insert(NAMING).values(command=command, sha256=file.sha256))
        return file

    def waiting(self) -> list[Waiting]:
        """The files that the server has a command for and has not confirmed, or says to lack after all."""
        return [Waiting(*row) for row in self._store.read(_waiting_sql())]

    def offer_again(self) -> None:
        """In a new life of the server's database, ask about every file that was up: it may be lost there."""
        life = str(self._store.incarnation())
        if self._store.meta("files_life") == life:
            return
        needed = select(NAMING.c.sha256).join(OUTBOX, OUTBOX.c.id == NAMING.c.command).where(_WANTED)
        up = (ATTACHMENT.c.state == FileState.UP) & ATTACHMENT.c.sha256.in_(needed)
        with self._store.transaction() as connection:
            connection.execute(update(ATTACHMENT).where(up).values(state=FileState.KEPT))
            self._store.set_meta("files_life", life)

    def standings(self) -> dict[str, FileStanding]:
        """Command id → how far its file has got."""
        columns = (ATTACHMENT.c.sent, ATTACHMENT.c.size, ATTACHMENT.c.state, ATTACHMENT.c.refusal)
        query = select(NAMING.c.command, *columns).join(ATTACHMENT, ATTACHMENT.c.sha256 == NAMING.c.sha256)
        with self._store.transaction() as connection:
            return {
                row.command: FileStanding(row.sent, row.size, row.state == FileState.UP, row.refusal)
                for row in connection.execute(query)
            }

    def mark_sent(self, sha256: str, sent: int) -> None:
        """The server said to have `sent` bytes."""
        self._set(sha256, sent=sent, refusal=None)

    def mark_up(self, sha256: str) -> None:
        """The server said that it has the whole file, verified."""
        self._set(sha256, state=FileState.UP, refusal=None)

    def mark_refused(self, sha256: str, why: str) -> None:
        """The server does not take it, in a sentence."""
        self._set(sha256, refusal=why)

    def _set(self, sha256: str, **values: object) -> None:
        ours = (ATTACHMENT.c.sha256 == sha256) & (ATTACHMENT.c.state == FileState.KEPT)
        with self._store.transaction() as connection:
            connection.execute(update(ATTACHMENT).where(ours).values(**values))

    # -- bytes

    def piece(self, sha256: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from `start` on, fewer at its end."""
        first = start - start % CHUNK_BYTES
        query = select(CHUNK.c.content).where(
            CHUNK.c.sha256 == sha256, CHUNK.c.start >= first, CHUNK.c.start < start + length
        )
        with self._store.transaction() as connection:
            joined = b"".join(connection.execute(query.order_by(CHUNK.c.start)).scalars())
        return joined[start - first : start - first + length]

    def content(self, sha256: str) -> bytes | None:
        """The whole file; None while not all of it is here and verified."""
        whole = ATTACHMENT.c.state != FileState.FETCHING
        query = select(ATTACHMENT.c.size).where(ATTACHMENT.c.sha256 == sha256, whole)
        with self._store.transaction() as connection:
            size = connection.execute(query).scalar_one_or_none()
            return None if size is None else self.piece(sha256, 0, size)

    def whole(self, names: Collection[str]) -> frozenset[str]:
        """Those of `names` (sha256) that are here in full."""
        here = (ATTACHMENT.c.state != FileState.FETCHING) & ATTACHMENT.c.sha256.in_(list(names))
        with self._store.transaction() as connection:
            return frozenset(connection.execute(select(ATTACHMENT.c.sha256).where(here)).scalars())

    def forget_fetched(self, sha256: str) -> None:
        """Throw away a file that came down, or began to; one that a command of this laptop names stays."""
        with self._store.transaction() as connection:
            named = select(NAMING.c.sha256).where(NAMING.c.sha256 == sha256)
            if connection.execute(named).first() is None:
                self._forget_bytes(sha256)
                connection.execute(delete(ATTACHMENT).where(ATTACHMENT.c.sha256 == sha256))

    # -- coming down

    def fetched(self, file: Attachment) -> int:
        """How many bytes of `file` are here already."""
        query = select(func.coalesce(func.sum(func.length(CHUNK.c.content)), 0)).where(CHUNK.c.sha256 == file.sha256)
        with self._store.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def take(self, file: Attachment, start: int, piece: bytes) -> None:
        """Keep a piece that came down, in the order in which they lie in the file."""
        assert start % CHUNK_BYTES == 0, "pieces come in whole chunks"
        statement = upsert(ATTACHMENT).values(**file.model_dump(), state=FileState.FETCHING, sent=0)
        rows = [
            {"sha256": file.sha256, "start": start + at, "content": piece[at : at + CHUNK_BYTES]}
            for at in range(0, len(piece), CHUNK_BYTES)
        ]
        with self._store.transaction() as connection:
            connection.execute(statement.on_conflict_do_nothing())
            connection.execute(upsert(CHUNK).on_conflict_do_nothing(), rows)

    def finish(self, file: Attachment) -> bool:
        """Call a file whole if its bytes are the ones that its name says; else throw them away. Whether they are."""
        with self._store.transaction() as connection:
            right = _digest(self.piece(file.sha256, at, CHUNK_BYTES) for at in _starts(file)) == file.sha256
            this = (ATTACHMENT.c.sha256 == file.sha256) & (ATTACHMENT.c.state == FileState.FETCHING)
            if right:
                connection.execute(update(ATTACHMENT).where(this).values(state=FileState.FETCHED))
            else:
                self._forget_bytes(file.sha256)
                connection.execute(delete(ATTACHMENT).where(this))
        return right

    def _forget_bytes(self, sha256: str) -> None:
        with self._store.transaction() as connection:
            connection.execute(delete(CHUNK).where(CHUNK.c.sha256 == sha256))


def _starts(file: Attachment) -> range:
    return range(0, file.size, CHUNK_BYTES)


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
