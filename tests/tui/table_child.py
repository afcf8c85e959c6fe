"""A process for `test_drafts`: proposals lie on the table, one of them edited. It waits to be killed."""

import asyncio
import sys
from pathlib import Path

from device import keys as device_keys
from tests.tui.drive import sitting_at
from tests.tui.routine import routine
from tests.tui.world import build


async def main(folder: Path) -> None:
    keys = device_keys.unlock(folder / "keys.json", "1234")
    async with sitting_at(build(folder, keys, records=routine())) as person:
        await person.says()
        await person.can_confirm()
        await person.press("j", "space")
        await person.can_confirm()
        await person.until(lambda: person.app.notebook.settled, "written down")
        print("typed", flush=True)
        await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
