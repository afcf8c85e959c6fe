"""The processes of a rig: begun, spoken to, stopped, killed, and never left behind.

Rules
1. Every process leads a group of its own, so that Ctrl-C is for the rig alone; the guard knows each of them.
2. A person who asks a laptop that dies before it answers hears nothing, and knows no more than that.
3. A process that ends without having been told to is an error of its program.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from simulators.rig.guard import Guard

LINE_BYTES_MAX = 16 << 20
GONE_S = 0.01
Heard = dict[str, Any]


class ChildFailed(OSError):
    """A process did not do what it was started for; the message has its last words."""


def last_words(log: Path) -> str:
    """The last line of a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


class Child:
    """A process that says one JSON object a line. `pid` is that of its group as well."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", guard: Guard) -> None:
        self.name, self.pid = name, process.pid
        self._process, self._guard = process, guard
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._over = asyncio.Event()
        #: Whether it was told to end.
        self.ending = False
        #: How often it said that its disk or database failed it.
        self.troubles = 0
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    def begin(
        cls, name: str, command: Sequence[str], guard: Guard, log: Path, handles: Sequence[int] = ()
    ) -> "Child":
        """Start ``python COMMAND``; `handles` are open files that it inherits.

        In one go, so that nothing comes between its birth and the guard's hearing of it.
        """
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
                pass_fds=tuple(handles),
            )
        guard.watch(process.pid)
        return cls(name, process, guard)

    @property
    def up(self) -> bool:
        """Whether it has not ended."""
        return not self._over.is_set()

    async def _hear(self) -> None:
        loop, lines = asyncio.get_running_loop(), asyncio.StreamReader(limit=LINE_BYTES_MAX)
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), self._process.stdout)
        while (line := await lines.readline()).endswith(b"\n"):
            told = json.loads(line)
            if "trouble" in told:
                self.troubles += 1
            else:
                self._heard.put_nowait(told)
        pipe.close()
        while self._process.poll() is None:  # noqa: ASYNC110  # its output has ended, and so will it in a moment
            await asyncio.sleep(GONE_S)
        self._guard.forget(self.pid)
        self._over.set()
        self._heard.put_nowait(None)

    async def line(self) -> Heard | None:
        """What it says next; None if it ends first."""
        return await self._heard.get() if self.up or not self._heard.empty() else None

    async def ask(self, what: Heard) -> Heard | None:
        """Say something to it; its answer, None if it ends first."""
        assert self._process.stdin is not None, "asked for a pipe"
        with suppress(OSError):
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()
        return await self.line()

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to all of its group; whether there was anybody."""
        if not self.up:
            return False
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)
            return True
        return False

    async def kill(self) -> None:
        """End it by SIGKILL, if it has not ended."""
        self.ending = True
        self.send(signal.SIGKILL)
        await self.ended()

    async def put_away(self) -> int:
        """Let it come to its own end: nobody types any more, and it is asked to; its status."""
        self.ending = True
        assert self._process.stdin is not None, "asked for a pipe"
        self._process.stdin.close()
        self.send(signal.SIGCONT)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; its status, negative for a signal."""
        await self._over.wait()
        status = self._process.poll()
        assert status is not None, "it is over"
        return status
