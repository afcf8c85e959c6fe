"""What leaves a real laptop's process, counted at the socket: every byte of it passes a relay that counts."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from simulators import processes

SENSITIVE = ("Ms Harrington was injured at the pump, what now?", "the password is hunter2-Xk9f-22b, may I note it?")
DOCUMENT = "The pump ran at 4.2 bar for three weeks. " * 12


class Relay:
    """A way to `port` that counts connections, and the bytes that went up and down."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = self.up = self.down = 0
        self._counting = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # whoever accepts hears of it
        self._listener.close()

    def counts(self) -> tuple[int, int, int]:
        with self._counting:
            return self.connections, self.up, self.down

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with self._counting:
                    self.connections += 1
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._to)) as far:
            back = threading.Thread(target=self._pump, args=(far, near, 0, 1), daemon=True)
            back.start()
            self._pump(near, far, 1, 0)
            back.join(30)

    def _pump(self, one: socket.socket, other: socket.socket, up: int, down: int) -> None:
        with suppress(OSError):
            while part := one.recv(65536):
                with self._counting:
                    self.up, self.down = self.up + len(part) * up, self.down + len(part) * down
                other.sendall(part)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, list[str]]]:
    """The relay before a server process, and the words that every call of an enrolled laptop ends with."""
    home, folder = tmp_path_factory.mktemp("office"), tmp_path_factory.mktemp("laptop")
    processes.administer(home, "init", "--tenant", "t", "--name", "T")
    processes.administer(home, "sample", "load")
    with processes.running_server(home) as server:
        way = Relay(int(server.url.rpartition(":")[2]))
        (folder / "pin").write_text("2468\n")
        where = ["--home", str(folder / "home"), "--pin-file", str(folder / "pin"), "--json"]
        code = processes.administer(home, "enrol-code", "a.okafor")["code"]
        told(["enrol", way.url, code, *where])
        told(["sync", *where])
        yield way, where
        way.close()


def told(words: list[str], code: int = 0) -> dict[str, Any]:
    """What a call of the laptop's program says; there is no model on it."""
    environment = {**os.environ, "TAILBOARD_MODEL": "none"}
    command = [sys.executable, "-m", "device.cli", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL, env=environment
    )
    assert done.returncode == code, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("words", SENSITIVE)
def test_not_one_byte_passes_the_socket_for_a_sensitive_question(relay: tuple[Relay, list[str]], words: str) -> None:
    way, where = relay
    before = way.counts()
    said = told(["ask", words, "--job", "WO-1042", *where], code=1)
    assert (said["outcome"], said["badge"]) == ("refused", "NOWHERE")
    assert way.counts() == before


def test_what_may_leave_is_seen_by_that_count(relay: tuple[Relay, list[str]]) -> None:
    way, where = relay
    before = way.counts()
    told(["ask", DOCUMENT, "--purpose", "summarise", "--job", "WO-1043", *where])
    assert all(now > then for now, then in zip(way.counts(), before, strict=True)), "it asked what the cluster can do"
