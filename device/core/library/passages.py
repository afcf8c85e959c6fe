"""The text of a page as passages, and a passage as the units that can be quoted.

Rules
1. A passage stays below one heading and on one page; it keeps the path of headings above it, from page to page.
2. A table is never parted from its header: if it is too long for a passage, the next one repeats the header.
3. A unit is what can be quoted by itself: a sentence, an item of a list, a row of a table. Its quote stands on the
   page word for word, white space aside.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

#: About a screen of text: small enough that what is found is near, large enough to be understood.
PASSAGE_CHARS = 900
QUOTE_CHARS_MAX = 380

_MARKED = re.compile(r"^(#{1,6})\s+(.{1,200}?)\s*#*\s*$")
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){1,3}(?=[.\s])|\d{1,2}(?=\s))\.?\s+([A-Z][^\d.,;:|]{2,70})$")
_SHOUTED = re.compile(r"^(?=.{4,60}$)[A-Z][A-Z &/,()–-]*[A-Z)]$")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]|[a-z]\))\s+")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_COLUMNS = re.compile(r"\S {2,}\S|\t")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"(\[])")
#: Ends that end no sentence.
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|approx|max|min|no|fig|nos|vs|ca|resp)|\b[A-Z])\.$", re.IGNORECASE)

#: Between the headings of a path.
SEPARATOR = " > "

Path = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """Some blocks of a page below one heading; `section` is the path of headings."""

    section: str
    body: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be quoted.

    Args:
        quote: words of the page, white space aside.
        said: the same for reading: a row with the names of its columns.
        header: the header of the row's table, as it stands there; empty for anything else.
        label: the name of the row's first column with what stands in it, as in "frame 2".
        step: it is an item of a list.
    """

    quote: str
    said: str
    header: str = ""
    label: str = ""
    step: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that belong together; those of a table after its `header`."""

    lines: tuple[str, ...]
    header: tuple[str, ...] = ()

    def text(self) -> str:
        return "\n".join((*self.header, *self.lines))


@dataclass
class _Builder:
    passages: list[Passage] = field(default_factory=list)
    waiting: list[_Block] = field(default_factory=list)

    def flush(self, path: Path) -> None:
        if self.waiting:
            body = "\n\n".join(block.text() for block in self.waiting)
            self.passages.append(Passage(shown(path), body))
            self.waiting = []

    def add(self, block: _Block, path: Path) -> None:
        size = sum(len(each.text()) for each in self.waiting)
        if size and size + len(block.text()) > PASSAGE_CHARS:
            self.flush(path)
        self.waiting.append(block)


def shown(path: Path) -> str:
    """A path of headings for people."""
    return SEPARATOR.join(title for _, title in path)


def passages_of(text: str, path: Path = ()) -> tuple[list[Passage], Path]:
    """The passages of a page that begins below the headings `path`; and the path at its end."""
    builder = _Builder()
    for part in _parts(text.split("\n")):
        if isinstance(part, _Block):
            for block in _bounded(part):
                builder.add(block, path)
        else:
            builder.flush(path)
            path = (*(each for each in path if each[0] < part[0]), part)
    builder.flush(path)
    return builder.passages, path


def _bounded(block: _Block) -> Iterator[_Block]:
    """The block in pieces that fit into passages, each with the header."""
    lines: list[str] = []
    for line in block.lines:
        if lines and sum(map(len, lines)) + len(line) > PASSAGE_CHARS:
            yield _Block(tuple(lines), block.header)
            lines = []
        lines.append(line)
    yield _Block(tuple(lines), block.header)


def _parts(lines: Sequence[str]) -> Iterator[_Block | tuple[int, str]]:
    """Headings, and the blocks between them."""
    run: list[str] = []
    for line in lines:
        heading = _heading(line)
        if heading or not line.strip():
            yield from _blocks(run)
            run = []
        if heading:
            yield heading
        elif line.strip():
            run.append(line.rstrip())
    yield from _blocks(run)


def _heading(line: str) -> tuple[int, str] | None:
    bare = line.strip()
    if found := _MARKED.match(bare):
        title = found[2].strip()
        numbered = _NUMBERED.match(title)
        return (numbered[1].count(".") + 1 if numbered else len(found[1])), title
    if (found := _NUMBERED.match(bare)) and not _COLUMNS.search(bare):
        return found[1].count(".") + 1, bare
    if _SHOUTED.match(bare):
        return 1, bare
    return None


def _blocks(run: Sequence[str]) -> Iterator[_Block]:
    """Lines without an empty one between them: a table, or not."""
    if not run:
        return
    for tabular, lines in _grouped(run):
        if tabular and len(lines) > 1:
            header = 2 if len(lines) > 2 and _RULE.match(lines[1]) else 1
            yield _Block(tuple(lines[header:]), tuple(lines[:header]))
        else:
            yield _Block(tuple(lines))


def _grouped(run: Iterable[str]) -> Iterator[tuple[bool, list[str]]]:
    group: list[str] = []
    before = False
    for line in run:
        now = _is_row(line)
        if group and now is not before:
            yield before, group
            group = []
        group.append(line)
        before = now
    yield before, group


def _is_row(line: str) -> bool:
    bare = line.strip()
    return bare.startswith("|") or (bool(_COLUMNS.search(bare)) and not _ITEM.match(line))


# -- units


def units_of(body: str) -> list[Unit]:
    """What can be quoted of a passage, in its order."""
    units: list[Unit] = []
    for run in re.split(r"\n\s*\n", body):
        for tabular, lines in _grouped(run.split("\n")):
            units += _rows(lines) if tabular and len(lines) > 1 else _prose(lines)
    return [unit for unit in units if len(unit.quote) > 2]


def _rows(lines: Sequence[str]) -> list[Unit]:
    header, *rows = (line for line in lines if not _RULE.match(line))
    names = _cells(header)
    return [_row(row, _bounded_quote(header), names, _cells(row)) for row in rows]


def _row(row: str, header: str, names: Sequence[str], cells: Sequence[str]) -> Unit:
    label = f"{names[0]} {cells[0]}" if names and cells else ""
    return Unit(_bounded_quote(row), _row_said(names, cells), header, label)


def _cells(line: str) -> list[str]:
    bare = line.strip()
    if bare.startswith("|"):
        return [cell.strip() for cell in bare.strip("|").split("|")]
    return [cell.strip() for cell in re.split(r" {2,}|\t+", bare)]


def _row_said(names: Sequence[str], cells: Sequence[str]) -> str:
    """A row in words: its first cell, then what the columns say of it."""
    if len(names) != len(cells):
        return "; ".join(cells)
    told = [f"{name} {cell}" if name else cell for name, cell in zip(names[1:], cells[1:], strict=True) if cell]
    return f"{cells[0]}: {'; '.join(told)}" if told else cells[0]


def _prose(lines: Sequence[str]) -> list[Unit]:
    items: list[tuple[bool, list[str]]] = []
    for line in lines:
        marker = _ITEM.match(line)
        if marker or not items:
            items.append((bool(marker), [line[marker.end() :] if marker else line.strip()]))
        else:
            items[-1][1].append(line.strip())
    return [unit for step, words in items for unit in _sentences(" ".join(words), step)]


def _sentences(text: str, step: bool) -> list[Unit]:
    flat = " ".join(text.split())
    if step and len(flat) <= QUOTE_CHARS_MAX:
        return [Unit(flat, flat, step=True)]
    return [Unit(quote := _bounded_quote(each), quote, step=step) for each in sentences(flat)]


def sentences(text: str) -> list[str]:
    """The sentences of a text of one line."""
    found: list[str] = []
    for part in _SENTENCE_ENDS.split(text):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {part}"
        else:
            found.append(part)
    return [each.strip() for each in found if each.strip()]


def _bounded_quote(text: str) -> str:
    """As much of a text as a citation holds, in whole words."""
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTE_CHARS_MAX else flat[:QUOTE_CHARS_MAX].rsplit(" ", 1)[0]
