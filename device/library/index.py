"""Pages, passages and words of the documents on this laptop, in its encrypted database.

Rules
1. All of it follows from the documents' bytes. Another way of reading (`READER`) throws it away and makes it anew; it
   is not part of the database's schema, and nothing is lost with it.
2. What a step has read is kept in one short transaction together with the place where the next step goes on: whoever
   stops the work, and however, it goes on there.
3. The tables are made when the first document comes; a laptop without documents has none.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from device.core.library.pages import Page
from device.core.library.passages import Path, passages_of
from device.store import DeviceStore

#: The number of this way of reading: raise it when pages, passages or vectors come out otherwise.
READER = 1
_META = "library_reader"

_TABLES = {
    "library_document": """CREATE TABLE library_document (sha256 TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL,
        following INTEGER NOT NULL, total INTEGER NOT NULL, bad INTEGER NOT NULL, path TEXT NOT NULL,
        note TEXT NOT NULL) WITHOUT ROWID""",
    "library_page": """CREATE TABLE library_page (sha256 TEXT NOT NULL, page INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (sha256, page)) WITHOUT ROWID""",
    "library_passage": """CREATE TABLE library_passage (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL,
        page INTEGER NOT NULL, section TEXT NOT NULL, body TEXT NOT NULL, vector BLOB)""",
    "library_words": """CREATE VIRTUAL TABLE library_words USING fts5 (section, body, content='',
        contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')""",
}
_BY_DOCUMENT = "CREATE INDEX ix_library_passage ON library_passage (sha256)"

#: Makes vectors of texts, one row of bytes each; None where this laptop has no vectors.
Embed = Callable[[Sequence[str]], Sequence[bytes | None]]


def no_vectors(texts: Sequence[str]) -> Sequence[bytes | None]:
    """Words alone."""
    return [None] * len(texts)


class IndexState(StrEnum):
    """How far a document is: `FAILED` ones cannot be read, and say why."""

    READING = "reading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far one document is. `following` of `total` pages were looked at; `note` is for people."""

    state: IndexState
    following: int
    total: int
    bad: int
    note: str


@dataclass(frozen=True, slots=True)
class Found:
    """One passage with its place."""

    id: int
    sha256: str
    page: int
    section: str
    body: str


