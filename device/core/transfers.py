"""Which bytes of which file move next, sans-I/O.

Rules
1. Files come last: nothing moves while a command is saved or in doubt, or after a failure until a small round has
   gone through. Among files the smaller goes first.
2. The server's place is the only one that counts. It is asked for before the first byte of each life of this program,
   and again whenever an answer did not come or the place was wrong.
3. A file is up when the server says that it is complete, whatever was sent.
4. A file that the server refuses rests for a while; the others go on. So does one that it turns out to have in full,
   should a command seem to wait for it all the same.

Not handled here: bytes, clocks, sockets. The caller performs the action and reports what came of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from device.core.session import Queue
from shared.blobs import CHUNK_BYTES, RANGE_BYTES_MAX, Progress

#: How long a refused file rests before it is offered again.
REST_AFTER_REFUSAL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that the server wants and has not confirmed. `size` is in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class AskPlace:
    """Ask how far the server has got with this file."""

    sha256: str


@dataclass(frozen=True, slots=True)
class SendChunk:
    """Send `length` bytes of the file from `start` on."""

    sha256: str
    start: int
    length: int


Move = AskPlace | SendChunk


@dataclass
class Uploads:
    """The state of one life of the program; what must survive is in the database and at the server."""

    places: dict[str, int] = field(default_factory=dict)
    resting: dict[str, datetime] = field(default_factory=dict)

    def next_move(self, now: datetime, waiting: Sequence[Waiting]) -> Move | None:
        """What to do at `now` for the files `waiting`; None if nothing can be done."""
        ready = [each for each in waiting if not self._rests(each.sha256, now)]
        if not ready:
            return None
        this = min(ready, key=lambda each: (each.size, each.sha256))
        place = self.places.get(this.sha256)
        if place is None or place >= this.size:
            return AskPlace(this.sha256)
        return SendChunk(this.sha256, place, min(CHUNK_BYTES, this.size - place))

    def told(self, sha256: str, progress: Progress, now: datetime) -> None:
        """The server said how far it has got."""
        only_asked = sha256 not in self.places
        self.places[sha256] = progress.offset
        if progress.complete:
            self.lost(sha256)
            if only_asked:
                self.resting[sha256] = now + REST_AFTER_REFUSAL

    def lost(self, sha256: str) -> None:
        """No answer, or a wrong place: how far the server has got is not known any more."""
        self.places.pop(sha256, None)

    def refused(self, sha256: str, now: datetime) -> None:
        """The server does not take this file now."""
        self.lost(sha256)
        self.resting[sha256] = now + REST_AFTER_REFUSAL

    def _rests(self, sha256: str, now: datetime) -> bool:
        # a clock that was set back must not keep a file here for ever
        until = self.resting.get(sha256)
        return until is not None and now < until <= now + REST_AFTER_REFUSAL


def may_move(queue: Queue, *, online: bool, failures: int) -> bool:
    """Whether it is the files' turn: nothing smaller waits, and the last small round went through."""
    return online and not failures and not queue.saved and not queue.in_doubt


def next_range(size: int, here: int) -> tuple[int, int] | None:
    """First byte and length of the next piece to fetch of a file of which `here` bytes arrived; None if it is all."""
    return (here, min(RANGE_BYTES_MAX, size - here)) if here < size else None
