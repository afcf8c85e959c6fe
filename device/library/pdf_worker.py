"""The pages of a PDF, read in a process of its own: ``python -m device.library.pdf_worker FIRST COUNT``.

A PDF is a program in many languages, and any of them may be hostile. So whoever parses one has little memory, little
time, nothing to read but its standard input and nobody to tell but its standard output, and may die.

Standard output has one JSON object a line: ``{"pages": N}``, then ``{"page": n, "text": …}`` for each page from the
first asked for (0 up), as soon as it is read; or ``{"problem": "encrypted" | "damaged"}``.
"""

import io
import json
import logging
import sys
from contextlib import suppress

#: Bytes of memory that the child may have, and seconds of processor.
MEMORY_BYTES = 1 << 30
CPU_S = 60


def bound() -> None:
    """Take away what this process must not use up. Where the system knows no such bounds, time alone bounds it."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def tell(**what: object) -> None:
    """One line to the parent."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Read what was asked for; whatever breaks is a word for the parent."""
    first, count = int(arguments[0]), int(arguments[1])
    bound()
    try:
        _read(sys.stdin.buffer.read(), first, count)
    except Exception:  # noqa: BLE001  # a parser of hostile bytes may raise anything
        tell(problem="damaged")
    return 0


def _read(content: bytes, first: int, count: int) -> None:
    import pypdf  # noqa: PLC0415  # the parent imports this module and needs none of it

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        tell(problem="encrypted")
        return
    tell(pages=len(reader.pages))
    for number in range(first, min(first + count, len(reader.pages))):
        tell(page=number, text=_text(reader.pages[number]))


def _text(page: object) -> str:
    """The page with its columns kept apart; word after word where that cannot be done; empty if nothing can."""
    for mode in ("layout", "plain"):
        with suppress(Exception):
            return str(page.extract_text(extraction_mode=mode))  # type: ignore[attr-defined]
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
