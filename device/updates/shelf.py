"""What was fetched and what is in force, in the encrypted database.

Rules
1. A roll-out is put in force together with every bundle that it names for this laptop, in one transaction: kill −9 or
   a full disk leaves the one before.
2. A download's pieces are kept as they come, so that it goes on where it stopped. They are nothing until all of them
   were there and verified.
3. Bundles that were in force before stay for a while: what began under one ends under it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Field, MetaData, SQLModel

from device.store import DeviceStore
from policies.models import ModelCatalogue
from policies.rollout import Rollout
from shared.contract import to_instant
from shared.updates import MODELS_TARGET, ROLLOUT_TARGET, bundle_target, vocabulary_target

BUNDLES_KEPT = 6


class _Table(SQLModel):
    metadata = MetaData()


class UpdateFileRow(_Table, table=True):
    """A file that was verified: trusted metadata, the roll-out in force, a bundle."""

    __tablename__ = "update_file"
    name: str = Field(primary_key=True)
    content: bytes


class UpdatePieceRow(_Table, table=True):
    """One piece of a download, at byte `start`."""

    __tablename__ = "update_piece"
    sha256: str = Field(primary_key=True)
    start: int = Field(primary_key=True)
    content: bytes


FILE, PIECE = (_Table.metadata.tables[str(row.__tablename__)] for row in (UpdateFileRow, UpdatePieceRow))


@dataclass(frozen=True, slots=True)
class InForce:
    """The roll-out in force, and the bundles that it names for this laptop, as they came."""

    rollout: Rollout
    bundles: Mapping[int, bytes]


_SERIAL, _CHECKED, _VOCABULARY = "rollout_serial", "updates_checked", "vocabulary"


class Shelf:
    """The updates' part of a device's database. The tables are made when there is something to keep."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self._made = False

    # -- what is in force

    def serial(self) -> int | None:
        """The serial of the roll-out in force; None if none ever came."""
        told = self._store.meta(_SERIAL)
        return int(told) if told else None

    def in_force(self) -> InForce | None:
        """What is in force; None if nothing came since this laptop was enrolled."""
        raw = self.read(ROLLOUT_TARGET) if self.serial() is not None else None
        if raw is None:
            return None
        rollout = Rollout.model_validate_json(raw)
        named = {version: self.bundle(version) for version in rollout.versions()}
        return InForce(rollout, {version: raw for version, raw in named.items() if raw is not None})

    def catalogue(self) -> ModelCatalogue | None:
        """The office's models; None if it published none that this program can read."""
        raw = self.read(MODELS_TARGET) if self.serial() is not None else None
        return ModelCatalogue.model_validate_json(raw) if raw else None

    def bundle(self, version: int) -> bytes | None:
        """A bundle that is, or lately was, in force here; None if it is not here."""
        return self.read(bundle_target(version))

    def vocabulary_number(self) -> int | None:
        """The number of the vocabulary that is here; None if none is."""
        told = self._store.meta(_VOCABULARY)
        return int(told) if told else None

    def vocabulary(self) -> bytes | None:
        """The vocabulary that is here; None if none is."""
        number = self.vocabulary_number()
        return None if number is None else self.read(vocabulary_target(number))

    def keep_vocabulary(self, number: int, content: bytes) -> None:
        """A newer vocabulary is used from now on. Everything or nothing. Raises `StoreError`."""
        with self._writing():
            before = self.vocabulary_number()
            self._write(vocabulary_target(number), content)
            self._store.set_meta(_VOCABULARY, str(number))
            if before is not None and before != number:
                self._drop(vocabulary_target(before))

    def install(
        self, rollout: Rollout, raw: bytes, bundles: Mapping[int, bytes], models: bytes | None = None
    ) -> None:
        """Put `rollout` in force, which came as `raw`, with the new ones of its bundles. Everything or nothing.

        `models` is the catalogue of models, if there is another one.

        Raises:
            StoreError: the disk is full, or failed; what was in force still is.
        """
        with self._writing() as connection:
            self._write(ROLLOUT_TARGET, raw)
            for version, content in bundles.items():
                self._write(bundle_target(version), content)
            if models is not None:
                self._write(MODELS_TARGET, models)
            connection.execute(delete(PIECE))
            self._forget_old(rollout)
            self._store.set_meta(_SERIAL, str(rollout.serial))

    def _forget_old(self, rollout: Rollout) -> None:
        names = (name for name in self._names() if name.startswith("bundles/"))
        here = sorted(int(name.removeprefix("bundles/").removesuffix(".json")) for name in names)
        for version in here[:-BUNDLES_KEPT]:
            if version not in rollout.versions():
                self._drop(bundle_target(version))

    # -- files

    def read(self, name: str) -> bytes | None:
        """A verified file; None if it is not here."""
        with self._writing() as connection:
            row = connection.execute(select(FILE.c.content).where(FILE.c.name == name)).one_or_none()
        return bytes(row.content) if row else None

    def keep(self, name: str, content: bytes) -> None:
        """Keep a verified file. Raises `StoreError`."""
        with self._writing():
            self._write(name, content)

    # -- pieces of a download

    def here(self, sha256: str) -> int:
        """How many bytes of a download are here, from its beginning on."""
        with self._writing() as connection:
            total = func.coalesce(func.sum(func.length(PIECE.c.content)), 0)
            return int(connection.execute(select(total).where(PIECE.c.sha256 == sha256)).scalar_one())

    def take(self, sha256: str, start: int, content: bytes) -> None:
        """Keep the next piece of a download. Raises `StoreError`."""
        with self._writing() as connection:
            statement = upsert(PIECE).values(sha256=sha256, start=start, content=content)
            again = {"content": content}
            connection.execute(statement.on_conflict_do_update(index_elements=["sha256", "start"], set_=again))

    def whole(self, sha256: str) -> bytes:
        """All pieces of a download in a row. Not verified."""
        with self._writing() as connection:
            query = select(PIECE.c.content).where(PIECE.c.sha256 == sha256).order_by(PIECE.c.start)
            return b"".join(bytes(row.content) for row in connection.execute(query))

    def discard(self, sha256: str) -> None:
        """A download was not what was signed."""
        with self._writing() as connection:
            connection.execute(delete(PIECE).where(PIECE.c.sha256 == sha256))

    # -- how far it was looked

    def checked(self) -> tuple[str, datetime] | None:
        """The hint that was last followed to its end, and when; None if none was."""
        hint, _, at = (self._store.meta(_CHECKED) or "").partition(" ")
        return (hint, to_instant(at)) if at else None

    def note_checked(self, hint: str, at: datetime) -> None:
        """The hint was followed to its end."""
        self._store.set_meta(_CHECKED, f"{hint} {at.isoformat()}")

    # -- inside

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._store.transaction() as connection:
            if not self._made:
                _Table.metadata.create_all(connection)
            yield connection
        self._made = True

    def _names(self) -> list[str]:
        with self._writing() as connection:
            return [row.name for row in connection.execute(select(FILE.c.name))]

    def _write(self, name: str, content: bytes) -> None:
        with self._writing() as connection:
            statement = upsert(FILE).values(name=name, content=content)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"content": content}))

    def _drop(self, name: str) -> None:
        with self._writing() as connection:
            connection.execute(delete(FILE).where(FILE.c.name == name))
