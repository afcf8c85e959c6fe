"""Real programs as child processes: the server, and the administrator's command line."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ProcessFailed(OSError):
    """A child said no or died; the message carries its own words."""


def administer(home: Path, *words: str) -> dict[str, Any]:
    """Run `tailboard-server WORDS --home HOME --json`; its report.

    Raises:
        ProcessFailed: it exited with anything but 0.
    """
    command = [sys.executable, "-m", "sync_server.cli", *words, "--home", str(home), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise ProcessFailed(f"tailboard-server {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@dataclass(frozen=True, slots=True)
class Running:
    """A server process: where it listens, and which process it is."""

    url: str
    pid: int


@contextmanager
def server(home: Path) -> Iterator[str]:
    """A `tailboard-server serve` on a free loopback port while the block runs; its URL."""
    with running_server(home) as running:
        yield running.url


@contextmanager
def running_server(home: Path, database: str | None = None, cluster: str | None = None) -> Iterator[Running]:
    """A `tailboard-server serve` on a free loopback port while the block runs. Its log is in `home`.

    Raises:
        ProcessFailed: it did not start.
    """
    command = [sys.executable, "-m", "sync_server.cli", "serve", "--home", str(home), "--port", "0", "--json"]
    command += ["--database", database] if database else []
    command += ["--cluster", cluster] if cluster else []
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None, "asked for a pipe"
        try:
            line = process.stdout.readline()
            if not line:
                raise ProcessFailed(f"the server did not start; see {home / 'server.log'}")
            yield Running(json.loads(line)["url"], process.pid)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def resident_mb(pid: int) -> float:
    """The memory of a process that is in the machine now, in MiB. Raises `OSError` where `ps` is not there."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(told.stdout) / 1024


def plant(fault: str) -> None:
    """Spoil the program of this process on purpose: call ``module:function``, which changes what it likes."""
    module, _, name = fault.partition(":")
    getattr(importlib.import_module(module), name)()
