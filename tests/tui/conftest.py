"""Keys made once, worlds made for each test, and local time fixed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device import keys as device_keys
from device.keys import DeviceKeys
from shared.ports import SystemRandomness
from tests.tui.world import World, build

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DeviceKeys:
    return device_keys.make(tmp_path_factory.mktemp("keys") / "keys.json", "1234", SystemRandomness())


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def make_world(tmp_path: Path, keys: DeviceKeys) -> Iterator[MakeWorld]:
    made: list[World] = []

    def make(**how: Any) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(build(folder, keys, **how))
        return made[-1]

    yield make
    for world in made:
        if world.model:
            world.model.gate.set()
        world.device.store.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Offline, with a model, and the sample on the device."""
    return make_world()
