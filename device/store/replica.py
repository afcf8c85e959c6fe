"""The device's copy of the records.

Rules
1. A record is replaced by the same or a newer version. While a whole copy is under way it is replaced whatever its
   version: the copy says what there is.
2. A whole copy has a number, and so has every record that it delivered. When its last page is here, what it did not
   deliver is dropped. A copy that is interrupted goes on at the place that the cursor remembers.
3. A page counts only where it was asked from: if the cursor has moved since, the page will come again.
4. Who looks at the records sees those of one moment. They are kept as they came, and each is read when it is asked
   for: read, thousands of them take four times as much (ADR 40).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from device.store.values import Values
from shared.records import Record, record_from_json, record_to_json

#: One record a row, as it came (JSON), and the number of the whole copy that it last came in.
TABLES = (
    (
        "CREATE TABLE replica (ref VARCHAR NOT NULL PRIMARY KEY, version INTEGER NOT NULL, body VARCHAR NOT NULL,"
        " copy_no INTEGER NOT NULL)"
    ),
)
_REPLACE = (
    "INSERT INTO replica (ref, version, body, copy_no) VALUES (?, ?, ?, ?) ON CONFLICT (ref)"
    " DO UPDATE SET version = excluded.version, body = excluded.body, copy_no = excluded.copy_no"
)
_NEWER = f"{_REPLACE} WHERE excluded.version >= replica.version"
_DOCUMENT = "document/"
_DROP = "DELETE FROM replica WHERE ref = ?"
_BODIES = "SELECT ref, CAST(body AS BLOB) FROM replica"
_LEFT_OUT = "DELETE FROM replica WHERE copy_no < ?"
_BEFORE = "SELECT ref FROM replica WHERE copy_no < ?"
_VERSIONS = "SELECT ref, version FROM replica WHERE ref IN (SELECT value FROM json_each(?))"


#: So many records stay read, for whoever looks at the same few again and again.
_READ_AT_ONCE = 256


class AsTheyCame(Mapping[str, Record]):
    """The records of one moment, by reference; what changes on the disk later does not change them."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._bodies, self._read = bodies, dict[str, Record]()

    def __getitem__(self, ref: str) -> Record:
        record = self._read.get(ref)
        if record is None:
            # Thousands of records hold the same words: each is kept once.
            record = record_from_json(from_json(self._bodies[ref], cache_strings="all"))
            if len(self._read) >= _READ_AT_ONCE:
                self._read.clear()
            self._read[ref] = record
        return record

    def __contains__(self, ref: object) -> bool:
        return ref in self._bodies

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)


class Replica(Values):
    """The copy of the records. `documents_moved` counts pages that brought or took documents, in this life."""

    documents_moved = 0

    def replica(self) -> Mapping[str, Record]:
        """Every record on the device."""
        return AsTheyCame(dict(self._stream(_BODIES)))

    def absorb(self, records: Iterable[Record], cursor: str) -> None:
        """Take `records` into the replica, and remember how far it reaches."""
        self.absorb_page([record_to_json(record) for record in records], cursor)

    def absorb_page(
        self,
        records: Collection[Mapping[str, Any]],
        cursor: str,
        *,
        removals: Collection[str] = (),
        restart: bool = False,
        more: bool = False,
    ) -> None:
        """Take a page of changes.

        Args:
            records: JSON in the shape of `shared.records.WireRecord`, validated.
            cursor: how far the replica reaches with this page.
            removals: records that are not for this device any more.
            restart: the page is the first of a whole copy.
            more: it was not the last.
        """
        self._changes += 1
        with self.transaction():
            if restart:
                self.set_meta("copy", str(self._copy() + 1))
                self.set_meta("copying", "yes")
            copying = self.meta("copying") is not None
            if any(ref.startswith(_DOCUMENT) for ref in (*removals, *(each["ref"] for each in records))):
                self.documents_moved += 1
            self._upsert(records, whole=copying)
            if removals:
                self._write_all(_DROP, [(ref,) for ref in removals])
            if copying and not more:
                self._write(_LEFT_OUT, (self._copy(),))
                self.documents_moved += self._had_documents()
                self.drop_meta("copying")
            self.set_meta("cursor", cursor)

    def versions_of(self, refs: Collection[str]) -> dict[str, int]:
        """The versions of the named records that are here."""
        return dict(self._rows(_VERSIONS, (json.dumps([*refs]),)))

    def forget_cursor(self) -> None:
        """Start the download again from the beginning; records that are here stay until newer ones come."""
        self._changes += 1
        self.drop_meta("cursor")

    def begin_life(self, incarnation: int) -> None:
        """The server's database has a new life: what is here was copied from the one before."""
        self.set_meta("incarnation", str(incarnation))
        self.set_meta("life_copy", str(self._copy() + 1))

    def of_earlier_life(self) -> frozenset[str]:
        """The records that were copied before the life of the server's database that is known now."""
        begun = self.meta("life_copy")
        if begun is None:
            return frozenset()
        return frozenset(str(ref) for (ref,) in self._rows(_BEFORE, (int(begun),)))

    def _had_documents(self) -> bool:
        """Whether a whole copy may have left documents out that were here."""
        return self.meta("library_reader") is not None

    def _copy(self) -> int:
        return int(self.meta("copy") or 0)

    def _upsert(self, records: Collection[Mapping[str, Any]], *, whole: bool) -> None:
        copy = self._copy()
        rows = [(record["ref"], record["version"], to_json(record).decode(), copy) for record in records]
        self._write_all(_REPLACE if whole else _NEWER, rows)
