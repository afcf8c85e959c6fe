"""Bodies are packed on the way: signed bytes in base64 and records in JSON shrink to a quarter on a thin link.

Source: RFC 9110, section 8.4 (Content-Encoding), RFC 1952 (gzip).
"""

import zlib

ENCODING = "gzip"
#: Below this, packing costs more than it saves.
WORTH_BYTES = 1024
_FASTEST = 1
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Packing:
    """A body that is packed as it is made, the same bytes every time."""

    def __init__(self, begin: bytes) -> None:
        self._packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP_WINDOW)
        self._packed = self._packer.compress(begin)

    def ended(self, end: bytes = b"") -> bytes:
        """All of it, with `end` as its last piece; to be asked for once."""
        return self._packed + self._packer.compress(end) + self._packer.flush()


def pack(body: bytes) -> bytes:
    """`body` packed, the same bytes every time."""
    return Packing(body).ended()


def unpack(packed: bytes, bytes_max: int) -> bytes:
    """What was packed.

    Raises:
        ValueError: it is not whole, or holds more than `bytes_max` bytes.
    """
    opened = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = opened.decompress(packed, bytes_max + 1)
    except zlib.error as error:
        raise ValueError("the packed body is damaged") from error
    if len(body) > bytes_max:
        raise ValueError(f"the packed body holds more than {bytes_max} bytes")
    if not opened.eof or opened.unused_data:
        raise ValueError("the packed body is not whole")
    return body
