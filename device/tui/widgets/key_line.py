"""The last line: the keys of the page in front. One that can do nothing now looks it, and stays where it is.

It keeps its colour, because nothing here is faded: its word is struck through, and `-` joins the two, for terminals
that strike nothing through. It can be pressed all the same, and answers with its reason.
"""

from typing import Any

from textual.app import ComposeResult
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

#: What joins a key to the word of what it cannot do now. It takes the place of the space: nothing moves.
SIGN = "-"


class KeyLine(Footer):
    """The keys, with those that can do nothing now marked."""

    #: The actions that cannot be done now, as the bindings name them.
    cannot: reactive[frozenset[str]] = reactive(frozenset())

    def compose(self) -> ComposeResult:
        """The keys, marked."""
        for each in super().compose():
            if isinstance(each, FooterKey):
                self._mark(each)
            yield each

    def bindings_changed(self, screen: Screen[Any]) -> None:
        """They are read before somebody clicks, too: a browser, or a window behind another, has no focus at first."""
        self._bindings_ready = True
        if self.is_attached and screen is self.screen:
            self.call_after_refresh(self.recompose)

    def watch_cannot(self) -> None:
        """Mark those that are there."""
        for each in self.query(FooterKey):
            self._mark(each)

    def _mark(self, key: FooterKey) -> None:
        marked, off = key.has_class("-cannot"), key.action in self.cannot
        if marked != off:
            key.set_class(off, "-cannot")
            key.description = f"{SIGN}{key.description}" if off else key.description.removeprefix(SIGN)
            key.refresh()
