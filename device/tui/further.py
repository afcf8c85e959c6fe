"""The pages beyond the first: which there are, what each is opened with, and how it comes in.

Rule: a page is loaded when it is opened for the first time. Whoever only looks at the jobs pays for none of them.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from textual.screen import Screen

from device.tui.screens.page import Page

if TYPE_CHECKING:  # loaded when they are opened
    from device.tui.screens.order import OrderPage
    from device.tui.screens.outbox import OutboxPage

#: Where each lies, by what a key or the palette calls it.
_AT: Mapping[str, tuple[str, str]] = {
    "order": ("order", "OrderPage"),
    "outbox": ("outbox", "OutboxPage"),
    "ask": ("ask", "AskPage"),
    "library": ("library", "LibraryPage"),
    "search": ("library", "LibraryPage"),
    "laptop": ("laptop", "LaptopPage"),
    "ready": ("ready", "ReadyPage"),
}
#: Those that lie above whatever is open, and are opened with it.
PAGES = frozenset(_AT) - {"order", "outbox"}


def is_called(screen: Screen[Any], *names: str) -> bool:
    """Whether `screen` is one of the pages of these names."""
    return isinstance(screen, Page) and screen.where in names


def is_order(screen: Screen[Any]) -> "TypeGuard[OrderPage]":
    """Whether it is a work order's page."""
    return is_called(screen, "order")


def is_outbox(screen: Screen[Any]) -> "TypeGuard[OutboxPage]":
    """Whether it is the outbox."""
    return is_called(screen, "outbox")


def is_here(screen: Screen[Any], where: str, stack: Sequence[Screen[Any]]) -> bool:
    """Whether `screen` is the page `where`, as it would be opened from `stack`."""
    if where == "ask":
        return is_called(screen, "ask") and getattr(screen, "job", None) == _job(stack)
    return is_called(screen, "library" if where == "search" else where)


def page(where: str, stack: Sequence[Screen[Any]] = ()) -> Screen[None]:
    """A new page `where`, opened above `stack`."""
    if where == "ask":
        return made("ask", _job(stack))
    return made("library", search=where == "search") if where in {"library", "search"} else made(where)


def made(where: str, *values: object, **named: object) -> Screen[None]:
    """The page `where`, made of these."""
    module, name = _AT[where]
    kind: type[Screen[None]] = getattr(importlib.import_module(f"device.tui.screens.{module}"), name)
    return kind(*values, **named)  # type: ignore[arg-type]  # each page's own


def _job(stack: Sequence[Screen[Any]]) -> str | None:
    """The work order that lies open; None if none does."""
    return next((screen.job for screen in reversed(stack) if is_order(screen)), None)
