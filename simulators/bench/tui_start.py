"""A start of the technician's screen for `bench tui`, in a process of its own, through the program's own door.

Nothing is imported here that the program does not import by itself, and nothing is subtracted: what it takes until a
page stands is what this process has spent.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from device.screen_commands import door
from device.settings import Settings
from device.tui.app import TailboardApp, settled_down
from simulators.bench.tui_bare import memory_mib, tell

LOOK_S = 0.01


def start(home: Path, pin: str) -> dict[str, Any]:
    """Processor seconds until the first frame, and until the jobs are on the screen; memory then."""
    told: dict[str, Any] = {}
    app = TailboardApp(door(Settings(home), pin), carry=False, at_home=settled_down)

    def look() -> None:
        if app.entered and app.pages.home_is_read:
            told.update(shown_s=time.process_time(), mib=memory_mib())
            app.exit()
        else:
            app.set_timer(LOOK_S, look)

    def painted() -> None:
        told["cpu_s"] = time.process_time()
        look()

    async def watch(pilot: Pilot[object]) -> None:
        pilot.app.call_after_refresh(painted)

    asyncio.run(app.run_async(headless=True, size=(80, 24), auto_pilot=watch))
    return told


if __name__ == "__main__":
    tell(start(Path(sys.argv[1]), sys.argv[2]))
