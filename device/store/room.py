"""Room in the database's log, taken before somebody waits for it.

A log that grows makes the disk write down, at each commit, that the file is longer now and where its new pieces are;
one that is overwritten does not. SQLite begins again at the log's start when it is some thousand pages long, but it
drops the log with the last connection, so that a working day's commands would all be saved in a growing one.

Rules
1. Only nothing is written, and only behind everything that SQLite wrote: what is there is never touched, and a log of
   zeros says nothing. Source: SQLite, "WAL-mode file format" (a frame counts if its salts and checksums fit).
2. The caller holds the write lock, so that nobody else lengthens or begins the log meanwhile.
3. Where there is no room, nothing is said: saving works as before, and says itself when the disk is full.
"""

import os
from contextlib import suppress
from pathlib import Path

#: What the log grows to before its pages are carried over: the header, and 1,000 pages, each with a header.
#: Source: SQLite, PRAGMA wal_autocheckpoint; "WAL-mode file format".
LOG_BYTES = 32 + 1000 * (24 + 4096)


def lengthen(log: Path, size: int = LOG_BYTES) -> None:
    """Make the file `log` `size` bytes long, on the disk, if it is shorter; do nothing if it is not there."""
    with suppress(OSError), log.open("r+b", buffering=0) as file:
        here = file.seek(0, os.SEEK_END)
        if here >= size:
            return
        try:
            file.write(bytes(size - here))  # not a hole: blocks that are still to be found make the file grow again
            os.fsync(file.fileno())
        except OSError:
            file.truncate(here)
            raise
