"""A process for `test_opening`: the screen until the jobs are there, over a device that lies at home in a folder."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from device.screen_commands import door
from device.settings import NO_MODEL, Settings
from device.tui.app import TailboardApp


def main(home: Path) -> None:
    told: dict[str, Any] = {}
    app = TailboardApp(door(Settings(home, NO_MODEL), "1234"), carry=False)

    async def look(pilot: Pilot[object]) -> None:
        for _ in range(20_000):
            if app.entered and app.pages.home_is_read:
                break
            await asyncio.sleep(0.005)
        assert pilot.app is app
        strips = app.screen._compositor.render_strips()
        told.update(modules=sorted(sys.modules), text="\n".join(strip.text for strip in strips))
        app.exit()

    asyncio.run(asyncio.wait_for(app.run_async(headless=True, size=(80, 24), auto_pilot=look), 100))
    print(json.dumps(told), flush=True)
    os._exit(0)


main(Path(sys.argv[1]))
