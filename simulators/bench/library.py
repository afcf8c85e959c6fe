"""How long a shelf of manuals takes to be read, and a search over it, in the encrypted database.

Half of the pages are Markdown, half are PDF. The floor of reading is what a bare table and its FTS5 index of the same
passages cost in the same database, in one transaction; the floor of a search is the bare FTS5 query for the same
words. `index_cpu` counts the processor of this process and of the children that read the PDFs. `index_part` is how
long one part of the work takes, of which the last piece is one transaction: longer nobody at a screen waits for it.
"""

import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from statistics import median, quantiles

from device.core.library.terms import asked, queried
from device.library.index import LibraryIndex
from device.library.library import Library
from simulators.bench.answers import Manual, draw, index_all, shelved
from simulators.bench.figures import Figures, figure, seconds

PAGES_PER_MANUAL = 100
_LINES = 28
_WORDS_A_LINE = 11
#: Of words by how often they stand in a text, the frequent ones far more often than the rare ones, as in a language.
_SKEW = 3


@dataclass(frozen=True, slots=True)
class Shelf:
    """So many pages, and so many searches among them."""

    pages: int = 2000
    searches: int = 200


@dataclass
class _Walk:
    """Words one after the other, the same at each run."""

    words: Sequence[str]
    at: int = 0

    def line(self, count: int) -> str:
        self.at += 1
        drawn = hashlib.shake_128(str(self.at).encode()).digest(4 * count)
        shares = (int.from_bytes(drawn[at : at + 4], "big") / 2**32 for at in range(0, 4 * count, 4))
        return " ".join(self.words[int(len(self.words) * share**_SKEW)] for share in shares)


@dataclass
class Held:
    """How long each part of the work took, in seconds."""

    spells: list[float] = field(default_factory=list)


def measure(shelf: Shelf) -> Figures:
    """All figures for a shelf."""
    walk = _Walk(_vocabulary())
    manuals = _manuals(shelf.pages, walk)
    with shelved(manuals) as library:
        held = Held()
        cpu, began = _cpu_s(), time.perf_counter()
        with _watched(library.index, held):
            index_all(library)
        wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu
        bare_s = _bare(library)
        searches = _searches(library, [walk.line(3) for _ in range(shelf.searches)])
        passages = float(library.index.size())
    return {
        f"index_{shelf.pages}": figure(wall_s, "s", bare_s),
        "index_cpu": figure(cpu_s, "s", bare_s),
        "index_part_p95": figure(quantiles(held.spells, n=20)[-1] * 1000, "ms", median(held.spells) * 1000),
        "passages": figure(passages, "passages", float(shelf.pages)),
        **searches,
    }


def _vocabulary() -> list[str]:
    folder = resources.files("sync_server.sample") / "manuals"
    texts = (each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".md"))
    counted = Counter(word.lower() for text in texts for word in re.findall(r"[A-Za-z]{3,}", text))
    return [word for word, _ in counted.most_common()]


def _manuals(pages: int, walk: _Walk) -> list[Manual]:
    made = []
    for first in range(0, pages, PAGES_PER_MANUAL):
        texts = ["\n".join(_page(number, walk)) for number in range(first, min(first + PAGES_PER_MANUAL, pages))]
        name = f"m{first // PAGES_PER_MANUAL}"
        if (first // PAGES_PER_MANUAL) % 2:
            made.append(Manual(name, f"{name}.pdf", draw("\f".join(texts)), f"Manual {name}", "1"))
        else:
            made.append(Manual(name, f"{name}.md", "\f".join(texts).encode(), f"Manual {name}", "1"))
    return made


def _page(number: int, walk: _Walk) -> Iterator[str]:
    yield f"{number % 90 + 1}.{number % 7 + 1} {walk.line(3).capitalize()}"
    for line in range(_LINES):
        yield f"{walk.line(_WORDS_A_LINE).capitalize()} {number * 31 + line}."
        if line % 9 == 8:
            yield ""


@contextmanager
def _watched(index: LibraryIndex, held: Held) -> Iterator[None]:
    keep = index.keep

    def timed(*given: object, **named: object) -> None:
        held.spells.append(seconds(lambda: keep(*given, **named)))  # type: ignore[arg-type]

    index.keep = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        index.keep = keep  # type: ignore[method-assign]


def _bare(library: Library) -> float:
    """Seconds to put the same passages into a bare table and a bare index of words."""
    store = library._store  # noqa: SLF001  # the floor is measured in the product's own file
    rows = store.read("SELECT id, section, body FROM library_passage")

    def write() -> None:
        with store.transaction() as connection:
            run, run_each = connection.execute, connection.executemany
            run("CREATE TABLE bare (id INTEGER PRIMARY KEY, section TEXT, body TEXT)")
            run("CREATE VIRTUAL TABLE bare_words USING fts5 (section, body, content='', tokenize='porter unicode61')")
            run_each("INSERT INTO bare (id, section, body) VALUES (?, ?, ?)", list(rows))
            run_each("INSERT INTO bare_words (rowid, section, body) VALUES (?, ?, ?)", list(rows))

    return seconds(write)


def _searches(library: Library, texts: Sequence[str]) -> Figures:
    documents = library.documents()
    library.search.hits(texts[0], documents, 10)  # the vectors are read once
    took, bare, cpu = [], [], []
    for text in texts:
        spent = time.process_time()
        took.append(seconds(lambda text=text: library.search.hits(text, library.documents(), 10)) * 1000)  # type: ignore[misc]
        cpu.append((time.process_time() - spent) * 1000)
        query = queried(asked(text).terms)
        bare.append(seconds(lambda query=query: library.index.matches(query, 10)) * 1000)  # type: ignore[misc]
    return {
        "search_p50": figure(median(took), "ms", median(bare)),
        "search_p95": figure(quantiles(took, n=20)[-1], "ms", quantiles(bare, n=20)[-1]),
        "search_cpu_p95": figure(quantiles(cpu, n=20)[-1], "ms", quantiles(bare, n=20)[-1]),
    }


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
