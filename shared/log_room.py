"""Room in the log of a database, taken before somebody waits for it.

A log that grows makes the disk write down, at each commit, that the file is longer now and where its new pieces are;
one that is overwritten does not. SQLite begins again at the log's start when all of it is carried over, but it drops
the log with the last connection, so that everything after a start would be committed in a growing one.

Rules
1. Only nothing is written, and only behind everything that SQLite wrote: what is there is never touched, and a log of
   zeros says nothing. Source: SQLite, "WAL-mode file format" (a frame counts if its salts and checksums fit).
2. The caller holds the write lock, so that nobody else lengthens or begins the log meanwhile.
3. Where there is no room, the log is left as it was.
"""

from collections.abc import Callable
from io import RawIOBase

#: What stands before all pages of a log, and what each of them takes. Source: SQLite, "WAL-mode file format".
_HEADER_BYTES, _PAGE_BYTES = 32, 24 + 4096
#: A piece of it. Tens of megabytes at once would tell the allocator to give large pieces back late, ever after.
_NOTHING = bytes(64 << 10)


def bytes_of(pages: int) -> int:
    """How long a log of so many pages is, of 4 KiB each."""
    return _HEADER_BYTES + pages * _PAGE_BYTES


def lengthen(log: RawIOBase, size: int, to_disk: Callable[[int], object]) -> None:
    """Make `log` `size` bytes long, on the disk, if it is shorter. `to_disk` writes a descriptor's file down.

    Raises:
        OSError: there is no room.
    """
    here = log.seek(0, 2)
    if here >= size:
        return
    try:
        for at in range(here, size, len(_NOTHING)):  # no hole: blocks still to be found make the file grow again
            log.write(_NOTHING[: size - at])
        to_disk(log.fileno())
    except OSError:
        log.truncate(here)
        raise
