"""Where a program dies, as by kill −9 or a power cut. Production code has no switch for this.

Rules
1. A point is patched in by `arm`, in a child process alone, and is reached by what the program does next.
2. The names of the product's own code that this leans on stand in one table; a point that is never reached is an
   error of the campaign, so a name that moved cannot pass for a success.
3. Dying is SIGKILL to oneself: no handler, no flush, no goodbye. A power cut kills both sides at once.

Commits and statements are watched where they are made, on the server by the database library, so they are the real
ones.
"""

import os
import signal
from asyncio import selector_events
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from device.store import DeviceStore
from sync_server import commands
from sync_server.batch import Batch

Act = Callable[[], None]
Name = tuple[Any, str]

#: What the product calls the moments that a point is counted from.
SERVER_RECEIVES: Name = (Batch, "receive")
SERVER_WRITES: Name = (Batch, "flush")
DEVICE_APPENDS: Name = (DeviceStore, "append")
DEVICE_MARKS_SENT: Name = (DeviceStore, "mark_sent")
DEVICE_SETTLES: Name = (DeviceStore, "mark_settled")
DEVICE_TAKES_CHANGES: Name = (DeviceStore, "absorb_page")
#: Where the device itself begins and ends its transactions.
DEVICE_COMMITS: Name = (DeviceStore, "_commit")
#: The first statement behind "after the records" on the server.
LEDGER_STATEMENT = "INSERT INTO ledger"
#: What the libraries call theirs.
COMMITS: Name = (DefaultDialect, "do_commit")
BYTES_LEAVE_DEVICE: Name = (httpx.AsyncHTTPTransport, "handle_async_request")
#: Private, but the only place where half of a reply can leave.
BYTES_LEAVE_SERVER: Name = (getattr(selector_events, "_SelectorSocketTransport"), "write")  # noqa: B009


#: Which loop the server runs on: where half of a reply is to leave it is Python's own, for no other can be watched.
SERVER_LOOP: Name = (commands, "_loop_factory")


@dataclass(frozen=True, slots=True)
class Point:
    """A place to die.

    Args:
        name: what it is called on the command line and in the table.
        side: whose code reaches it, ``server`` or ``device``.
        words: where it is.
        lay: patches it in, given what to do there.
        both: whether the other side dies in the same moment.
        confirming: whether it lies inside confirming, so that the last act was never called saved.
    """

    name: str
    side: str
    words: str
    lay: Callable[[Act], None]
    both: bool = False
    confirming: bool = False


def arm(point: Point) -> None:
    """Patch `point` into this process, which is the leader or a member of the group that a power cut ends."""
    point.lay(die_together if point.both else die)


def die() -> None:
    """This process, now, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_together() -> None:
    """Server and device in one moment."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


# -- patches: each does `act` at one kind of moment


def when_called(name: Name, act: Act) -> None:
    """Before a method does anything."""
    owner, method = name
    inner = getattr(owner, method)

    def outer(*args: Any, **kwargs: Any) -> Any:
        act()
        return inner(*args, **kwargs)

    setattr(owner, method, outer)


