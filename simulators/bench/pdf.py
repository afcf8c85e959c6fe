"""A PDF from lines of text and lines of ink: enough of the format to write a manual by hand.

Source: ISO 32000-1, sections 7.5 (file structure) and 9.4 (text).
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Points: the width and height of an A4 page.
WIDTH, HEIGHT = 595, 842


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text at `x`, `y` points from the lower left corner."""

    x: float
    y: float
    text: str
    size: float = 10


@dataclass(frozen=True, slots=True)
class Box:
    """The outline of a rectangle, as figures and tables have."""

    x: float
    y: float
    width: float
    height: float


PdfPage = Sequence[Words | Box]


def write_pdf(pages: Sequence[PdfPage]) -> bytes:
    """The pages as one PDF, with the standard Helvetica."""
    first = 4
    kids = " ".join(f"{first + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for at, page in enumerate(pages):
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        told = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] {resources}"
        objects.append(f"<< {told} /Contents {first + 2 * at + 1} 0 R >>".encode())
        stream = b"\n".join(map(_drawn, page))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    return _file(objects)


def _drawn(each: Words | Box) -> bytes:
    if isinstance(each, Box):
        return f"{each.x} {each.y} {each.width} {each.height} re S".encode()
    text = each.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {each.size} Tf {each.x} {each.y} Td ({text}) Tj ET".encode("cp1252", errors="replace")


def _file(objects: Sequence[bytes]) -> bytes:
    content, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(content)
