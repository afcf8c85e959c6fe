"""The way to the pages besides jobs, work order and outbox: which there are, and what each is opened with."""

from collections.abc import Mapping, Sequence
from typing import Any

from textual.screen import Screen

from device.tui.screens.ask import AskPage
from device.tui.screens.laptop import LaptopPage
from device.tui.screens.library import LibraryPage
from device.tui.screens.order import OrderPage
from device.tui.screens.ready import ReadyPage

#: What a key or the palette calls them.
PAGES: Mapping[str, type[Screen[None]]] = {
    "ask": AskPage,
    "library": LibraryPage,
    "search": LibraryPage,
    "laptop": LaptopPage,
    "ready": ReadyPage,
}


def is_here(screen: Screen[Any], where: str, stack: Sequence[Screen[Any]]) -> bool:
    """Whether `screen` is the page `where`, as it would be opened from `stack`."""
    if isinstance(screen, AskPage):
        return where == "ask" and screen.job == _job(stack)
    return isinstance(screen, PAGES[where])


def page(where: str, stack: Sequence[Screen[Any]]) -> Screen[None]:
    """A new page `where`, opened above `stack`."""
    if where == "ask":
        return AskPage(_job(stack))
    return LibraryPage(search=where == "search") if where in {"library", "search"} else PAGES[where]()


def _job(stack: Sequence[Screen[Any]]) -> str | None:
    """The work order that lies open; None if none does."""
    return next((screen.job for screen in reversed(stack) if isinstance(screen, OrderPage)), None)
