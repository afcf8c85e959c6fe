"""Every list can be narrowed by words: those rows stay in which each word stands somewhere."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sync_server.console.blocks import Button, Field, Form, Link, Mono, Quoted, Said, Several, Small, State
from sync_server.console.visit import Visit
from sync_server.console.words import sayer

#: A list that is narrowed is looked through so far; what lies behind comes with the next page.
LOOKED_AT = 500
#: So many rows of what is all at hand are one page.
ROWS_MAX = 100
_KEPT = ("all", "shape", "show", "device")

Row = tuple[Any, ...]
_NO_ROW = Said("No row here has these words. Take some away, or go on to the next page if there is one.")


def words_of(visit: Visit) -> tuple[str, ...]:
    """The words that a list is asked for."""
    return tuple(visit.query.get("words", "").casefold().split()[:8])


def narrow_form(visit: Visit) -> Form:
    """Asks for words, and keeps what else was asked for."""
    kept = tuple(Field(name, "", "hidden", visit.query[name]) for name in _KEPT if visit.query.get(name))
    words = Field("words", Said("Only rows with these words"), value=visit.query.get("words", ""), key="/")
    return Form("narrow", (*kept, words), (Button("", Said("Show"), quiet=True),), looks=True, row=True)


def narrowed(rows: Sequence[Row], visit: Visit) -> tuple[Row, ...]:
    """The rows in which every word stands."""
    words = words_of(visit)
    return tuple(row for row in rows if not words or _has(row, words))


def cut(rows: Sequence[Row], visit: Visit) -> tuple[tuple[Row, ...], str]:
    """A page of rows that are all at hand, and the address of the next one; empty if there is none."""
    told = visit.query.get("from", "")
    start = int(told) if told.isdecimal() and len(told) < 9 else 0
    end = start + ROWS_MAX
    kept = {name: visit.query[name] for name in (*_KEPT, "words") if visit.query.get(name)}
    return tuple(rows[start:end]), f"?{urlencode({**kept, 'from': end})}" if len(rows) > end else ""


def empty_of(visit: Visit, empty: Said) -> Said:
    """Why a list has no rows: there are none, or none with these words."""
    return _NO_ROW if words_of(visit) else empty


def _has(row: Row, words: Sequence[str]) -> bool:
    text = " ".join(_text(each) for each in row).casefold()
    return all(word in text for word in words)


def _text(value: Any) -> str:
    match value:
        case Said():
            return sayer("en")(value)
        case State(word=word):
            return _text(word)
        case Link(text=text) | Mono(text=text) | Quoted(text=text):
            return _text(text)
        case Small(value=inner):
            return _text(inner)
        case Several(values=values):
            return " ".join(map(_text, values))
        case _:
            return str(value)