class LibraryIndex:
    """The index in one device's database."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self._made = False

    def there(self) -> bool:
        """Whether there are tables to ask, of this way of reading."""
        self._made = self._made or self._store.meta(_META) == str(READER)
        return self._made

    def make(self) -> None:
        """Make the tables; those of another way of reading are thrown away."""
        if self.there():
            return
        with self._store.transaction() as connection:
            for table, made in _TABLES.items():
                connection.execute(f"DROP TABLE IF EXISTS {table}")
                connection.execute(made)
            connection.execute(_BY_DOCUMENT)
            self._store.set_meta(_META, str(READER))
        self._made = True

    def standings(self) -> dict[str, Indexed]:
        """sha256 → how far that document is."""
        if not self.there():
            return {}
        rows = self._store.read("SELECT sha256, state, following, total, bad, note FROM library_document")
        return {row[0]: Indexed(IndexState(row[1]), *row[2:]) for row in rows}

    def keep(
        self,
        sha256: str,
        pages: Sequence[Page],
        now: Indexed,
        embed: Embed = no_vectors,
    ) -> None:
        """Keep what a step read, and where the next one goes on."""
        self.make()
        told = self._store.read("SELECT path FROM library_document WHERE sha256 = ?", (sha256,))
        path: Path = tuple((int(level), str(title)) for level, title in json.loads(told[0][0])) if told else ()
        cut: list[tuple[int, str, str]] = []
        for page in pages:
            found, path = passages_of(page.text, path)
            cut += [(page.number, each.section, each.body) for each in found]
        vectors = embed([f"{section}\n{body}" for _, section, body in cut])
        with self._store.transaction() as connection:
            run = connection.execute
            for page in pages:
                values = (sha256, page.number, page.text)
                run("INSERT OR REPLACE INTO library_page (sha256, page, body) VALUES (?, ?, ?)", values)
            for (number, section, body), vector in zip(cut, vectors, strict=True):
                row = run(
                    "INSERT INTO library_passage (sha256, page, section, body, vector) VALUES (?, ?, ?, ?, ?)"
                    " RETURNING id",
                    (sha256, number, section, body, vector),
                ).fetchone()[0]
                run("INSERT INTO library_words (rowid, section, body) VALUES (?, ?, ?)", (row, section, body))
            run(
                "INSERT OR REPLACE INTO library_document (sha256, state, following, total, bad, path, note)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (sha256, now.state, now.following, now.total, now.bad, json.dumps(path), now.note),
            )

    def forget(self, sha256: str) -> None:
        """Nothing of a document stays."""
        if not self.there():
            return
        with self._store.transaction() as connection:
            run = connection.execute
            of = "(SELECT id FROM library_passage WHERE sha256 = ?)"
            run(f"DELETE FROM library_words WHERE rowid IN {of}", (sha256,))  # noqa: S608  # only our own words
            for table in ("library_passage", "library_page", "library_document"):
                run(f"DELETE FROM {table} WHERE sha256 = ?", (sha256,))  # noqa: S608

    def page(self, sha256: str, number: int) -> str | None:
        """The text of a page; None if it has none or is not here."""
        if not self.there():
            return None
        rows = self._store.read("SELECT body FROM library_page WHERE sha256 = ? AND page = ?", (sha256, number))
        return str(rows[0][0]) if rows else None

    def pages(self, sha256: str) -> list[int]:
        """The numbers of the pages that have text."""
        if not self.there():
            return []
        rows = self._store.read("SELECT page FROM library_page WHERE sha256 = ? ORDER BY page", (sha256,))
        return [int(row[0]) for row in rows]

    # -- finding

    def matches(self, query: str, most: int) -> list[int]:
        """The passages that an FTS5 `query` finds, the best first; a heading counts twice. None for no query."""
        sql = (
            "SELECT rowid FROM library_words WHERE library_words MATCH ?"
            " ORDER BY bm25(library_words, 2.0, 1.0) LIMIT ?"
        )
        found = self._store.read(sql, (query, most)) if query and self.there() else ()
        return [int(row[0]) for row in found]

    def count(self, word: str, most: int = 5000) -> int:
        """In how many passages a word stands; counted to `most`."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM library_words WHERE library_words MATCH ? LIMIT ?)"
        quoted = word.replace('"', '""')
        return int(self._store.read(sql, (f'"{quoted}"', most))[0][0]) if self.there() else 0

    def size(self) -> int:
        """How many passages there are."""
        return int(self._store.read("SELECT count(*) FROM library_passage")[0][0]) if self.there() else 0

    def change(self) -> int:
        """Another number whenever passages came. Ids are never given twice; that passages went does not show here."""
        if not self.there():
            return 0
        rows = self._store.read("SELECT seq FROM sqlite_sequence WHERE name = 'library_passage'")
        return int(rows[0][0]) if rows else 0

    def passages(self, ids: Collection[int]) -> dict[int, Found]:
        """Passages by id."""
        if not ids:
            return {}
        marks = ",".join("?" * len(ids))
        sql = f"SELECT id, sha256, page, section, body FROM library_passage WHERE id IN ({marks})"  # noqa: S608
        return {row[0]: Found(*row) for row in self._store.read(sql, tuple(ids))}

    def beside(self, sha256: str, page: int) -> list[Found]:
        """All passages of a page, in their order."""
        sql = "SELECT id, sha256, page, section, body FROM library_passage WHERE sha256 = ? AND page = ? ORDER BY id"
        return [Found(*row) for row in self._store.read(sql, (sha256, page))]

    def vectors(self) -> list[tuple[int, bytes]]:
        """(id, vector) of every passage that has one."""
        if not self.there():
            return []
        return [
            (row[0], row[1])
            for row in self._store.read("SELECT id, vector FROM library_passage WHERE vector IS NOT NULL ORDER BY id")
        ]
