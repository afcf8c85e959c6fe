"""Finding passages: by their words, by what they mean, and both together.

Rules
1. Words are looked up in FTS5 and ranked by BM25, headings counting twice; meanings are compared by static vectors
   where the laptop has them. The two ranks are fused by their reciprocals, so that neither's scale counts.
2. Only documents that are on the shelf now are found, whatever the index still holds.

Source: Cormack, Clarke, Büttcher 2009 (reciprocal rank fusion).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from device.core.library.terms import Asked, asked, queried
from device.library.index import Found, LibraryIndex
from device.library.shelf import Document
from device.library.vectors import Vectors

#: The constant of the fusion.
_K = 60
#: How many each way of finding brings to the fusion.
DEPTH = 48


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its document."""

    found: Found
    document: Document


class Search:
    """Search over one laptop's library. The vectors are read once, and again when passages came or went."""

    def __init__(self, index: LibraryIndex, vectors: Vectors | None) -> None:
        self._index, self._vectors = index, vectors
        self._matrix: tuple[list[int], Any] | None = None
        self._matrix_of: int | None = None

    def hits(self, text: str, documents: Sequence[Document], most: int, question: Asked | None = None) -> list[Hit]:
        """The best `most` passages for what somebody typed, among `documents`."""
        question = question or asked(text)
        by_sha = {each.sha256: each for each in documents}
        ids = fused([self._by_words(question), self._by_meaning(text)])
        found = self._index.passages(ids[: 2 * DEPTH])
        hits = (
            Hit(found[each], by_sha[found[each].sha256])
            for each in ids
            if each in found and found[each].sha256 in by_sha
        )
        return [hit for hit, _ in zip(hits, range(most), strict=False)]

    def _by_words(self, question: Asked) -> list[int]:
        query = queried(question.terms)
        return self._index.matches(query, DEPTH) if query else []

    def _by_meaning(self, text: str) -> list[int]:
        import numpy as np  # noqa: PLC0415  # not for those who only look

        if self._vectors is None or (wanted := self._vectors.vector(text)) is None:
            return []
        ids, matrix = self._rows()
        if not ids:
            return []
        # In this thread: several would wait longer for their cores than all of it takes.
        near = np.einsum("ij,j->i", matrix, wanted)
        few = np.argpartition(-near, DEPTH)[:DEPTH] if len(ids) > DEPTH else np.arange(len(ids))
        return [ids[at] for at in few[np.argsort(-near[few])]]

    def _rows(self) -> tuple[list[int], Any]:
        import numpy as np  # noqa: PLC0415  # not for those who only look

        size = self._index.change()
        if self._matrix is None or self._matrix_of != size:
            rows = self._index.vectors()
            joined = b"".join(vector for _, vector in rows)
            width = len(rows[0][1]) // 2 if rows else 1
            matrix = np.frombuffer(joined, dtype="<f2").reshape(len(rows), width).astype(np.float32)
            self._matrix, self._matrix_of = ([each for each, _ in rows], matrix), size
        return self._matrix


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Ids in the order of their summed reciprocal ranks; of equals, the one that was found first."""
    worth: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, each in enumerate(ranking, start=1):
            worth[each] += 1 / (_K + rank)
    return sorted(worth, key=lambda each: -worth[each])
