"""Child processes in milliseconds: a program that has imported everything, and forks on demand.

Starting Python and importing both sides takes longer than a whole round, so it is done once. The nursery itself runs
no thread and opens no database: what it forks is as fresh as a program just started.

The parent writes one JSON object a line: `{"do": NAME, "with": {...}}` begins a child, `{"wait": PID}` asks how one
ended. What comes back, one a line: `{"pid": …, "born": true}`, `{"pid": …, "line": …}` for what a child printed, and
`{"pid": …, "status": …}`, negative for a signal. When the parent closes the pipe, every child dies.
"""

import gc
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from simulators.kill.doomed import PROGRAMS, WARM


class ChildFailed(OSError):
    """A child did not do what it was made for; the message says where its log is."""


class Child:
    """A process of the nursery, as its parent sees it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self.lines: deque[str] = deque()
        self.status: int | None = None

    def line(self) -> str:
        """The next line that it prints."""
        return self._nursery.line(self)

    def wait(self) -> int:
        """Its exit status once it has ended; negative for a signal."""
        return self._nursery.wait(self)

    def kill(self) -> None:
        """End it, if it has not ended, by SIGKILL."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class Nursery:
    """The parent's side. Use it in a `with` block."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._children: dict[int, Child] = {}

    def __enter__(self) -> "Nursery":
        command = [sys.executable, "-m", "simulators.kill.nursery"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def begin(self, program: str, **arguments: Any) -> Child:
        """A child that runs `simulators.kill.doomed.PROGRAMS[program]`."""
        self._tell({"do": program, "with": arguments})
        told = self._next()
        while "born" not in told:
            told = self._next()
        return self._children[told["pid"]]

    def line(self, child: Child) -> str:
        """The next line of `child`."""
        while not child.lines:
            self._next()
        return child.lines.popleft()

    def wait(self, child: Child) -> int:
        """How `child` ended."""
        if child.status is None:
            self._tell({"wait": child.pid})
        while child.status is None:
            self._next()
        return child.status

    def _tell(self, what: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None, "asked for a pipe"
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None, "asked for a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise ChildFailed(f"the child processes are gone; see {self.log}")
        told: dict[str, Any] = json.loads(line)
        child = self._children.setdefault(told["pid"], Child(self, told["pid"]))
        if "line" in told:
            child.lines.append(told["line"])
        child.status = told.get("status", child.status)
        return told


# -- the other side


class _Said(io.TextIOBase):
    """Standard output of a child: whole lines, each with its process id, each in one write."""

    def __init__(self) -> None:
        self._kept = ""

    def write(self, text: str, /) -> int:
        """Keep `text` until its line is whole."""
        *lines, self._kept = (self._kept + text).split("\n")
        for line in lines:
            _put({"pid": os.getpid(), "line": line})
        return len(text)


def _put(what: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Fork on demand until the parent is gone."""
    alive: set[int] = set()
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # what is here stays: a child that walked over it would copy every page of it
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            alive.discard(asked["wait"])
            _put({"pid": asked["wait"], "status": os.waitstatus_to_exitcode(status)})
        elif pid := os.fork():
            alive.add(pid)
            _put({"pid": pid, "born": True})
        else:
            _live(PROGRAMS[asked["do"]], asked["with"])
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _live(program: Callable[..., None], arguments: Mapping[str, Any]) -> None:
    """The whole life of a child: it never returns to the loop of the nursery."""
    sys.stdin = open(os.devnull)  # noqa: SIM115 - as long as the process
    sys.stdout = _Said()
    status = 3
    try:
        program(**arguments)
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    except BaseException:  # noqa: BLE001 - the log is all that is left of a child
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
