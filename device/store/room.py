"""Room in the outbox's log, so that no confirmation waits for a file to grow (`shared.log_room`).

Where there is no room, nothing is said: saving works as before, and says itself when the disk is full.
"""

import os
from contextlib import suppress
from pathlib import Path

from shared import log_room

#: What the log grows to before its pages are carried over. Source: SQLite, PRAGMA wal_autocheckpoint.
LOG_BYTES = log_room.bytes_of(1000)


def lengthen(log: Path, size: int = LOG_BYTES) -> None:
    """Make the file `log` `size` bytes long, on the disk, if it is shorter; do nothing if it is not there."""
    with suppress(OSError), log.open("r+b", buffering=0) as file:
        log_room.lengthen(file, size, os.fsync)
