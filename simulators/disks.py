"""A disk that fails, seen by the very SQLite that the stores use.

SQLite does its file work through a table of functions (a *VFS*), and every open file carries another. We register a
VFS that is SQLite's own but for opening, deleting and sleeping; a file below a simulated disk gets a copy of its
function table in which writing, truncating, syncing and taking the write lock pass through here first. Everything
else stays the original C. This works in the interpreter's SQLite and in SQLCipher's alike, at run time, without a
compiler.

Rules
1. A write is durable when the file was synced after it; until then a power cut may lose it, in any selection, and may
   tear one at a sector's edge. What was synced is never lost.
2. A crash never touches the files of the one who crashed: the next incarnation gets a copy as they were at that
   moment (`Disk.survivors`), and whatever the dead still do to theirs is never read.
3. Waiting for a lock takes no real time.

Not modelled: a rename or a deletion that a power cut undoes; damage to what was synced; files other than SQLite's
(the product syncs those before it names them, and a copy keeps them whole).

Source: docs/adr/0020-a-seeded-loop-of-our-own.md; SQLite, "The OS backend (VFS)".
"""

import atexit
import ctypes
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from simulators.faults import Chaos

SECTOR = 512
OK, BUSY, IOERR, FULL = 0, 5, 10, 13
IOERR_WRITE, IOERR_FSYNC = IOERR | 3 << 8, IOERR | 4 << 8
_LIBRARIES = ("_sqlite3", "sqlcipher3._sqlite3")
_SHM_LOCK_EXCLUSIVE = 2 | 8  # SQLITE_SHM_LOCK, SQLITE_SHM_EXCLUSIVE
_WAL_WRITE_LOCK = 0


class Unsupported(Exception):
    """This Python's SQLite cannot be reached: its symbols are hidden."""


class _Change(NamedTuple):
    """One write that is not synced: `old` are the bytes that it covers, of a file that had `size` bytes."""

    at: int
    old: bytes
    new: bytes
    size: int


@dataclass
class File:
    """One database file, log or journal: its size, and what a power cut may take from it."""

    path: str
    size: int = 0
    unsynced: list[_Change] = field(default_factory=list)


