"""The library of one laptop: its documents, their pages, and the work on its index, in small steps.

Rules
1. A step reads a bounded part of one document and keeps it in short transactions, so that whoever looks at a screen
   meanwhile never waits for it. It can end anywhere, and goes on there.
2. A document that cannot be read says why in one sentence, and stops no other.
3. What is not on the shelf any more is forgotten, words and bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from device.attachments import Attachments
from device.core.library.pages import Page
from device.errors import LocalError
from device.library.index import Indexed, IndexState, LibraryIndex, no_vectors
from device.library.reading import BAD_PAGES_MAX, SENTENCES, Step, read_step
from device.library.search import Hit, Search
from device.library.shelf import Document, Shelf
from device.library.vectors import Vectors
from device.store import DeviceStore
from shared.documents import DOCUMENT_BYTES_MAX

#: So many pages go into one transaction.
KEPT_PAGES = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A document and how far it is here. `indexed` is None while nothing of it was read."""

    document: Document
    here: bool
    indexed: Indexed | None

    @property
    def waits(self) -> bool:
        """Whether its bytes are here and not all of its pages are in the index."""
        return self.here and (self.indexed is None or self.indexed.state is IndexState.READING)

    @property
    def problem(self) -> str:
        """Why nothing can be answered from it, in a sentence; empty if it can, or may yet."""
        if self.document.file.size > DOCUMENT_BYTES_MAX:
            return SENTENCES["large"]
        return self.indexed.note if self.indexed and self.indexed.state is IndexState.FAILED else ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step of the work on the index did: this document is this far."""

    document: Document
    now: Indexed


def standing_words(standing: Standing, *, late: bool) -> str:
    """What a document is and how far it is here, in words."""
    document, indexed = standing.document, standing.indexed
    words = [f"{document.title}, revision {document.revision}", str(document.data_class)]
    if late:
        words.append(f"OUT OF DATE since {document.valid_until}")
    if standing.problem:
        return "; ".join([*words, standing.problem])
    if not standing.here:
        return "; ".join([*words, "not here yet: tailboard sync"])
    if indexed is None or not indexed.total:
        return "; ".join([*words, "not read yet: tailboard library index"])
    read = (
        f"{indexed.total} pages"
        if indexed.state is IndexState.READY
        else f"page {indexed.following} of {indexed.total} read"
    )
    return "; ".join([*words, read, *([indexed.note] if indexed.note else [])])


class Library:
    """The documents of one laptop. `vectors` finds the static vectors when they are first wanted."""

    def __init__(
        self, store: DeviceStore, attachments: Attachments, vectors: Callable[[], Vectors | None] = lambda: None
    ) -> None:
        self.shelf, self.index = Shelf(store, attachments), LibraryIndex(store)
        self._store, self._attachments, self._find = store, attachments, vectors
        self._search: Search | None = None
        self._open: tuple[str, bytes] | None = None

    # -- what there is

    def documents(self) -> list[Document]:
        """Those that are meant for this laptop."""
        return self.shelf.documents()

    def standings(self) -> list[Standing]:
        """Each document and how far it is here."""
        documents = self.documents()
        here = self._attachments.whole([each.sha256 for each in documents])
        indexed = self.index.standings()
        return [Standing(each, each.sha256 in here, indexed.get(each.sha256)) for each in documents]

    def document(self, name: str) -> Document:
        """A document by its short name. Raises `LocalError` if there is none."""
        documents = self.documents()
        found = next((each for each in documents if each.id == name), None)
        if found is None:
            known = ", ".join(each.id for each in documents) or "none yet; run: tailboard sync"
            raise LocalError(f"There is no document {name} on this laptop. There are: {known}.")
        return found

    def page(self, document: Document, number: int) -> str:
        """The text of a page. Raises `LocalError` if it has none here."""
        text = self.index.page(document.sha256, number)
        if text is not None:
            return text
        pages = self.index.pages(document.sha256)
        there = f"It has text on {pages[0]} to {pages[-1]}" if pages else "None of it was read yet"
        raise LocalError(f"There is no page {number} of {document.id} here. {there}; see: tailboard library list")

    def hits(self, text: str, most: int = 10) -> list[Hit]:
        """The best passages for what somebody typed."""
        return self.search.hits(text, self.documents(), most)

    @property
    def search(self) -> Search:
        """Search over this library."""
        if self._search is None:
            self._search = Search(self.index, self._find())
        return self._search

    # -- work

    def forget_others(self) -> None:
        """Forget what is not on the shelf any more."""
        meant = {each.sha256 for each in self.documents()}
        for sha256 in self.index.standings().keys() - meant:
            self.index.forget(sha256)
            self._attachments.forget_fetched(sha256)

    def expect(self, document: Document) -> None:
        """Its bytes begin to come: from now on there is something to forget."""
        if document.sha256 not in self.index.standings():
            self.index.keep(document.sha256, (), Indexed(IndexState.READING, 0, 0, 0, ""))

    def index_step(self) -> Progress | None:
        """Read the next part of a document that waits for it; None if none does."""
        waiting = next((each for each in self.standings() if each.waits), None)
        if waiting is None:
            self._open = None
            return None
        document, before = waiting.document, waiting.indexed or Indexed(IndexState.READING, 0, 0, 0, "")
        step = read_step(self._content(document), document.file.media_type, before.following)
        embed = self._embed()
        for pages in _batches(step):
            now = Indexed(IndexState.READING, pages[-1][0], step.total, before.bad, before.note)
            self.index.keep(document.sha256, [page for _, page in pages], now, embed)
        now = self._after(document, step, before)
        self.index.keep(document.sha256, (), now)
        return Progress(document, now)

    def _content(self, document: Document) -> bytes:
        if self._open is None or self._open[0] != document.sha256:
            content = self._attachments.content(document.sha256)
            assert content is not None, "it waits, so its bytes are here"
            self._open = document.sha256, content
        return self._open[1]

    def _embed(self) -> Callable[[Sequence[str]], Sequence[bytes | None]]:
        vectors = self._find()
        return vectors.embed if vectors else no_vectors

    def _after(self, document: Document, step: Step, before: Indexed) -> Indexed:
        bad, note = before.bad + step.bad, step.cut or before.note
        if step.problem:
            return Indexed(IndexState.FAILED, 0, 0, bad, step.problem)
        given_up = bad > BAD_PAGES_MAX
        if not step.ended and not given_up:
            return Indexed(IndexState.READING, step.following, step.total, bad, note)
        if not step.pages and not self.index.pages(document.sha256):
            return Indexed(
                IndexState.FAILED, step.following, step.total, bad, SENTENCES["pages" if bad else "scanned"]
            )
        if given_up:
            note = f"Read up to page {step.following}: the pages behind it end the reader."
        elif bad:
            note = f"{bad} of its pages cannot be read. {note}".strip()
        return Indexed(IndexState.READY, step.following, step.total, bad, note)


def _batches(step: Step) -> Iterator[list[tuple[int, Page]]]:
    pages = iter(step.pages)
    while batch := list(islice(pages, KEPT_PAGES)):
        yield batch