def when_returned(name: Name, act: Act) -> None:
    """After a method has returned."""
    owner, method = name
    inner = getattr(owner, method)

    def outer(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        act()
        return result

    setattr(owner, method, outer)


def when_answered(act: Act) -> None:
    """After a whole reply has reached the device, before anybody has looked at it."""
    owner, method = BYTES_LEAVE_DEVICE
    inner = getattr(owner, method)

    async def outer(*args: Any, **kwargs: Any) -> Any:
        response = await inner(*args, **kwargs)
        await response.aread()
        act()
        return response

    setattr(owner, method, outer)


def when_half_written(act: Act) -> None:
    """After half of the next piece of a reply's body has left; its head leaves whole."""
    owner, method = BYTES_LEAVE_SERVER
    inner = getattr(owner, method)

    def outer(self: Any, data: bytes) -> None:
        head, found, body = bytes(data).partition(b"\r\n\r\n") if data[:5] == b"HTTP/" else (b"", b"", bytes(data))
        if not body:
            inner(self, data)
            return
        inner(self, head + found + body[: len(body) // 2])
        act()

    setattr(owner, method, outer)


def _at_statement(words: str, after: Name) -> Callable[[Act], None]:
    """Before the first statement with `words` in it once `after` has returned."""

    def lay(act: Act) -> None:
        lit = _Light(after)

        @event.listens_for(Engine, "before_cursor_execute")
        def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if lit.on and words in statement:
                act()

    return lay


class _Light:
    """Goes on when a method has returned."""

    def __init__(self, name: Name) -> None:
        self.on = False
        when_returned(name, self._go_on)

    def _go_on(self) -> None:
        self.on = True


def _at_call(name: Name, after: Name) -> Callable[[Act], None]:
    def lay(act: Act) -> None:
        lit = _Light(after)
        when_called(name, lambda: act() if lit.on else None)

    return lay


def _after_commit(after: Name, commits: Name = COMMITS) -> Callable[[Act], None]:
    def lay(act: Act) -> None:
        lit = _Light(after)
        when_returned(commits, lambda: act() if lit.on else None)

    return lay


def _in_the_reply(act: Act) -> None:
    setattr(*SERVER_LOOP, lambda: None)
    _after_commit(SERVER_RECEIVES)(lambda: when_half_written(act))


def _with_the_reply(act: Act) -> None:
    lit = _Light(DEVICE_MARKS_SENT)
    when_answered(lambda: act() if lit.on else None)


_before_flush = _at_call(SERVER_WRITES, after=SERVER_RECEIVES)
_between_writes = _at_statement(LEDGER_STATEMENT, after=SERVER_RECEIVES)
_before_server_commit = _at_call(COMMITS, after=SERVER_RECEIVES)
_after_server_commit = _after_commit(SERVER_RECEIVES)
_mid_taking = _at_call(DEVICE_TAKES_CHANGES, after=DEVICE_SETTLES)

POINTS: tuple[Point, ...] = (
    Point("server-before-flush", "server", "decided, before anything is written", _before_flush),
    Point("server-between-writes", "server", "after the records, before the ledger", _between_writes),
    Point("server-before-commit", "server", "everything written, before COMMIT", _before_server_commit),
    Point("server-after-commit", "server", "after COMMIT, before the reply leaves", _after_server_commit),
    Point("server-mid-reply", "server", "with half of the reply on the wire", _in_the_reply),
    Point(
        "device-before-commit",
        "device",
        "inside confirm, before COMMIT",
        _at_call(DEVICE_COMMITS, after=DEVICE_APPENDS),
        confirming=True,
    ),
    Point(
        "device-after-commit",
        "device",
        "inside confirm, after COMMIT, before it says so",
        _after_commit(DEVICE_APPENDS, DEVICE_COMMITS),
        confirming=True,
    ),
    Point(
        "device-before-sending",
        "device",
        "marked as sent, before the first byte",
        _at_call(BYTES_LEAVE_DEVICE, after=DEVICE_MARKS_SENT),
    ),
    Point("device-after-reply", "device", "the reply is here, nothing is taken", _with_the_reply),
    Point("device-mid-taking", "device", "between outcomes and changes", _mid_taking),
    Point(
        "device-before-taking",
        "device",
        "all of it taken, before COMMIT",
        _at_call(DEVICE_COMMITS, after=DEVICE_SETTLES),
    ),
    Point(
        "device-after-taking", "device", "after the COMMIT of taking", _after_commit(DEVICE_SETTLES, DEVICE_COMMITS)
    ),
    Point("both-before-commit", "server", "power cut before the server's COMMIT", _before_server_commit, both=True),
    Point("both-after-commit", "server", "power cut after the server's COMMIT", _after_server_commit, both=True),
    Point("both-mid-reply", "server", "power cut in the middle of the reply", _in_the_reply, both=True),
    Point("both-mid-taking", "device", "power cut between outcomes and changes", _mid_taking, both=True),
)
BY_NAME = {point.name: point for point in POINTS}