class Disk:
    """The disk of one host: everything below one folder."""

    def __init__(self, root: Path, name: str, chaos: Chaos) -> None:
        """`root` is absolute; `name` is the host's; `chaos` decides what goes wrong and what a power cut takes."""
        self.root, self.name = root, name
        self._chaos = chaos
        self.files: dict[str, File] = {}
        #: While set, nothing that needs more room can be written.
        self.full = False
        #: Called before every write with its kind; True means that the host has just crashed in it.
        self.on_write: Callable[[], bool] = _no_crash
        #: Called when the disk fills up by chance, to say when it is emptied.
        self.on_full: Callable[[], None] = _nothing

    def survivors(self, target: Path, *, power_cut: bool) -> None:
        """Copy into `target` what is left after a crash, or after a power cut, at this moment.

        `target` must not exist. Shared memory is not copied: no crash leaves it in a state that matters.
        """
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("*-shm"))
        if not power_cut:
            return
        for path, file in sorted(self.files.items()):
            copied = target / Path(path).relative_to(self.root)
            if file.unsynced and copied.exists():
                self._lose(copied, file)

    def _lose(self, copied: Path, file: File) -> None:
        """Take back what was not synced, then let some of it have reached the platter all the same."""
        with copied.open("r+b") as image:
            for change in reversed(file.unsynced):
                image.truncate(max(change.size, 0))
                image.seek(change.at)
                image.write(change.old)
            for change in self._kept(file.unsynced):
                image.seek(change.at)
                image.write(change.new)

    def _kept(self, changes: list[_Change]) -> list[_Change]:
        cut = self._chaos.latest()
        dice = self._chaos.apart(f"lost/{cut}") if cut else self._chaos.dice(f"lost/{self.name}")
        share = dice.choice((0.0, 0.5, 0.9))
        kept = [change for change in changes if dice.chance(share)]
        tearable = [change for change in changes if len(change.new) > SECTOR]
        if tearable and self._chaos.strikes("torn_page", cut or self.name):
            torn = dice.choice(tearable)
            length = SECTOR * (1 + dice.below(len(torn.new) // SECTOR - (len(torn.new) % SECTOR == 0)))
            kept.append(_Change(torn.at, b"", torn.new[:length], torn.size))
        return kept

    # -- what the function tables ask; the answer is a result code of SQLite

    def before_write(self, file: File, end: int) -> int:
        """A write that ends at `end`."""
        if self.on_write():
            return IOERR_WRITE
        if end <= file.size:
            return OK
        if not self.full and self._chaos.strikes("disk_full", self.name):
            self.full = True
            self.on_full()
        return FULL if self.full else OK

    def before_sync(self, _file: File) -> int:
        """A sync of one file."""
        return IOERR_FSYNC if self._chaos.strikes("fsync_error", self.name) else OK

    def before_write_lock(self) -> int:
        """Somebody wants to write."""
        return BUSY if self._chaos.strikes("locked_database", self.name) else OK


def _no_crash() -> bool:
    return False


def _nothing() -> None:
    """Nobody asked to be told."""


# ------------------------------------------------------------------------------------- SQLite's side, by its C layout

_P = ctypes.c_void_p
_XOPEN = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, _P, ctypes.c_int, _P)
_XDELETE = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int)
_XSLEEP = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)
_XREAD = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int, ctypes.c_int64)
_XCLOSE = ctypes.CFUNCTYPE(ctypes.c_int, _P)
_XTRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int64)
_XSYNC = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)
_XSIZE = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.POINTER(ctypes.c_int64))
_XSHMLOCK = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int, ctypes.c_int, ctypes.c_int)


def _struct(name: str, first: list[tuple[str, Any]], pointers: str) -> Any:
    return type(name, (ctypes.Structure,), {"_fields_": [*first, *((each, _P) for each in pointers.split())]})


#: sqlite3_vfs, version 3.
_Vfs = _struct(
    "sqlite3_vfs",
    [("iVersion", ctypes.c_int), ("szOsFile", ctypes.c_int), ("mxPathname", ctypes.c_int)],
    "pNext zName pAppData xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep "
    "xCurrentTime xGetLastError xCurrentTimeInt64 xSetSystemCall xGetSystemCall xNextSystemCall",
)
#: sqlite3_io_methods, version 3.
_Methods = _struct(
    "sqlite3_io_methods",
    [("iVersion", ctypes.c_int)],
    "xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl xSectorSize "
    "xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch",
)
#: sqlite3_file, of which everything after the first member is the base VFS's own business.
_File = _struct("sqlite3_file", [], "pMethods")


def _shm_lock(opened: dict[int, tuple[Disk, File]], lock: Callable[..., int]) -> Callable[[int, int, int, int], int]:
    """The write lock may be somebody else's."""

    # asked for several times in every transaction, so it looks up nothing that it need not
    def shm_lock(handle: int, offset: int, count: int, flags: int) -> int:
        if flags == _SHM_LOCK_EXCLUSIVE and offset == _WAL_WRITE_LOCK and count == 1:
            disk, _ = opened[handle]
            if code := disk.before_write_lock():
                return code
        return lock(handle, offset, count, flags)

    return shm_lock


