"""A process for `test_drafts`: somebody types, and nothing is confirmed. It waits to be killed.

Called with the folder of a device; prints ``typed`` when everything is where it should be.
"""

import asyncio
import os
import sys
import traceback
from pathlib import Path

from device import keys as device_keys
from device.tui.screens.dialogs import Ask, Pick
from tests.tui.drive import sitting_at
from tests.tui.routine import routine
from tests.tui.world import build


async def main(folder: Path) -> None:
    keys = device_keys.unlock(folder / "keys.json", "1234")
    async with sitting_at(build(folder, keys, records=routine())) as person:
        await person.opens_job()
        await person.press("j", "j", "space", "n")
        await person.types("seal weeping, half a sent")
        await person.press("escape", "r")
        await person.arrives(Pick)
        await person.press("enter")
        await person.arrives(Ask)
        await person.types("4.6")
        await person.until(lambda: person.app.notebook.settled, "written down")
        await person.until(lambda: person.app.pages.bookmark.settled, "written where the person is")
        os.write(1, b"typed\n")  # an app under test keeps what is printed
        await asyncio.Event().wait()


try:
    asyncio.run(asyncio.wait_for(main(Path(sys.argv[1])), 110))
except BaseException:  # noqa: BLE001  # nobody waits for a screen that failed, whatever it still has open
    traceback.print_exc()
    os._exit(1)
