"""A process for `test_bookmark`: somebody looks at the readings of the last job. It waits to be killed."""

import asyncio
import os
import sys
import traceback
from pathlib import Path

from device import keys as device_keys
from device.tui.screens.jobs import JobsPage
from device.tui.screens.order import OrderPage
from tests.tui.drive import sitting_at
from tests.tui.world import build


async def main(folder: Path) -> None:
    keys = device_keys.unlock(folder / "keys.json", "1234")
    async with sitting_at(build(folder, keys)) as person:
        await person.arrives(JobsPage)
        await person.press("end", "enter")
        await person.arrives(OrderPage)
        await person.press("right", "right", "down")
        await person.until(lambda: person.app.pages.bookmark.settled, "written where the person is")
        os.write(1, b"typed\n")  # an app under test keeps what is printed
        await asyncio.Event().wait()


try:
    asyncio.run(asyncio.wait_for(main(Path(sys.argv[1])), 110))
except BaseException:  # noqa: BLE001  # nobody waits for a screen that failed, whatever it still has open
    traceback.print_exc()
    os._exit(1)
