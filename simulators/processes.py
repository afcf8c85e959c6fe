"""Real programs as child processes: the server, and the administrator's command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def server(home: Path) -> Iterator[str]:
    """A `tailboard-server serve` on a free loopback port while the block runs; its URL. Its log is in `home`.

    Raises:
        ProcessFailed: it did not start.
    """
    command = [sys.executable, "-m", "sync_server.cli", "serve", "--home", str(home), "--port", "0", "--json"]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None, "asked for a pipe"
        try:
            line = process.stdout.readline()
            if not line:
                raise ProcessFailed(f"the server did not start; see {home / 'server.log'}")
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
