"""Programs that die at a named point, as by kill −9 or a power cut. Run as a child process by `test_kill_files`;
the campaign around each commit is `simulators.kill`.

Production code has no switch for this; the point is patched in here, in the child alone.

    python -m tests.integration.doomed file-server POINT HOME
    python -m tests.integration.doomed file-device POINT HOME
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOB, PIN = "work_order/WO-1", "2468"


def die(*_: Any, **__: Any) -> None:
    """Now, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Die when `owner.name` is called."""
    setattr(owner, name, die)


def after(owner: Any, name: str) -> None:
    """Die when `owner.name` has returned."""
    inner: Callable[..., Any] = getattr(owner, name)

    def then_die(*args: Any, **kwargs: Any) -> Any:
        inner(*args, **kwargs)
        die()

    setattr(owner, name, then_die)


def file_server(point: str, home: str) -> None:
    """A server that dies on the way of a file's last piece."""
    from sync_server.attachments import Attachments
    from sync_server.blob_files import BlobFiles
    from sync_server.cli import main
    from sync_server.service import Service

    points: dict[str, Callable[[], None]] = {
        "before-write": lambda: before(BlobFiles, "write"),
        "after-write": lambda: after(BlobFiles, "write"),
        "before-rename": lambda: before(BlobFiles, "_name"),
        "after-rename": lambda: after(BlobFiles, "_name"),
        "before-commit": lambda: after(Service, "bytes_arrived"),
        "before-reply": lambda: after(Attachments, "_complete"),
    }
    points[point]()
    main(["serve", "--home", home, "--port", "0", "--json"])


def file_device(point: str, home: str) -> None:
    """A device that attaches a file, says the command's id after that returned, sends it, and dies at the point."""
    from device import bootstrap
    from device.attachments import Attachments
    from device.settings import Settings
    from shared.ports import system_ports

    opened = bootstrap.open_device(Settings(Path(home)), PIN, system_ports())
    if point == "inside-attach":
        after(Attachments, "add")
    (command,) = opened.workbench.attach(JOB, Path(home) / "photo.jpg")
    print(command.id, flush=True)
    points: dict[str, Callable[[], None]] = {
        "after-attach": die,
        "after-a-piece": lambda: after(Attachments, "mark_sent"),
        "before-marking": lambda: before(Attachments, "mark_up"),
        "after-marking": lambda: after(Attachments, "mark_up"),
    }
    points[point]()
    asyncio.run(opened.agent.settle())


if __name__ == "__main__":
    sides = {"file-server": file_server, "file-device": file_device}
    sides[sys.argv[1]](sys.argv[2], sys.argv[3])
