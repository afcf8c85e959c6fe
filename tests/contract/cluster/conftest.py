"""What the gateway's tests share."""

import socket
from typing import Any

import pytest

from tests.contract.cluster.pair import pair  # noqa: F401  # a fixture
from tests.contract.conftest import *  # noqa: F403


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Any socket that would connect fails the test, and is listed."""
    tried: list[Any] = []

    def refuse(_socket: socket.socket, address: Any) -> None:
        tried.append(address)
        pytest.fail(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket.socket, "sendto", refuse)
    return tried
