"""Files that commands name: how much of each has arrived, and which commands name it.

A file has a row here only because a command named it; the bytes themselves are `sync_server.blob_files`' business.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    case,
    exists,
    false,
    func,
    select,
    true,
    update,
)
from sqlmodel import Field

from shared.attachments import Attachment
from shared.commands.base import Command
from shared.outcomes import Outcome
from sync_server.store.base import Part, Table, table_of
from sync_server.store.ledger import LEDGER

#: A command that will never take effect gives its file no room.
_FAILED = (Outcome.REJECTED, Outcome.EXPIRED)


class BlobRow(Table, table=True):
    """One file of a tenant. `received` bytes are durable, `reserved` count against the tenant's space.

    `bringer` is the person whose devices brought all of what is there; None if several did.
    """

    __tablename__ = "blob"
    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    received: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    reserved: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    whole: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    bringer: str | None = None


class BlobBringerRow(Table, table=True):
    """`actor` has every byte of a file: their device brought it here."""

    __tablename__ = "blob_bringer"
    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    actor: str = Field(primary_key=True)


class BlobNameRow(Table, table=True):
    """`command`, about `record`, names a file and says how large it is."""

    __tablename__ = "blob_name"
    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    command: str = Field(primary_key=True)
    record: str
    size: int = Field(sa_column=Column(BigInteger, nullable=False))


BLOB, NAME, BRINGER = (table_of(row) for row in (BlobRow, BlobNameRow, BlobBringerRow))
_OF_COMMAND = (LEDGER.c.tenant == NAME.c.tenant) & (LEDGER.c.id == NAME.c.command)


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that at least one command names which may still take effect.

    Args:
        received: bytes that are durable; those of the whole file once it is verified.
        whole: size and sha256 were verified.
        sizes: what the commands say, smallest first; honest ones agree.
        records: what those that took effect are about: whoever may see one of these records may have the file.
    """

    received: int
    whole: bool
    sizes: tuple[int, ...]
    records: frozenset[str]


