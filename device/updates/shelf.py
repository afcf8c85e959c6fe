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

from device.store import DeviceStore
from device.store.base import Connection
from policies.models import ModelCatalogue
from policies.rollout import Rollout
from shared.contract import to_instant
from shared.updates import MODELS_TARGET, ROLLOUT_TARGET, bundle_target, vocabulary_target

BUNDLES_KEPT = 6


_TABLES = (
    # A file that was verified: trusted metadata, the roll-out in force, a bundle.
    "CREATE TABLE IF NOT EXISTS update_file (name VARCHAR NOT NULL PRIMARY KEY, content BLOB NOT NULL)",
    # One piece of a download, at byte `start`.
    (
        "CREATE TABLE IF NOT EXISTS update_piece (sha256 VARCHAR NOT NULL, start INTEGER NOT NULL,"
        " content BLOB NOT NULL, PRIMARY KEY (sha256, start))"
    ),
)
_WRITE = "INSERT INTO update_file VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
_HERE = "SELECT coalesce(sum(length(content)), 0) FROM update_piece WHERE sha256 = ?"
_TAKE = (
    "INSERT INTO update_piece VALUES (?, ?, ?) ON CONFLICT (sha256, start) DO UPDATE SET content = excluded.content"
)
_WHOLE = "SELECT content FROM update_piece WHERE sha256 = ? ORDER BY start"


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
            connection.execute("DELETE FROM update_piece")
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
            row = connection.execute("SELECT content FROM update_file WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def keep(self, name: str, content: bytes) -> None:
        """Keep a verified file. Raises `StoreError`."""
        with self._writing():
            self._write(name, content)

    # -- pieces of a download

    def here(self, sha256: str) -> int:
        """How many bytes of a download are here, from its beginning on."""
        with self._writing() as connection:
            return int(connection.execute(_HERE, (sha256,)).fetchone()[0])

    def take(self, sha256: str, start: int, content: bytes) -> None:
        """Keep the next piece of a download. Raises `StoreError`."""
        with self._writing() as connection:
            connection.execute(_TAKE, (sha256, start, content))

    def whole(self, sha256: str) -> bytes:
        """All pieces of a download in a row. Not verified."""
        with self._writing() as connection:
            return b"".join(content for (content,) in connection.execute(_WHOLE, (sha256,)).fetchall())

    def discard(self, sha256: str) -> None:
        """A download was not what was signed."""
        with self._writing() as connection:
            connection.execute("DELETE FROM update_piece WHERE sha256 = ?", (sha256,))

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
                for statement in _TABLES:
                    connection.execute(statement)
            yield connection
        self._made = True

    def _names(self) -> list[str]:
        with self._writing() as connection:
            return [str(name) for (name,) in connection.execute("SELECT name FROM update_file").fetchall()]

    def _write(self, name: str, content: bytes) -> None:
        with self._writing() as connection:
            connection.execute(_WRITE, (name, content))

    def _drop(self, name: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM update_file WHERE name = ?", (name,))
