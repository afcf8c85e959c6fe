"""The model's process is kept alive whatever becomes of it, also if it dies before it was told anything."""

import asyncio
from pathlib import Path

import pytest

from shared.ports import system_ports
from sync_server.cluster.embedded import Child, Embedded


class DiedAlready:
    """A process that was dead before its key could be written: what asyncio and uvloop make of that."""

    returncode = -9

    def __init__(self, error: Exception) -> None:
        self.stdin, self._error = self, error

    def write(self, _key: bytes) -> None:
        raise self._error

    def close(self) -> None:
        """Nothing is left to close."""

    async def wait(self) -> int:
        return self.returncode


class Enough(Exception):
    """The test has seen what it wanted."""


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), RuntimeError("the handler is closed")], ids=["asyncio", "uvloop"]
)
async def test_a_process_that_died_at_once_is_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    async def begin(*_command: str, **_pipes: object) -> DiedAlready:
        return DiedAlready(error)

    async def wait(_seconds: float) -> None:
        if kept.starts == 3:
            raise Enough

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    kept = Embedded(Child(tmp_path / "m.gguf", "m", 1, 512, "key"), system_ports())
    told: list[str] = []
    kept.started = told.append
    with pytest.raises(Enough):
        await kept.run(wait)
    assert (kept.starts, told) == (3, ["embedded"] * 3)
