"""What the machine lets the rig have: a network that ends at this machine, networks for laptops, small disks.

Rules
1. No byte leaves the machine. Everything speaks to 127.0.0.1; a process that tries another address is stopped at the
   call; and where the machine allows it the whole rig stands in a network namespace that has no other interface.
2. What the machine does not allow is found out by trying, and named with the reason.
3. Nothing is left behind: namespaces and mounts have no name outside, and go with the last process of the rig.

Linux gives namespaces to root. Source: namespaces(7), netdevice(7), mount(2).
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
HERE = "127.0.0.1"
_NEW_MOUNTS, _NEW_NETWORK = 0x00020000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_PRIVATE, _ALL_BELOW, _DETACH = 1 << 18, 1 << 14, 2
_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class OffTheMachine(OSError):
    """Somebody wanted to reach another machine."""


def _called(name: str, *arguments: Any) -> None:
    """Call the C library. Raises `OSError`."""
    if _libc is None:
        raise OSError(errno.ENOSYS, "only Linux has namespaces")
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# -- staying on the machine

_watch: dict[str, bool] = {}


def stay_here() -> None:
    """From now on this process reaches nothing but 127.0.0.1 and sockets in its own folders: else `OffTheMachine`."""
    if not _watch:
        sys.addaudithook(_audit)
    _watch["on"] = True


@contextmanager
def staying_here() -> Iterator[None]:
    """`stay_here` while the block runs."""
    stay_here()
    try:
        yield
    finally:
        _watch["on"] = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watch.get("on"):
        return
    if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}:
        place = arguments[1]
    elif event == "socket.getaddrinfo":
        place = (arguments[0],)
    else:
        return
    if isinstance(place, tuple) and place[0] not in {HERE, None}:
        raise OffTheMachine(errno.ENETUNREACH, f"the rig stays on this machine, and {place[0]} is not on it")


def listen() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1."""
    return socket.create_server((HERE, 0), backlog=512)


# -- networks


@dataclass
class Network:
    """A network of one laptop's own: it has 127.0.0.1 and nothing else, and the rig listens in it.

    `handle` is the open namespace, for the process that lives in it.
    """

    handle: int
    listener: socket.socket
    _control: socket.socket

    def plug(self, *, up: bool) -> None:
        """Switch its interface on or off."""
        _set_loopback(self._control, up=up)

    def close(self) -> None:
        """Let go of it."""
        self._control.close()
        with suppress(OSError):
            os.close(self.handle)


def new_network() -> Network:
    """A fresh network. Raises `OSError` where the machine gives none."""
    return _on_a_thread(_network)


def _network() -> Network:
    _called("unshare", _NEW_NETWORK)
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _set_loopback(control, up=True)
    return Network(os.open("/proc/thread-self/ns/net", os.O_RDONLY), listen(), control)


def live_in(handle: int) -> None:
    """Put this process into an open network namespace. Raises `OSError`."""
    _called("setns", handle, _NEW_NETWORK)


def _set_loopback(control: socket.socket, *, up: bool) -> None:
    """Source: netdevice(7), SIOCSIFFLAGS."""
    request = struct.pack("16sH22x", b"lo", 0)
    flags = struct.unpack("16sH22x", fcntl.ioctl(control, _GET_FLAGS, request))[1]
    wanted = flags | _UP if up else flags & ~_UP
    fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH22x", b"lo", wanted))


def _on_a_thread(work: Callable[[], T]) -> T:
    """Do something on a thread that ends with it: a namespace belongs to a thread, and shall not stay."""
    done: list[T] = []
    failed: list[OSError] = []

    def do() -> None:
        try:
            done.append(work())
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


# -- disks


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system in memory of a few MiB, mounted at `folder`."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / ".ballast"

    def fill(self) -> None:
        """Leave no byte on it."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def make_room(self) -> None:
        """Take back what `fill` took."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Away with it, and with what is on it."""
        unmount(self.folder)


def unmount(folder: Path) -> None:
    """Away with what is mounted at a folder, if something is."""
    with suppress(OSError):
        _called("umount2", os.fsencode(folder), _DETACH)


def mount_small_disk(folder: Path, size_mib: int) -> SmallDisk:
    """Mount one at a folder that is there. Raises `OSError` where the machine does not allow it."""
    options = f"size={size_mib}m,mode=0700".encode()
    _called("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options)
    return SmallDisk(folder)


# -- all of it


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rig stands on. `missing` says why, by kind of act, what cannot be done here."""

    sealed: bool = False
    networks: bool = False
    disks: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def prepared() -> Iterator[Ground]:
    """Namespaces of this process' own while the block runs, as far as the machine gives any."""
    missing: dict[str, str] = {}
    home = Path.cwd()
    old = [_open(f"/proc/thread-self/ns/{name}") for name in ("net", "mnt")]
    sealed = _managed(_seal_network, missing, "link_down")
    disks = _managed(_own_mounts, missing, "disk_full")
    try:
        yield Ground(sealed, sealed, disks, missing)
    finally:
        for handle, kind, was_made in zip(old, (_NEW_NETWORK, _NEW_MOUNTS), (sealed, disks), strict=True):
            if handle is not None and was_made:
                _called("setns", handle, kind)
            if handle is not None:
                os.close(handle)
        os.chdir(home)


def _open(path: str) -> int | None:
    with suppress(OSError):
        return os.open(path, os.O_RDONLY)
    return None


def _managed(act: Callable[[], None], missing: dict[str, str], kind: str) -> bool:
    try:
        act()
    except OSError as error:
        missing[kind] = f"not on this machine: {error.strerror}"
        return False
    return True


def _seal_network() -> None:
    _called("unshare", _NEW_NETWORK)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as control:
        _set_loopback(control, up=True)


def _own_mounts() -> None:
    """Mounts that nobody else sees; and whether one may be made."""
    _called("unshare", _NEW_MOUNTS)
    _called("mount", None, b"/", None, _PRIVATE | _ALL_BELOW, None)
