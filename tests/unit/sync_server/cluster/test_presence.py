"""Whoever hangs up ends the work, and whoever was watched leaves nothing for the collector."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from sync_server.cluster.api import Gone, Message, Presence


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def silent() -> Message:
    await asyncio.Event().wait()
    return {}


async def gone() -> Message:
    return {"type": "http.disconnect"}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def watched() -> "weakref.ref[Presence]":
    presence = Presence(silent)
    async with presence:
        await asyncio.sleep(0)
    return weakref.ref(presence)


@pytest.mark.usefixtures("uncollected")
async def test_a_request_leaves_no_ring_of_references() -> None:
    left = await watched()
    await settle()
    assert left() is None


async def test_who_hangs_up_ends_the_work() -> None:
    with pytest.raises(Gone):
        async with Presence(gone):
            await asyncio.Event().wait()


async def test_another_cancellation_is_no_hanging_up() -> None:
    async def work() -> None:
        async with Presence(silent):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
