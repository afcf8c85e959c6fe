"""Ends what a rig leaves running, however the rig itself ends: Ctrl-C, a crash, kill -9.

A process of its own that does nothing but wait for the end of the pipe from the rig. Then it ends every process group
that it was told of and not told to forget, and deletes the folders that it was told of.

One JSON object a line: `{"watch": GROUP, "signal": N}`, `{"forget": GROUP}`, `{"folder": PATH}`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from simulators.rig.ground import unmount

GONE_S, GONE_TRIES = 0.05, 40


class Guard:
    """The rig's side. Use it in a `with` block, around everything that is started."""

    _database: int | None = None

    def __enter__(self) -> "Guard":
        command = [sys.executable, "-m", "simulators.rig.guard"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None, "asked for a pipe"
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def watch(self, group: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """End this process group by this signal when the rig is gone."""
        self._tell(watch=group, signal=int(with_signal))

    def watch_database(self, group: int, folder: Path) -> None:
        """End this PostgreSQL in its own way, which leaves no shared memory, and delete its folder."""
        self.watch(group, signal.SIGQUIT)
        self.clear(folder)
        self._database = group

    def forget_database(self) -> None:
        """It has ended."""
        if self._database is not None:
            self.forget(self._database)

    def forget(self, group: int) -> None:
        """It has ended, and its number may soon be somebody else's."""
        self._tell(forget=group)

    def clear(self, folder: Path) -> None:
        """Delete this folder when the rig is gone."""
        self._tell(folder=str(folder))

    def _tell(self, **what: Any) -> None:
        assert self._process.stdin is not None, "asked for a pipe"
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()


def keep(lines: Iterable[str]) -> None:
    """Listen until there is nothing more to hear; then put everything away."""
    groups: dict[int, int] = {}
    folders: list[str] = []
    for line in lines:
        match json.loads(line):
            case {"watch": int(group), "signal": int(number)}:
                groups[group] = number
            case {"forget": int(group)}:
                groups.pop(group, None)
            case {"folder": str(folder)}:
                folders.append(folder)
            case other:
                raise AssertionError(f"no word of ours: {other}")
    for group, number in groups.items():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            os.killpg(group, signal.SIGCONT)
    _wait_until_gone(groups)
    for folder in folders:
        for mounted in filter(os.path.ismount, Path(folder).glob("*")):
            unmount(mounted)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_gone(groups: Iterable[int]) -> None:
    """Until none of them is there, or for as long as anybody may take; what is dead and unburied counts as there."""
    for _ in range(GONE_TRIES):
        if not any(map(_is_there, groups)):
            return
        time.sleep(GONE_S)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    keep(sys.stdin)
