"""The four lists of a work order, one at a time: checklist, history, manuals, readings.

Each shows what contains every word of the filter. What is chosen there is found by its place in what is shown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from rich.console import Group
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ContentSwitcher, Static

from device.core.trend import Trend
from device.plain import plain
from device.tui.screens.order_seen import OrderSeen
from device.tui.widgets.checklist import Checklist, Entry
from device.tui.widgets.choices import Choices
from device.tui.widgets.readings import Quantities, trend_text
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.words import moment, named, standing
from device.workbench import HistoryLine
from shared.ids import id_of
from shared.outcomes import Standing
from shared.records import ChecklistItem, Record

Shown = TypeVar("Shown")
#: Their names, with the place that takes the focus.
NAMES = ("Checklist", "History", "Manuals", "Readings")
_PANES = ("checklist-pane", "scroll", "manuals-pane", "readings-pane")
_FOCUS = ("#items", "#scroll", "#manuals", "#quantities")
_NO_ITEMS = "There is no checklist on this job. n says what was done, f finishes it."
_NO_MANUALS = "There are no manuals on this laptop yet. They come with the changes, after everything smaller."
_NO_READINGS = "No limits and no readings of this asset are on this laptop. r enters a reading."
_NO_HISTORY = "Nothing yet. Press n and say what was done, or r for a reading."
_NO_MATCH = "Nothing here matches the filter. Esc clears it."


@dataclass(frozen=True, slots=True)
class Light:
    """How the lists are painted: at what time, how what needs the person looks, and whether there is room."""

    now: datetime
    loud: Style
    tall: bool


class History(VerticalScroll, inherit_bindings=False):
    """What happened, to be scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]


class Panes(ContentSwitcher):
    """The lists. `items`, `documents` and `trends` are what passed the filter."""

    items: tuple[ChecklistItem, ...] = ()
    documents: tuple[Record, ...] = ()
    trends: tuple[Trend, ...] = ()
    _tall = False
    _filtered = False

    def compose(self) -> ComposeResult:
        """Each list, and what it says when it is empty."""
        with Vertical(id="checklist-pane"):
            yield Checklist(id="items", compact=True)
            yield Static(_NO_ITEMS, id="no-items")
        with History(id="scroll"):
            yield Static(id="history")
        with Vertical(id="manuals-pane"):
            yield Choices(id="manuals", compact=True)
            yield Static(_NO_MANUALS, id="no-manuals")
        with Vertical(id="readings-pane"):
            yield Quantities(id="quantities", compact=True)
            yield Static(id="trend", markup=False)

    def show(self, index: int, *, focus: bool) -> None:
        """The list at that place of `NAMES`."""
        self.current = _PANES[index]
        if focus:
            self.query_one(_FOCUS[index]).focus()

    def paint(self, seen: OrderSeen, words: Sequence[str], marks: Sequence[str], light: Light) -> None:
        """What passes the filter `words`, in each list."""
        self._tall, self._filtered = light.tall, bool(words)
        self.paint_checklist(seen, words, marks, light.now)
        self._paint_manuals(seen, words)
        self.query_one("#history", Static).update(_history(seen.history, words, light))
        self.trends = _passing(seen.trends, words, lambda each: f"{named(each.quantity)} {each.unit}")
        self.query_one(Quantities).fill(self.trends, light.now)
        self.paint_trend()

    def paint_checklist(self, seen: OrderSeen, words: Sequence[str], marks: Sequence[str], now: datetime) -> None:
        """The checklist alone: a mark changed."""
        self.items = _passing(seen.items, words, lambda each: each.text)
        entries = [Entry(each, each.id in marks, _standing_of(each, seen.ticks)) for each in self.items]
        self.query_one(Checklist).fill(entries, now)
        self._say_empty("#checklist-pane", "#no-items", entries, _NO_ITEMS)

    def _paint_manuals(self, seen: OrderSeen, words: Sequence[str]) -> None:
        own = str(seen.asset.fields["manual"]) if seen.asset else ""
        rows = {each.ref: _manual_row(each, own) for each in seen.documents}
        self.documents = _passing(seen.documents, words, lambda each: rows[each.ref].plain)
        self.query_one("#manuals", Choices).show_rows([rows[each.ref] for each in self.documents])
        self._say_empty("#manuals-pane", "#no-manuals", self.documents, _NO_MANUALS)

    def _say_empty(self, pane: str, words: str, rows: Sequence[object], why: str) -> None:
        self.query_one(pane).set_class(not rows, "-empty")
        self.query_one(words, Static).update(_NO_MATCH if self._filtered else why)

    def paint_trend(self) -> None:
        """The trend of the quantity under the cursor."""
        at = self.query_one(Quantities).highlighted
        none = Text(_NO_MATCH if self._filtered else _NO_READINGS)
        here = self.trends[at] if at is not None and at < len(self.trends) else None
        said = trend_text(here, rows=12 if self._tall else 6) if here else none
        self.query_one("#trend", Static).update(said)


def _passing(rows: Iterable[Shown], words: Sequence[str], said: Callable[[Shown], str]) -> tuple[Shown, ...]:
    return tuple(row for row in rows if _passes(said(row), words))


def _passes(text: str, words: Sequence[str]) -> bool:
    lower = text.lower()
    return all(word in lower for word in words)


def _standing_of(item: ChecklistItem, ticks: Mapping[str, Standing]) -> Standing | None:
    return ticks.get(item.ticks[-1].id) if item.ticks else None


def _manual_row(document: Record, own: str) -> Text:
    fields: Mapping[str, object] = document.fields
    mine = "  for this asset" if id_of(document.ref) == own else ""
    said = f"{id_of(document.ref):<14} {plain(str(fields['title']))}, revision {plain(str(fields['revision']))}{mine}"
    return Text(said, no_wrap=True, overflow="ellipsis")


def _history(history: Sequence[HistoryLine], words: Sequence[str], light: Light) -> Group:
    """Newest first: where it stands, when, who and what."""
    rows = [(line, f"{line.who}: {plain(line.what)}") for line in reversed(history)]
    passing = _passing(rows, words, lambda row: f"{row[1]} {moment(row[0].at, light.now)}")
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(ratio=1)
    for line, said in passing:
        loud = light.loud if line.standing in NEEDS_A_LOOK else ""
        tag = standing(line.standing) if line.standing else ""
        lines.add_row(*(Text(cell, loud) for cell in (tag, moment(line.at, light.now), said)))
    of = f"{len(passing)} of {len(rows)}" if words else f"{len(rows)}"
    nothing = _NO_MATCH if words else _NO_HISTORY
    return Group(Text(f"History, newest first ({of})", "bold"), lines if passing else nothing)
