import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sync_server.bootstrap import build_lifespan
from sync_server.service import Service
from sync_server.settings import Settings
from sync_server.sweeping import INTERVAL_S
from tests.served import in_place


class Sweeps:
    """A service that only counts, and fails the first time."""

    def __init__(self) -> None:
        self.count = 0

    def sweep(self) -> None:
        self.count += 1
        if self.count == 1:
            raise RuntimeError("the disk was full")


def settings(home: Path) -> Settings:
    return Settings(home, "sqlite://")


async def test_a_running_server_sweeps_at_its_interval_and_a_failure_does_not_end_it(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    service, waited = Sweeps(), list[float]()
    third = asyncio.Event()

    async def wait(seconds: float) -> None:
        if seconds != INTERVAL_S:  # the sampling waits too
            await asyncio.Event().wait()
        waited.append(seconds)
        if len(waited) == 3:
            third.set()
            await asyncio.Event().wait()

    lifespan = build_lifespan(settings(tmp_path), cast(Service, service), cast(Any, in_place), wait)
    async with lifespan(None):
        await third.wait()
    assert (service.count, waited) == (3, [INTERVAL_S] * 3)
    assert [record.message for record in caplog.records].count("the sweep failed") == 1
    assert "disk" not in caplog.text


async def test_a_server_that_stops_sweeps_no_more(tmp_path: Path) -> None:
    service = Sweeps()
    begun = asyncio.Event()

    async def wait(_: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with build_lifespan(settings(tmp_path), cast(Service, service), cast(Any, in_place), wait)(None):
        await begun.wait()
        assert len(asyncio.all_tasks()) == 3, "the sweep, the sampling, and this"
    assert len(asyncio.all_tasks()) == 1
