"""The second line, on every page: link, age of the data, outbox counts, where questions are answered, clock doubt.

Offline is a way of working and looks like one. Only what needs the person stands out: `?` and `!`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from device.words import age, clock_time
from device.workbench import Status
from shared.outcomes import Standing

NEEDS_A_LOOK = frozenset({Standing.REVIEW, Standing.REFUSED})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bar shows."""

    status: Status
    assistant: str
    now: datetime
    clock_doubt: str | None = None


class StatusBar(Widget):
    """One line of facts, in a fixed order."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"status-bar--needs-you"}

    facts: reactive[Facts | None] = reactive(None)

    def render(self) -> Text:
        """The line; empty until the first facts are in."""
        if self.facts is None:
            return Text("")
        status = self.facts.status
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(link_words(self.facts)).append(" | ")
        line.append(_age(status.data_as_of, self.facts.now)).append(" | ")
        line.append_text(self._counts(status)).append(" | ")
        line.append(f"AI: {self.facts.assistant}")
        if self.facts.clock_doubt:
            loud = self.get_component_rich_style("status-bar--needs-you")
            line.append(" | ").append(f"! clock {self.facts.clock_doubt}", loud)
        return line

    def _counts(self, status: Status) -> Text:
        loud = self.get_component_rich_style("status-bar--needs-you")
        counts = Text()
        for standing in Standing:
            count = status.counts.get(standing, 0)
            style = loud if count and standing in NEEDS_A_LOOK else ""
            counts.append(" " if counts else "").append(f"{standing.glyph}{count}", style)
        return counts


def link_words(facts: Facts) -> str:
    """The link in a word or two."""
    if not facts.status.online:
        since = facts.status.link_since
        return f"Offline since {clock_time(since)}" if since else "Offline"
    return "Online, last try failed" if facts.status.last_error else "Online"


def _age(as_of: datetime | None, now: datetime) -> str:
    return f"data {age(as_of, now)}" if as_of else "no data yet"