class _Table:
    """A copy of one function table of the base VFS, with our functions in the places that matter."""

    def __init__(self, base: Any, opened: dict[int, tuple[Disk, File]]) -> None:
        self._opened = opened
        self._room = ctypes.create_string_buffer(1 << 16)
        self._room_at = ctypes.addressof(self._room)
        self._read: Callable[..., int] = _XREAD(base.xRead)
        self._write: Callable[..., int] = _XREAD(base.xWrite)
        self._truncate, self._sync = _XTRUNCATE(base.xTruncate), _XSYNC(base.xSync)
        has_shm = base.iVersion >= 2 and base.xShmLock
        self._close, self.base_at = _XCLOSE(base.xClose), ctypes.addressof(base)
        self._kept_alive = [
            _XREAD(self.write),
            _XTRUNCATE(self.truncate),
            _XSYNC(self.sync),
            _XCLOSE(self.close),
        ]
        self.methods = _Methods.from_buffer_copy(base)
        for name, function in zip(("xWrite", "xTruncate", "xSync", "xClose"), self._kept_alive, strict=True):
            setattr(self.methods, name, ctypes.cast(function, _P))
        if has_shm:
            self._kept_alive.append(_XSHMLOCK(_shm_lock(opened, _XSHMLOCK(base.xShmLock))))
            self.methods.xShmLock = ctypes.cast(self._kept_alive[-1], _P)

    def serves(self, methods: int) -> bool:
        """Whether `methods` is the address of this table."""
        return methods == ctypes.addressof(self.methods)

    def _covered(self, handle: int, at: int, count: int, size: int) -> bytes:
        """What the file holds at that place now."""
        count = min(count, size - at)
        if count <= 0:
            return b""
        if count > len(self._room):
            self._room = ctypes.create_string_buffer(count)
            self._room_at = ctypes.addressof(self._room)
        self._read(handle, self._room_at, count, at)
        return ctypes.string_at(self._room_at, count)

    def write(self, handle: int, source: int, count: int, at: int) -> int:
        """Note what is overwritten, then write."""
        disk, file = self._opened[handle]
        if code := disk.before_write(file, at + count):
            return code
        old = self._covered(handle, at, count, file.size)
        code = self._write(handle, source, count, at)
        if code == OK:
            file.unsynced.append(_Change(at, old, ctypes.string_at(source, count), file.size))
            file.size = max(file.size, at + count)
        return code

    def truncate(self, handle: int, size: int) -> int:
        """Note what is cut off, then cut."""
        _, file = self._opened[handle]
        old = self._covered(handle, size, file.size - size, file.size)
        code = self._truncate(handle, size)
        if code == OK:
            file.unsynced.append(_Change(size, old, b"", file.size))
            file.size = size
        return int(code)

    def sync(self, handle: int, flags: int) -> int:
        """From now on everything written is durable. The real sync is left out: the machine itself stays up."""
        disk, file = self._opened[handle]
        if code := disk.before_sync(file):
            return code
        file.unsynced.clear()
        return OK

    def close(self, handle: int) -> int:
        """The handle's memory is SQLite's again."""
        self._opened.pop(handle, None)
        return int(self._close(handle))


