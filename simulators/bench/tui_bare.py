"""A bare Textual app for `bench tui`, in a process of its own, and how a key is timed in any app."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import DataTable, Footer, Static

#: How long a key may take before the bench gives up.
PATIENCE_S = 60.0


def memory_mib() -> float:
    """What this process keeps resident."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Bare(App[None]):
    """What Textual itself needs: a line, a list, a footer."""

    def __init__(self, painted: Callable[["Bare"], Awaitable[None]]) -> None:
        super().__init__()
        self._painted = painted

    def compose(self) -> ComposeResult:
        """The least that looks like a page."""
        yield Static("TAILBOARD")
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        """Twenty rows."""
        table: DataTable[str] = self.query_one(DataTable)
        table.add_columns("a", "b", "c")
        table.add_rows([("one", "two", "three")] * 20)
        self.call_after_refresh(self._done)

    async def _done(self) -> None:
        await self._painted(self)


async def pressed(app: App[Any], key: str) -> float:
    """Milliseconds from the key to the repaint of what has the focus."""
    painted = asyncio.Event()
    focused = app.screen.focused
    assert focused is not None, "a list has the focus"

    def after_the_key() -> None:
        focused.call_after_refresh(painted.set)

    began = time.perf_counter()
    app.post_message(Key(key, key if len(key) == 1 else None))
    app.call_later(lambda: focused.call_later(after_the_key))
    await asyncio.wait_for(painted.wait(), PATIENCE_S)
    return (time.perf_counter() - began) * 1000


def bare() -> dict[str, Any]:
    """The first paint of the bare app."""
    told: dict[str, Any] = {}

    async def painted(app: Bare) -> None:
        told.update(cpu_s=time.process_time(), mib=memory_mib())
        app.exit()

    asyncio.run(Bare(painted).run_async(headless=True, size=(80, 24)))
    return told


def bare_keys(count: int) -> dict[str, Any]:
    """Keys on the bare app's list."""
    told: list[float] = []

    async def press(app: App[Any]) -> None:
        app.screen.query_one(DataTable).focus()
        told.extend([await pressed(app, "down" if number % 20 < 19 else "home") for number in range(count)])
        app.exit()

    async def painted(app: Bare) -> None:
        app.run_worker(press(app))

    asyncio.run(Bare(painted).run_async(headless=True, size=(80, 24)))
    return {"ms": told}


def tell(told: dict[str, Any]) -> None:
    """Say what was measured, and end at once: nothing is left to be kept."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    tell(bare() if len(sys.argv) == 1 else bare_keys(int(sys.argv[1])))
