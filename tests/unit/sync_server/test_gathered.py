"""What is written in one turn of the loop leaves in one piece, and nothing is left behind."""

import asyncio
from typing import Any, cast

from sync_server.api.gathered import Gathering


class Socket:
    """What was done to it, in order."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")
        self.closing = True

    def abort(self) -> None:
        self.done.append("abort")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


def gathering() -> tuple[Gathering, Socket]:
    socket = Socket()
    return Gathering(cast(asyncio.Transport, socket), asyncio.get_running_loop()), socket


async def turn() -> None:
    await asyncio.sleep(0)


async def test_a_head_and_its_body_leave_together_and_what_comes_later_alone() -> None:
    gathered, socket = gathering()
    for part in (b"head", b"body"):
        gathered.write(part)
    assert socket.done == []
    await turn()
    gathered.write(b"more")
    await turn()
    assert socket.done == [b"headbody", b"more"]


async def test_who_closes_sends_what_was_written_first_and_only_once() -> None:
    gathered, socket = gathering()
    gathered.write(b"last")
    gathered.close()
    await turn()
    assert socket.done == [b"last", "close"]


async def test_who_hangs_up_at_once_sends_nothing_more() -> None:
    gathered, socket = gathering()
    gathered.write(b"never")
    gathered.abort()
    await turn()
    assert socket.done == ["abort"]


async def test_nothing_is_sent_to_a_connection_that_ended_meanwhile() -> None:
    gathered, socket = gathering()
    gathered.write(b"never")
    socket.closing = True
    await turn()
    assert socket.done == []


async def test_everything_else_is_the_connection_itself() -> None:
    gathered, socket = gathering()
    assert gathered.is_closing() is socket.closing
