"""A process for `test_opening`: the screen up to its first frame, and what is loaded by then."""

import asyncio
import json
import os
import sys
import threading
from typing import Any

import device.screen_commands  # as the program loads it  # noqa: F401
from device.tui.app import TailboardApp
from device.tui.door import Door


def main() -> None:
    told: dict[str, Any] = {}

    def prepare() -> None:
        """The first thing that is done behind the first frame: what stands now is that frame."""
        strips = app.screen._compositor.render_strips()
        told.update(modules=sorted(sys.modules), text="\n".join(strip.text for strip in strips))
        app.call_from_thread(app.exit)
        threading.Event().wait()

    def never(_: str) -> Any:
        raise AssertionError("nothing opens here")

    app = TailboardApp(Door(prepare, never, "1234"), carry=False)
    asyncio.run(app.run_async(headless=True, size=(80, 24)))
    print(json.dumps(told), flush=True)
    os._exit(0)


main()
