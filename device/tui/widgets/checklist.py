"""The checklist of a job. Space marks an item; what is marked is saved only after it was confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from device.plain import plain
from device.tui.widgets.choices import LOUD
from device.tui.widgets.rows import Rows
from device.tui.widgets.status_bar import NEEDS_A_LOOK
from device.words import moment, standing
from shared.outcomes import Standing
from shared.records import ChecklistItem


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it is shown: `standing` of the latest tick made here, `hint` what belongs to it."""

    item: ChecklistItem
    marked: bool = False
    standing: Standing | None = None
    hint: str = ""


class Checklist(Rows):
    """Items with a box: ``[x]`` done, ``[ ]`` not, ``[+]`` marked done, ``[-]`` marked as not; neither saved."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Tick")]

    def fill(self, entries: Sequence[Entry], now: datetime) -> None:
        """Show `entries`; the highlight stays where it was."""
        width = self.size.width or 76
        self.show_rows([_row(each, now, width) for each in entries])


def _row(entry: Entry, now: datetime, width: int) -> Text:
    item = entry.item
    box = ("[-]" if item.ticks else "[+]") if entry.marked else "[x]" if item.ticks else "[ ]"
    right = entry.hint
    if item.ticks:
        last = item.ticks[-1]
        right = f"{last.author} {moment(last.at, now)}"
        right += f"  {standing(entry.standing)}" if entry.standing else ""
    if entry.marked:
        right = "not saved yet"
    text = Text(f"{box} {plain(item.text)}", "bold" if entry.marked or not item.ticks else "not bold", no_wrap=True)
    room = max(10, width - len(right) - 3)
    text.truncate(room, overflow="ellipsis", pad=True)
    return text.append(f" {right}", LOUD if entry.standing in NEEDS_A_LOOK else "")
