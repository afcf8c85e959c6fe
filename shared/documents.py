"""What may be a document of the library, and what a document says of itself.

Rules
1. Markdown, plain text and PDF, told apart by the file's name; what is really in it is the reader's business.
2. A Markdown or text file may begin with lines ``name: value`` between two lines ``---``; they are about the document
   and not part of its text.
"""

from collections.abc import Mapping

MARKDOWN, PLAIN, PDF = "text/markdown", "text/plain", "application/pdf"
#: By the end of the file's name.
TYPES: Mapping[str, str] = {".md": MARKDOWN, ".markdown": MARKDOWN, ".txt": PLAIN, ".text": PLAIN, ".pdf": PDF}

#: The largest document, in bytes: a thick manual has a tenth of it, and every laptop in its scope fetches it all.
DOCUMENT_BYTES_MAX = 64 << 20

_FENCE = "---"
#: So many lines may stand between the two.
_LINES_MAX = 40


def type_of(name: str) -> str | None:
    """The media type of a document of that file name; None if it cannot be one."""
    dot = name.rfind(".")
    return TYPES.get(name[dot:].lower()) if dot >= 0 else None


def told(text: str) -> tuple[dict[str, str], str]:
    """What a text says of itself, and the text without that; nothing and the whole text if it says nothing."""
    lines = text.removeprefix("\ufeff").split("\n", _LINES_MAX + 2)
    if lines[0].strip() != _FENCE:
        return {}, text
    end = next((at for at, line in enumerate(lines[1:], start=1) if line.strip() == _FENCE), None)
    if end is None or end > _LINES_MAX:
        return {}, text
    pairs = (line.partition(":") for line in lines[1:end])
    values = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon and value.strip()}
    return values, "\n".join(lines[end + 1 :])
