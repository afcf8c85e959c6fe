"""Sentences for a demo: the project's own, with what they should become, or any text file's lines.

A file from elsewhere may hold anything. Lines that are blank, too long, not UTF-8 or full of control characters are
counted and left out; nothing in a file can stop the run.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

CHARS_MAX = 4000
LINE_BYTES_MAX = 4 * CHARS_MAX


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence; for the project's own, also its job and the commands that it should become."""

    text: str
    job: str | None = None
    expect: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class Notes:
    """What a file holds: usable notes, and how many lines were left out for which reason."""

    notes: Sequence[Note]
    left_out: Counter[str] = field(default_factory=Counter)


def shipped() -> Notes:
    """The project's own notes."""
    text = (resources.files("simulators.demo") / "notes.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return Notes([Note(row["note"], row["job"], tuple(row["expect"])) for row in rows])


def from_file(path: Path) -> Notes:
    """The lines of `path`. Raises `OSError` if it cannot be read."""
    notes: list[Note] = []
    left_out: Counter[str] = Counter()
    with path.open("rb") as file:
        while raw := _next_line(file):
            text, why = _line(raw)
            if why:
                left_out[why] += 1
            else:
                notes.append(Note(text))
    return Notes(notes, left_out)


def _next_line(file: BinaryIO) -> bytes:
    """The next line, or its beginning if it is too long to be one; empty at the end. Never holds a huge line."""
    raw = file.readline(LINE_BYTES_MAX + 1)
    rest = raw
    while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
        rest = file.readline(LINE_BYTES_MAX + 1)
    return raw


def _line(raw: bytes) -> tuple[str, str | None]:
    if len(raw) > LINE_BYTES_MAX:
        return "", "too_long"
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return "", "not_utf8"
    if not text:
        return "", "blank"
    if len(text) > CHARS_MAX:
        return "", "too_long"
    if any(not char.isprintable() and char != "\t" for char in text):
        return "", "binary"
    return text, None
