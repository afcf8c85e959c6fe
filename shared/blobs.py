"""How the bytes of files travel, apart from the commands that name them.

Rules
1. Bytes are addressed by their sha256 and by nothing else.
2. They go up in chunks, each at the place that the server named; the place is part of the signed query. The server's
   place is the only one that counts.
3. A file counts as there when its size and sha256 were verified and it is durable, and not a moment earlier.

Source: draft-ietf-httpbis-resumable-upload (offset, complete), RFC 9110 section 14 (ranges), ADR 0014.
"""

import re
from dataclasses import dataclass

#: How much goes up or is kept in one piece, in bytes: small enough for a link that breaks every minute.
CHUNK_BYTES = 256 << 10
#: How much comes down in one answer, in bytes.
RANGE_BYTES_MAX = 1 << 20

BLOBS_PATH = "/v1/blobs/"
OFFSET_HEADER = "Upload-Offset"
COMPLETE_HEADER = "Upload-Complete"
#: The code of the problem, where the answer has no body to carry it: after HEAD.
PROBLEM_HEADER = "Tailboard-Problem"
ANY_BYTES = "application/octet-stream"

_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})")
_SUFFIX = re.compile(r"bytes=-([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the server has got with a file: `offset` bytes are durable; `complete` once they are verified."""

    offset: int
    complete: bool = False

    def to_headers(self) -> dict[str, str]:
        """As response headers; the boolean is a structured field (RFC 9651, section 3.3.6)."""
        return {OFFSET_HEADER: str(self.offset), COMPLETE_HEADER: f"?{int(self.complete)}"}


def read_progress(offset: str | None, complete: str | None) -> Progress:
    """The progress behind the two headers. Raises `ValueError` if they do not say it."""
    if offset is None or not re.fullmatch(r"[0-9]{1,15}", offset) or complete not in {"?0", "?1"}:
        raise ValueError("no readable upload progress")
    return Progress(int(offset), complete == "?1")


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of what a Range header asks of `size` bytes; None for the whole, as for no header.

    Only one range of bytes is understood; anything else is ignored, as the standard allows.

    Raises:
        ValueError: the range lies outside.
    """
    if found := _SUFFIX.fullmatch(header or ""):
        length = min(int(found[1]), size)
        first, last = size - length, size - 1
    elif (found := _RANGE.fullmatch(header or "")) and not (found[2] and int(found[2]) < int(found[1])):
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    else:
        return None
    if first > last:
        raise ValueError(f"there are {size} bytes; the range lies outside")
    return first, last - first + 1


def in_mib(size: int) -> str:
    """A size in bytes for people: tenths of a MiB, never rounded down to nothing."""
    return f"{max(size / (1 << 20), 0.1):.1f} MiB"
