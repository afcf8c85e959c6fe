"""What a page is made of, as values: no HTML, no database.

Rules
1. What we say is `Said`, and can be said in another language; what records say is plain text, and is never touched.
2. A state is a glyph, a word and a tone: colour never carries it alone.
3. A form says which button does what. Whatever decides works without a script.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Tone(StrEnum):
    """How something is meant: fine, in need of somebody, or neither."""

    FINE = "fine"
    NEEDS = "needs"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of ours; `values` stand where ``{name}`` does."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


def said(text: str, /, **values: Any) -> Said:
    """A sentence of ours."""
    return Said(text, values)


@dataclass(frozen=True, slots=True)
class State:
    """How something stands, in the one vocabulary (`sync_server.console.states`)."""

    glyph: str
    word: Said
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Link:
    """Somewhere else to look; `key` is a letter that goes there."""

    text: Any
    href: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Mono:
    """An id or a hash, which somebody may want to copy."""

    text: str
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """What the server's rules worded, which is English on every page."""

    text: str


@dataclass(frozen=True, slots=True)
class Several:
    """Values one under the other."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Small:
    """Something beside."""

    value: Any


@dataclass(frozen=True, slots=True)
class Pick:
    """A box to tick in a table's row, which belongs to the form with that id."""

    name: str
    label: Said
    form: str


# -- blocks


@dataclass(frozen=True, slots=True)
class Note:
    """A line that stands out. `alert`: what is read out at once."""

    value: Any
    tone: Tone = Tone.PLAIN
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ways:
    """Links beside one another: other ways to look at the same."""

    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; the first cell of a row names it.

    `empty` says why there are none, and what comes next. `more` leads to the next page.
    """

    caption: Said
    columns: tuple[Said, ...]
    rows: tuple[tuple[Any, ...], ...]
    empty: Said
    more: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """Something to fill in.

    `kind`: text, area, select, check, date, number, password, hidden, or confirm, whose `value` is to be typed again.
    `options` are (value, label) pairs of a select. `key` is a letter that goes there.
    """

    name: str
    label: Any
    kind: str = "text"
    value: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    hint: Any = None
    required: bool = False
    most: int = 400
    key: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """What sends a form, and what that asks for. `why_not`: it is off, and why."""

    act: str
    label: Said
    quiet: bool = False
    why_not: Any = None


@dataclass(frozen=True, slots=True)
class Form:
    """Fields and buttons; `id` is unique on its page. `looks`: it asks for a page and decides nothing."""

    id: str
    fields: tuple[Field, ...]
    buttons: tuple[Button, ...]
    looks: bool = False
    action: str = ""
    row: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading; `folded`: shown when somebody asks, unless `open`."""

    heading: Any
    blocks: tuple[Any, ...]
    folded: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing of ours (SVG), and what it shows in words."""

    svg: str
    alt: Said


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page. `trail` leads to it. `live`: it says when something it shows has changed."""

    title: Any
    blocks: tuple[Any, ...]
    trail: tuple[Link, ...] = ()
    lead: Any = None
    live: bool = True


def filled(form: Form, given: Mapping[str, str]) -> Form:
    """The form as somebody filled it in, if `given` came from it."""
    if given.get("which") != form.id:
        return form
    return replace(form, fields=tuple(_filled(each, given) for each in form.fields))


def _filled(one: Field, given: Mapping[str, str]) -> Field:
    match one.kind:
        case "hidden" | "password":
            return one
        case "check":
            return replace(one, value="on" if given.get(one.name) else "")
        case "confirm":
            return replace(one, typed=given.get(one.name, ""))
        case _:
            return replace(one, value=given.get(one.name, one.value))
