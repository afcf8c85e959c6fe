"""The server's socket."""

import socket

from sync_server.commands import _listen


def test_what_is_written_to_a_laptop_leaves_at_once() -> None:
    """An answer leaves in two writes; held back until the first is acknowledged, the second would take 40 ms more."""
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
