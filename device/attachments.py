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
import json
import mimetypes
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from device.core.transfers import Waiting
from device.errors import LocalError
from device.store import DeviceStore, FileStanding
from shared.attachments import ATTACHMENT_BYTES_MAX, Attachment
from shared.blobs import ANY_BYTES, CHUNK_BYTES, in_mib
from shared.records.rules import FileName

NAME_CHARS_MAX = 120
_NAME = TypeAdapter[str](FileName)
#: The standard's own table, not the machine's: the same file gets the same type on every laptop.
_TYPES = mimetypes.MimeTypes()
_ALSO = {".heic": "image/heic", ".heif": "image/heif", ".webp": "image/webp", ".log": "text/plain"}


class FileState(StrEnum):
    """Where a file's bytes are. `KEPT`: here, and wanted by the server; `FETCHING`: only a part is here."""

    KEPT = "kept"
    UP = "up"
    FETCHING = "fetching"
    FETCHED = "fetched"


_TABLES = (
    # One file; `sent` is how much of it the server said to have, `refusal` why it does not take it.
    (
        "CREATE TABLE IF NOT EXISTS attachment (sha256 VARCHAR NOT NULL PRIMARY KEY, size INTEGER NOT NULL,"
        " media_type VARCHAR NOT NULL, state VARCHAR NOT NULL, sent INTEGER NOT NULL, refusal VARCHAR)"
    ),
    # One piece of a file, at byte `start`.
    (
        "CREATE TABLE IF NOT EXISTS attachment_chunk (sha256 VARCHAR NOT NULL, start INTEGER NOT NULL,"
        " content BLOB NOT NULL, PRIMARY KEY (sha256, start))"
    ),
    # A command of this laptop that names a file.
    (
        "CREATE TABLE IF NOT EXISTS attachment_naming (command VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,"
        " PRIMARY KEY (command, sha256))"
    ),
    "CREATE INDEX IF NOT EXISTS ix_attachment_naming_sha256 ON attachment_naming (sha256)",
)
_NAMED_BY = "SELECT sha256 FROM attachment_naming JOIN outbox ON outbox.id = attachment_naming.command WHERE"
#: A command that will never take effect needs no bytes.
_WANTED = f"""{_NAMED_BY}
    outbox.state IN ('held', 'settled')
    AND (outbox.outcome IS NULL OR outbox.outcome NOT IN ('rejected', 'expired'))"""
_LACKED = f"{_NAMED_BY} outbox.state = 'held' AND json_extract(outbox.problem, '$.code') = 'bytes_missing'"
#: Asked in every idle round.
_WAITING = f"""
    SELECT sha256, size FROM attachment
    WHERE state = 'kept' AND sha256 IN ({_WANTED}) OR state = 'up' AND sha256 IN ({_LACKED})"""  # noqa: S608
_OFFERED_AGAIN = f"UPDATE attachment SET state = 'kept' WHERE state = 'up' AND sha256 IN ({_WANTED})"  # noqa: S608
_STANDINGS = """
    SELECT command, sent, size, state, refusal
    FROM attachment_naming JOIN attachment ON attachment.sha256 = attachment_naming.sha256"""
#: The server may have it already: then it stays up.
_KEEP = """
    INSERT INTO attachment (sha256, size, media_type, state, sent) VALUES (?, ?, ?, 'kept', 0)
    ON CONFLICT (sha256) DO UPDATE SET state = 'kept', sent = 0, refusal = NULL WHERE attachment.state <> 'up'"""
_BEGIN = """
    INSERT INTO attachment (sha256, size, media_type, state, sent) VALUES (?, ?, ?, 'fetching', 0)
    ON CONFLICT DO NOTHING"""
_ADD_CHUNK = "INSERT INTO attachment_chunk (sha256, start, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_CHUNKS = "SELECT content FROM attachment_chunk WHERE sha256 = ? AND start >= ? AND start < ? ORDER BY start"
_SIZE = "SELECT size FROM attachment WHERE sha256 = ? AND state <> 'fetching'"
_WHOLE = "SELECT sha256 FROM attachment WHERE state <> 'fetching' AND sha256 IN (SELECT value FROM json_each(?))"
_FETCHED = "SELECT coalesce(sum(length(content)), 0) FROM attachment_chunk WHERE sha256 = ?"


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
    name = _name_of(path)
    if not content:
        raise LocalError(f"{path.name} is empty; there is nothing to attach.")
    if size > bytes_max:
        raise LocalError(
            f"{path.name} has {in_mib(size)}; a file may have up to {in_mib(bytes_max)}. Attach a smaller one."
        )
    digest = hashlib.sha256(content).hexdigest()
    attachment = Attachment(sha256=digest, size=len(content), media_type=media_type_of(path.name))
    return FileDraft(name, attachment, content)


