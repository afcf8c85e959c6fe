"""Keys on the technician's screen for `bench tui`, in a process of its own."""

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from device.bootstrap import Device, open_device
from device.settings import Settings
from device.tui.app import TailboardApp, settled_down
from device.tui.desk import beside
from device.tui.door import ajar
from device.tui.screens.page import Page
from shared.ports import system_ports
from simulators.bench.save import PIN
from simulators.bench.tui_bare import PATIENCE_S, pressed, tell

LOOK_S = 0.05


def keys(home: Path, presses: int, model: str) -> dict[str, Any]:
    """Keys on the list of jobs, in its filter and on the outbox, quietly and while the model writes."""
    path = None if model == "none" else Path(model)
    device = open_device(Settings(home, path), PIN, system_ports())
    app = TailboardApp(ajar(device), carry=False, at_home=settled_down)
    told: dict[str, list[float]] = {}

    async def ready() -> None:
        await app.assistant_ready()
        for _ in range(int(PATIENCE_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            if isinstance(app.screen, Page) and app.screen.seen is not None:
                break
        await asyncio.sleep(1.0)

    async def moves(name: str) -> None:
        told[name] = [await pressed(app, ("down", "pagedown", "up")[number % 3]) for number in range(presses)]

    async def types() -> None:
        await pressed(app, "slash")
        typed = "check number 42"
        told["filter"] = [
            await pressed(app, "backspace" if number // len(typed) % 2 else typed[number % len(typed)])
            for number in range(presses)
        ]
        await pressed(app, "escape")

    async def press(_: Pilot[object]) -> None:
        await ready()
        await moves("jobs")
        await types()
        if path is not None:
            writing = Writing(device)
            await moves("while_writing")
            writing.end()
        app.action_go("outbox")
        await ready()
        await moves("outbox")
        app.exit()

    async def run() -> None:
        await app.run_async(headless=True, size=(80, 24), auto_pilot=press)
        await device.close()

    asyncio.run(run())
    return {"ms": told}


def questions() -> Iterator[str]:
    """Sentences without end, no two alike."""
    for number in count():
        yield f"checked coupling {number}, was noisy before, oil topped up, pressure {number % 9}.2 bar afterwards"


class Writing:
    """The model answers one question after the other, until the `end`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._task = asyncio.create_task(self._write())

    def end(self) -> None:
        """That is enough. Raises `RuntimeError` if it was not written all the time."""
        if self._task.done():
            raise RuntimeError(f"while keys were pressed the model did not write: {self._task.exception()}")
        self._task.cancel()

    async def _write(self) -> None:
        for words in questions():
            await beside(partial(self._device.workbench.propose, words, "work_order/WO-00003"))


if __name__ == "__main__":
    folder, presses, writer = sys.argv[1:]
    tell(keys(Path(folder), int(presses), writer))