class _Interposer:
    """Our VFS in one SQLite library. Made once a process and never taken apart: open files hold on to it."""

    def __init__(self, library: str, disks: dict[str, Disk]) -> None:
        try:
            self._lib = ctypes.CDLL(str(importlib.import_module(library).__file__))
            self._lib.sqlite3_vfs_find.restype = _P
            self._base_at = self._lib.sqlite3_vfs_find(None)
            self._register = self._lib.sqlite3_vfs_register
        except (AttributeError, OSError, ImportError) as error:
            raise Unsupported(f"{library}: {error}") from error
        self._base = _Vfs.from_address(self._base_at)
        self._disks = disks
        self._opened: dict[int, tuple[Disk, File]] = {}
        self._tables: dict[int, _Table] = {}
        self._base_open, self._base_delete = _XOPEN(self._base.xOpen), _XDELETE(self._base.xDelete)
        self._name = ctypes.create_string_buffer(b"tailboard-simulated")
        self._functions = (_XOPEN(self._open), _XDELETE(self._delete), _XSLEEP(_no_sleep))
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.pNext, self._vfs.zName = None, ctypes.cast(self._name, _P)
        self._vfs.xOpen, self._vfs.xDelete, self._vfs.xSleep = (ctypes.cast(each, _P) for each in self._functions)

    def prefer(self, *, ours: bool) -> None:
        """Make our VFS the default for connections that are opened from now on, or SQLite's own again."""
        self._register(ctypes.byref(self._vfs) if ours else _P(self._base_at), 1)

    def let_go(self) -> None:
        """Leave SQLite alone for good: connections may outlive the interpreter's last function."""
        self.prefer(ours=False)
        for name in ("xOpen", "xDelete", "xSleep"):
            setattr(self._vfs, name, getattr(self._base, name))
        for handle in self._opened:
            opened = _File.from_address(handle)
            opened.pMethods = next(t.base_at for t in self._tables.values() if t.serves(opened.pMethods))
        for each in (self._vfs, self._name):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))  # never freed: such connections point at it

    def _open(self, _vfs: int, name: int, handle: int, flags: int, out: int) -> int:
        code = int(self._base_open(self._base_at, name, handle, flags, out))
        if code == OK and name:
            path = os.fsdecode(ctypes.string_at(name))
            if disk := _disk_of(self._disks, path):
                self._adopt(handle, disk, path)
        return code

    def _delete(self, _vfs: int, name: int, sync: int) -> int:
        path = os.fsdecode(ctypes.string_at(name))
        if disk := _disk_of(self._disks, path):
            disk.files.pop(path, None)
        return int(self._base_delete(self._base_at, name, sync))

    def _adopt(self, handle: int, disk: Disk, path: str) -> None:
        opened = _File.from_address(handle)
        base = _Methods.from_address(opened.pMethods)
        if opened.pMethods not in self._tables:
            self._tables[opened.pMethods] = _Table(base, self._opened)
        file = disk.files.setdefault(path, File(path))
        size = ctypes.c_int64()
        _XSIZE(base.xFileSize)(handle, ctypes.byref(size))
        file.size = size.value
        self._opened[handle] = disk, file
        opened.pMethods = ctypes.addressof(self._tables[opened.pMethods].methods)


def _no_sleep(_vfs: int, microseconds: int) -> int:
    return microseconds


def _disk_of(disks: dict[str, Disk], path: str) -> Disk | None:
    return next((disk for root, disk in disks.items() if path.startswith(root)), None)


def _allow_many_files() -> None:
    """As many as the system lets us have: what died in a world closes nothing."""
    if os.name == "posix":
        import resource  # noqa: PLC0415  # only these systems have it

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@cache
def _interposers() -> tuple[dict[str, Disk], tuple[_Interposer, ...]]:
    disks: dict[str, Disk] = {}
    _allow_many_files()
    made = tuple(_Interposer(library, disks) for library in _LIBRARIES)
    for each in made:
        atexit.register(each.let_go)
    return disks, made


def obstacle() -> str | None:
    """Why disks cannot be simulated here, in words; None if they can."""
    try:
        _interposers()
    except Unsupported as error:
        return str(error)
    return None


class Bay:
    """The disks that are in place; see `simulated_disks`."""

    def __init__(self, disks: dict[str, Disk]) -> None:
        self._disks = disks

    def insert(self, disk: Disk) -> None:
        """From now on what is opened below the disk's folder is on it."""
        self._disks[f"{disk.root}{os.sep}"] = disk


@contextmanager
def simulated_disks() -> Iterator[Bay]:
    """While this lasts, SQLite's files below the folders of inserted disks are on these disks.

    Raises:
        Unsupported: see `obstacle`.
    """
    disks, interposers = _interposers()
    assert not disks, "one world at a time"
    for each in interposers:
        each.prefer(ours=True)
    try:
        yield Bay(disks)
    finally:
        disks.clear()
        for each in interposers:
            each.prefer(ours=False)