def _name_of(path: Path) -> str:
    """What a job calls the file: the end of its name, if that is too long."""
    try:
        return _NAME.validate_python(path.name[-NAME_CHARS_MAX:])
    except ValidationError as error:
        said = "The file's name holds a character that no name may hold. Rename it, then attach it."
        raise LocalError(said) from error


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
            for statement in _TABLES:
                connection.execute(statement)

    # -- ours

    def add(self, draft: FileDraft, command: str) -> Attachment:
        """Keep a file for the `command` that names it; saved when the surrounding transaction commits."""
        file = draft.attachment
        with self._store.transaction() as connection:
            connection.execute(_KEEP, (file.sha256, file.size, file.media_type))
            self._forget_bytes(file.sha256)
            connection.executemany(_ADD_CHUNK, _rows(file.sha256, 0, draft.content))
            named = "INSERT INTO attachment_naming (command, sha256) VALUES (?, ?)"
            connection.execute(named, (command, file.sha256))
        return file

    def waiting(self) -> list[Waiting]:
        """The files that the server has a command for and has not confirmed, or says to lack after all."""
        return [Waiting(*row) for row in self._store.read(_WAITING)]

    def offer_again(self) -> None:
        """In a new life of the server's database, ask about every file that was up: it may be lost there."""
        life = str(self._store.incarnation())
        if self._store.meta("files_life") == life:
            return
        with self._store.transaction() as connection:
            connection.execute(_OFFERED_AGAIN)
            self._store.set_meta("files_life", life)

    def standings(self) -> dict[str, FileStanding]:
        """Command id → how far its file has got."""
        return {
            command: FileStanding(sent, size, state == FileState.UP, refusal)
            for command, sent, size, state, refusal in self._store.read(_STANDINGS)
        }

    def mark_sent(self, sha256: str, sent: int) -> None:
        """The server said to have `sent` bytes."""
        self._set("sent = ?, refusal = NULL", sent, sha256)

    def mark_up(self, sha256: str) -> None:
        """The server said that it has the whole file, verified."""
        self._set("state = ?, refusal = NULL", FileState.UP, sha256)

    def mark_refused(self, sha256: str, why: str) -> None:
        """The server does not take it, in a sentence."""
        self._set("refusal = ?", why, sha256)

    def _set(self, what: str, value: object, sha256: str) -> None:
        with self._store.transaction() as connection:
            ours = f"UPDATE attachment SET {what} WHERE sha256 = ? AND state = 'kept'"  # noqa: S608 - words of ours
            connection.execute(ours, (value, sha256))

    # -- bytes

    def piece(self, sha256: str, start: int, length: int) -> bytes:
        """`length` bytes of a file from `start` on, fewer at its end."""
        first = start - start % CHUNK_BYTES
        joined = b"".join(content for (content,) in self._store.read(_CHUNKS, (sha256, first, start + length)))
        return joined[start - first : start - first + length]

    def content(self, sha256: str) -> bytes | None:
        """The whole file; None while not all of it is here and verified."""
        with self._store.transaction():
            found = self._store.read(_SIZE, (sha256,))
            return self.piece(sha256, 0, found[0][0]) if found else None

    def whole(self, names: Collection[str]) -> frozenset[str]:
        """Those of `names` (sha256) that are here in full."""
        return frozenset(name for (name,) in self._store.read(_WHOLE, (json.dumps([*names]),)))

    def forget_fetched(self, sha256: str) -> None:
        """Throw away a file that came down, or began to; one that a command of this laptop names stays."""
        with self._store.transaction():
            if not self._store.read("SELECT 1 FROM attachment_naming WHERE sha256 = ?", (sha256,)):
                self._forget(sha256)

    # -- coming down

    def fetched(self, file: Attachment) -> int:
        """How many bytes of `file` are here already."""
        return int(self._store.read(_FETCHED, (file.sha256,))[0][0])

    def take(self, file: Attachment, start: int, piece: bytes) -> None:
        """Keep a piece that came down, in the order in which they lie in the file."""
        assert start % CHUNK_BYTES == 0, "pieces come in whole chunks"
        with self._store.transaction() as connection:
            connection.execute(_BEGIN, (file.sha256, file.size, file.media_type))
            connection.executemany(_ADD_CHUNK, _rows(file.sha256, start, piece))

    def finish(self, file: Attachment) -> bool:
        """Call a file whole if its bytes are the ones that its name says; else throw them away. Whether they are."""
        with self._store.transaction() as connection:
            right = _digest(self.piece(file.sha256, at, CHUNK_BYTES) for at in _starts(file)) == file.sha256
            this = "sha256 = ? AND state = 'fetching'"
            if right:
                connection.execute(f"UPDATE attachment SET state = 'fetched' WHERE {this}", (file.sha256,))  # noqa: S608
            else:
                self._forget_bytes(file.sha256)
                connection.execute(f"DELETE FROM attachment WHERE {this}", (file.sha256,))  # noqa: S608
        return right

    def _forget(self, sha256: str) -> None:
        with self._store.transaction() as connection:
            self._forget_bytes(sha256)
            connection.execute("DELETE FROM attachment WHERE sha256 = ?", (sha256,))

    def _forget_bytes(self, sha256: str) -> None:
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM attachment_chunk WHERE sha256 = ?", (sha256,))


def _rows(sha256: str, start: int, content: bytes) -> list[tuple[str, int, bytes]]:
    return [(sha256, start + at, content[at : at + CHUNK_BYTES]) for at in range(0, len(content), CHUNK_BYTES)]


def _starts(file: Attachment) -> range:
    return range(0, file.size, CHUNK_BYTES)


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
