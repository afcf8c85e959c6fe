"""What a GGUF file says of itself, read before llama.cpp ever sees it.

Rules
1. Nothing is believed: every length is checked against the file before it is used, and no more than `HEAD_BYTES_MAX`
   of the file is read.
2. A file whose tables name bytes that are not there is cut short, whatever its name or size.

What passes can still be hostile to llama.cpp, which is why that runs in a process of its own.

Source: the GGUF specification, versions 2 and 3 (ggml/docs/gguf.md).
"""

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

HEAD_BYTES_MAX = 32 << 20
_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_TENSORS_MAX, _VALUES_MAX, _STRING_MAX, _DEPTH_MAX = 100_000, 10_000, 1 << 20, 2
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
#: Elements a block and bytes a block, of the types in use; of another type only where it begins is checked.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 30: (1, 2),
}  # fmt: skip
#: Where a file does not say what a token of context costs.
_KV_BYTES_UNKNOWN = 256 << 10


@dataclass(frozen=True, slots=True)
class Header:
    """Of what kind the model is, the longest context it was made for, and what a token of context takes of memory."""

    architecture: str
    context_tokens: int
    kv_bytes: int


class BadModelFile(Exception):
    """Why a file is no usable GGUF file, as the end of a sentence that begins with its name."""


def header_of(stream: BinaryIO, size: int) -> Header:
    """What the file in `stream`, of `size` bytes, says of itself. Raises `BadModelFile`, `OSError`."""
    magic = stream.read(4)
    if not magic:
        raise BadModelFile("is empty")
    if magic != _MAGIC:
        raise BadModelFile("is not a GGUF model file")
    table = _Table(stream.read(HEAD_BYTES_MAX), start=4, size=size)
    version, tensors, values = table.number("<I"), table.number("<Q"), table.number("<Q")
    if version not in _VERSIONS:
        raise BadModelFile(f"is of GGUF version {version}, which is not known here")
    if tensors > _TENSORS_MAX or values > _VALUES_MAX:
        raise BadModelFile("is damaged (its tables cannot be so long)")
    told: dict[str, Any] = {}
    for _ in range(values):
        key = table.string()
        told[key] = table.value(table.number("<I"))
    ends = [_tensor_end(table) for _ in range(tensors)]
    _check_length(table.at, told, ends, size)
    return _summary(told)


def _tensor_end(table: "_Table") -> int:
    """Where a tensor ends, in bytes from where the tensors begin."""
    table.string()
    dimensions = table.number("<I")
    if not 1 <= dimensions <= 4:
        raise BadModelFile("is damaged (a tensor has no shape)")
    elements = 1
    for _ in range(dimensions):
        elements *= table.number("<Q")
    kind, offset = table.number("<I"), table.number("<Q")
    block, block_bytes = _BLOCKS.get(kind, (1, 0))
    return offset + elements // block * block_bytes


def _check_length(at: int, told: dict[str, Any], ends: list[int], size: int) -> None:
    alignment = told.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 16:
        raise BadModelFile("is damaged (its alignment makes no sense)")
    begin = -(-at // alignment) * alignment
    if begin + max(ends, default=0) > size:
        raise BadModelFile("is cut short")


def _summary(told: dict[str, Any]) -> Header:
    kind = told.get("general.architecture")
    if not isinstance(kind, str) or not kind:
        raise BadModelFile("does not say of what kind its model is")

    def count(name: str, otherwise: int = 0) -> int:
        found = told.get(f"{kind}.{name}")
        return found if type(found) is int and 0 < found < 1 << 31 else otherwise

    layers, heads, width = count("block_count"), count("attention.head_count"), count("embedding_length")
    key = count("attention.key_length", width // heads if heads else 0)
    value = count("attention.value_length", key)
    kv_heads = count("attention.head_count_kv", heads)
    kv_bytes = layers * kv_heads * (key + value) * 2 or _KV_BYTES_UNKNOWN
    return Header(kind[:60], count("context_length", 2048), min(kv_bytes, 64 << 20))


class _Table:
    """Numbers and strings in a row."""

    def __init__(self, raw: bytes, start: int, size: int) -> None:
        self._raw, self._start, self._size, self._at = raw, start, size, 0

    @property
    def at(self) -> int:
        """The place in the file."""
        return self._start + self._at

    def number(self, form: str) -> int:
        """The next number."""
        return int(self._scalar(form))

    def string(self) -> str:
        """The next string."""
        return self._bytes().decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> Any:
        """The next value of a type; arrays are passed over."""
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._pass_array(depth)
        if kind not in _SCALARS:
            raise BadModelFile("is damaged (a value has no type)")
        return self._scalar(_SCALARS[kind])

    def _pass_array(self, depth: int) -> None:
        kind, count = self.number("<I"), self.number("<Q")
        if count > self._size or depth >= _DEPTH_MAX:
            raise BadModelFile("is damaged (its tables cannot be so long)")
        if kind in _SCALARS:
            self._step(count * struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self._pass_strings(count)
        else:
            for _ in range(count):
                self.value(kind, depth + 1)

    def _pass_strings(self, count: int) -> None:
        """Vocabularies: a hundred thousand strings, which nobody needs here."""
        raw, at, unpack = self._raw, self._at, struct.Struct("<Q").unpack_from
        try:
            for _ in range(count):
                at += 8 + unpack(raw, at)[0]
        except (struct.error, OverflowError):
            at = len(raw) + 1
        self._at, step = 0, at
        self._step(step)

    def _bytes(self) -> bytes:
        length = self.number("<Q")
        if length > _STRING_MAX:
            raise BadModelFile("is damaged (a name in it cannot be so long)")
        begin = self._at
        self._step(length)
        return self._raw[begin : self._at]

    def _scalar(self, form: str) -> Any:
        begin = self._at
        self._step(struct.calcsize(form))
        return struct.unpack_from(form, self._raw, begin)[0]

    def _step(self, count: int) -> None:
        self._at += count
        if self._at > len(self._raw):
            whole = self._start + len(self._raw) >= self._size
            raise BadModelFile("is cut short" if whole else "is damaged (its tables cannot be so long)")
