"""Work that must not hold up the screen.

Rules
1. Everything that touches the workbench goes through one `Desk`, one call after the other, so that no reader meets a
   half-made change and a busy disk never freezes a key press.
2. A model is loaded and asked `beside` it all, on a thread of its own that the end of the program does not wait for.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Desk:
    """One clerk who takes calls in the order in which they come."""

    def __init__(self) -> None:
        self._clerk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="workbench")

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, worked out away from the screen."""
        return await asyncio.get_running_loop().run_in_executor(self._clerk, work)

    def close(self) -> None:
        """Finish what is begun and take nothing more."""
        self._clerk.shutdown(wait=True)


def beside(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `work` on a thread of its own. Whoever stops waiting does not stop the work; its result is dropped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001  # it is raised again where somebody waits
            error = caught
        with suppress(RuntimeError):  # the loop is gone, and with it whoever asked
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, daemon=True, name="model").start()
    return future
