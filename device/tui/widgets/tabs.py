"""A line of tabs. Left and right change it, and so does a click."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class TabLine(Widget):
    """The tabs' names, the chosen one reversed and in brackets, so that no colour is needed to see it."""

    chosen: reactive[int] = reactive(0)
    titles: reactive[tuple[str, ...]] = reactive(())

    @dataclass
    class Chosen(Message):
        """Another tab was chosen."""

        index: int

    def __init__(self, titles: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id)
        self.set_reactive(TabLine.titles, tuple(titles))

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for index, title in enumerate(self.titles):
            name = f"[{title}]" if index == self.chosen else f" {title} "
            line.append(name, Style(reverse=index == self.chosen, bold=True)).append(" ")
        return line

    def move(self, by: int) -> None:
        """To the next tab, or the one before."""
        self.post_message(self.Chosen((self.chosen + by) % len(self.titles)))

    def on_click(self, event: Click) -> None:
        """The tab under the pointer."""
        left = self.styles.padding.left
        for index, title in enumerate(self.titles):
            if left <= event.x < left + len(title) + 2:
                self.post_message(self.Chosen(index))
            left += len(title) + 3