class Blobs(Part):
    """Files and who names them."""

    def name_blobs(self, tenant: str, command: Command, files: Iterable[Attachment]) -> None:
        """Remember that `command` names `files`; from now on their bytes are taken."""
        whose = {"tenant": tenant, "command": command.id, "record": command.record}
        for file in sorted(files, key=lambda each: each.sha256):
            blob = self._insert(BLOB).values(tenant=tenant, sha256=file.sha256)
            self._connection.execute(blob.on_conflict_do_nothing())
            name = self._insert(NAME).values(**whose, sha256=file.sha256, size=file.size)
            self._connection.execute(name.on_conflict_do_nothing())

    def lacking(self, tenant: str, files: Iterable[Attachment]) -> tuple[str, ...]:
        """The sha256 of those of `files` that are not here in full, at the size that the command says.

        The rows stay locked until the transaction ends: a file that arrives at this moment either is seen here, or
        sees the command that waits for it.
        """
        sizes = {file.sha256: file.size for file in files}
        if not sizes:
            return ()
        query = select(BLOB.c.sha256, BLOB.c.received, BLOB.c.whole).where(
            BLOB.c.tenant == tenant, BLOB.c.sha256.in_(sorted(sizes))
        )
        rows = self._connection.execute(query.order_by(BLOB.c.sha256).with_for_update()).all()
        here = {row.sha256 for row in rows if row.whole and row.received == sizes[row.sha256]}
        return tuple(sorted(sizes.keys() - here))

    def blob(self, tenant: str, sha256: str, new: Collection[str] = ()) -> Blob | None:
        """What is known of a file; None if no command names it that may still take effect.

        A command that is no longer in the ledger was settled long ago; its file stays. Those of `new` are not in the
        ledger yet.
        """
        named = (
            select(NAME.c.size, NAME.c.record, NAME.c.command, LEDGER.c.id, LEDGER.c.outcome)
            .outerjoin(LEDGER, _OF_COMMAND)
            .where(NAME.c.tenant == tenant, NAME.c.sha256 == sha256)
            .where(LEDGER.c.outcome.is_(None) | LEDGER.c.outcome.not_in(_FAILED))
        )
        names = self._all(named)
        row = self._one(select(BLOB).where(BLOB.c.tenant == tenant, BLOB.c.sha256 == sha256))
        if row is None or not names:
            return None
        sizes = tuple(sorted({name.size for name in names}))
        settled = [name for name in names if name.outcome or (name.id is None and name.command not in new)]
        records = frozenset(name.record for name in settled)
        return Blob(row.received, row.whole, sizes, records)

    def brought(self, tenant: str, sha256: str, actor: str) -> bool:
        """Whether somebody has shown to have every byte of a file."""
        this = (BRINGER.c.tenant == tenant) & (BRINGER.c.sha256 == sha256) & (BRINGER.c.actor == actor)
        return self._one(select(BRINGER.c.actor).where(this)) is not None

    def add_bringer(self, tenant: str, sha256: str, actor: str) -> None:
        """Remember that somebody has shown to have every byte of a file."""
        row = self._insert(BRINGER).values(tenant=tenant, sha256=sha256, actor=actor)
        self._connection.execute(row.on_conflict_do_nothing())

    def advance_blob(self, tenant: str, sha256: str, before: int, received: int, bringer: str | None = None) -> bool:
        """Move the durable place of a file on from `before` with what `bringer` sent. Whether it stood there."""
        this = (BLOB.c.tenant == tenant) & (BLOB.c.sha256 == sha256) & (BLOB.c.received == before) & ~BLOB.c.whole
        alone = case((BLOB.c.bringer == bringer, bringer), else_=None) if before else bringer
        values = {"received": received, "bringer": alone}
        return bool(self._connection.execute(update(BLOB).where(this).values(values)).rowcount)

    def reserve_blob(self, tenant: str, sha256: str, size: int) -> None:
        """Keep room for `size` bytes of a file; 0 gives it back."""
        this = (BLOB.c.tenant == tenant) & (BLOB.c.sha256 == sha256)
        self._connection.execute(update(BLOB).where(this).values(reserved=size))

    def reserved_bytes(self, tenant: str, *, besides: str) -> int:
        """How many bytes the tenant's files take or are about to take, not counting the one `besides`."""
        query = select(func.coalesce(func.sum(BLOB.c.reserved), 0)).where(
            BLOB.c.tenant == tenant, BLOB.c.sha256 != besides
        )
        return int(self._connection.execute(query).scalar_one())

    def complete_blob(self, tenant: str, sha256: str, size: int) -> bool:
        """Every byte of a file was verified. Whether that is news."""
        this = (BLOB.c.tenant == tenant) & (BLOB.c.sha256 == sha256) & ~BLOB.c.whole
        values = {"whole": True, "received": size, "reserved": size}
        news = bool(self._connection.execute(update(BLOB).where(this).values(values)).rowcount)
        bringer = self._one(select(BLOB.c.bringer).where(BLOB.c.tenant == tenant, BLOB.c.sha256 == sha256))
        if news and bringer and bringer[0]:
            self.add_bringer(tenant, sha256, bringer[0])
        return news

    def bring_blob(self, tenant: str, sha256: str, size: int) -> bool:
        """The office brought every byte of a file, verified. Whether that is news.

        For the transaction in which a command names it.
        """
        row = self._insert(BLOB).values(tenant=tenant, sha256=sha256)
        self._connection.execute(row.on_conflict_do_nothing())
        return self.complete_blob(tenant, sha256, size)

    def whole_blobs(self, tenant: str) -> list[tuple[str, int]]:
        """(sha256, size in bytes) of every file that is here in full."""
        query = select(BLOB.c.sha256, BLOB.c.received).where(BLOB.c.tenant == tenant, BLOB.c.whole)
        return [(row.sha256, row.received) for row in self._all(query.order_by(BLOB.c.sha256))]

    def forget_blob(self, tenant: str, sha256: str) -> None:
        """Nothing of a file is here any more; the room for it is kept."""
        this = (BLOB.c.tenant == tenant) & (BLOB.c.sha256 == sha256)
        self._connection.execute(update(BLOB).where(this).values(whole=False, received=0, bringer=None))

    def given_up_blobs(self, tenant: str, before: datetime) -> list[str]:
        """The sha256 of the files with room that only commands name which failed before an instant."""
        query = select(BLOB.c.sha256).where(BLOB.c.tenant == tenant, BLOB.c.reserved > 0, _given_up(before))
        return [row.sha256 for row in self._all(query.order_by(BLOB.c.sha256))]

    def give_up_blob(self, tenant: str, sha256: str, before: datetime) -> bool:
        """Lock a file and say that nothing of it is here, if that is still so; whether it is."""
        this = (BLOB.c.tenant == tenant) & (BLOB.c.sha256 == sha256)
        # looked at only once it is locked: who names it at this moment is seen, or sees that it is gone
        self._connection.execute(select(BLOB.c.sha256).where(this).with_for_update()).all()
        values = {"whole": False, "received": 0, "bringer": None}
        return bool(self._connection.execute(update(BLOB).where(this, _given_up(before)).values(values)).rowcount)


def _given_up(before: datetime) -> ColumnElement[bool]:
    """A file that is named, and by nothing but commands that failed before an instant."""
    names = (NAME.c.tenant == BLOB.c.tenant) & (NAME.c.sha256 == BLOB.c.sha256)
    failed = LEDGER.c.outcome.in_(_FAILED) & (LEDGER.c.settled_at < before.isoformat())
    named = exists().where(names)
    alive = exists(select(NAME.c.command).outerjoin(LEDGER, _OF_COMMAND).where(names, func.coalesce(~failed, true())))
    return named & ~alive
