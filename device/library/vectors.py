"""Static vectors of texts, where the laptop has them: the mean of what each piece of a word means, without a model.

The numbers come from the installed distribution ``wordllama``; its package is never imported, its files are read: a
table of 32,000 rows (safetensors) and the rules by which words fall into pieces (byte pair encoding). Where it is not
installed, or damaged, there are no vectors, and words alone are searched.

Source: safetensors' README (format); Sennrich et al. 2016 (byte pair encoding).
"""

import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

DISTRIBUTION = "wordllama"
_TABLE, _PIECES = "l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"
_WORDS = re.compile(r"[^\W_]+|[^\w\s]")
_SPACE = "\u2581"
#: A header longer than this is not one.
_HEADER_BYTES_MAX = 1 << 16


class Vectors:
    """Makes vectors. `width` is how many numbers each has."""

    def __init__(self, table: Any, ids: dict[str, int], ranks: dict[tuple[str, str], int]) -> None:
        self._table, self._ids, self._ranks = table, ids, ranks
        self.width = int(table.shape[1])
        self._word = lru_cache(maxsize=50_000)(self._pieces)

    def embed(self, texts: Sequence[str]) -> list[bytes | None]:
        """A unit vector for each text, as little-endian 16-bit floats; None for a text without words."""
        import numpy as np  # noqa: PLC0415  # not for those who only look

        made: list[bytes | None] = []
        for text in texts:
            vector = self.vector(text)
            made.append(None if vector is None else vector.astype(np.dtype("<f2")).tobytes())
        return made

    def vector(self, text: str) -> Any:
        """A unit vector of 32-bit floats; None for a text without words."""
        import numpy as np  # noqa: PLC0415

        ids = [piece for word in _WORDS.findall(text.lower()) for piece in self._word(word)]
        if not ids:
            return None
        mean = np.asarray(self._table[ids], dtype=np.float32).mean(axis=0)
        length = float(np.linalg.norm(mean))
        return mean / length if length else None

    def _pieces(self, word: str) -> tuple[int, ...]:
        parts = [_SPACE, *word]
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = _merged(parts, best)
        return tuple(self._ids[part] for part in parts if part in self._ids)


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    made: list[str] = []
    at = 0
    while at < len(parts):
        if at + 1 < len(parts) and (parts[at], parts[at + 1]) == pair:
            made.append(parts[at] + parts[at + 1])
            at += 2
        else:
            made.append(parts[at])
            at += 1
    return made


@cache
def find() -> Vectors | None:
    """The vectors that are installed; None if there are none that can be read."""
    try:
        files = {file.name: Path(str(file.locate())) for file in metadata.files(DISTRIBUTION) or ()}
        return load(files[_TABLE], files[_PIECES])
    except (metadata.PackageNotFoundError, KeyError, OSError, ValueError):
        return None


def load(table: Path, pieces: Path) -> Vectors:
    """Vectors out of two files. Raises `OSError` or `ValueError`, `KeyError` among them, if they are not that."""
    model = json.loads(pieces.read_text(encoding="utf-8"))["model"]
    pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
    ranks = {(first, second): rank for rank, (first, second) in enumerate(pairs)}
    return Vectors(_rows(table), model["vocab"], ranks)


def _rows(path: Path) -> Any:
    import numpy as np  # noqa: PLC0415

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _HEADER_BYTES_MAX:
            raise ValueError("no safetensors header")
        told = json.loads(file.read(length))["embedding.weight"]
    if told["dtype"] != "F16":
        raise ValueError("not 16-bit floats")
    rows, width = told["shape"]
    return np.memmap(path, dtype="<f2", mode="r", offset=8 + length + told["data_offsets"][0], shape=(rows, width))
