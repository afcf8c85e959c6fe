"""Simulated machines: tasks, objects and files that live and die together.

Rules
1. What runs on a host belongs to one *incarnation* of it, by context: its tasks, what they start, their timers.
2. A crash ends the incarnation at once. Nothing of it runs again, not even a `finally` block; if the step in which it
   dies is still on the stack, `Gone` unwinds it. The next incarnation starts from a copy of the files as they were at
   that moment (`simulators.disks`), so whatever the dead still write is never read.
3. A paused host finds everything where it left it, timers overdue: a zombie that does not know that it was away.
4. Crash points are every await, and both sides of every commit of a transaction that wrote something. They are found
   from outside, by the context in which a store commits; production code holds no switch.
5. What people and keepers do to a host runs in the world, not on the host.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine.default import DefaultDialect

from device.store.base import Part
from shared.ports import Ports
from simulators.clocks import HostClock
from simulators.disks import Bay, Disk
from simulators.faults import Chaos
from simulators.loop import OWNER, Gone, SeededLoop, task_of
from simulators.trace import Trace

T = TypeVar("T")
#: The device has no library between itself and its driver.
_COMMIT_OF_DEVICE = (Part, "_commit")
Program = Callable[["Incarnation"], Coroutine[Any, Any, None]]


class Incarnation:
    """One life of a host: what `simulators.loop` calls an owner."""

    def __init__(self, host: "Host", home: Path, disk: Disk) -> None:
        self.host, self.home, self.disk = host, home, disk
        self.alive, self.paused = True, False
        #: Since when the lid has been closed.
        self.slept_from_s: float | None = None
        self._parked: list[asyncio.Handle] = []
        self._cancellable: set[int] = set()
        self._endings: dict[object, Callable[[bool], None]] = {}
        self._context = copy_context()
        self._context.run(OWNER.set, self)
        self.ports = Ports(host.clock, host.chaos.dice(f"randomness/{host.name}"))
        disk.on_write, disk.on_full = self._crashes_in_write, host.on_disk_full

    @property
    def name(self) -> str:
        """The host's."""
        return self.host.name

    def start(self, work: Coroutine[Any, Any, T], *, cancellable: bool = False) -> "asyncio.Task[T]":
        """A task of this host. One that is `cancellable` may be cancelled by chance."""
        task: asyncio.Task[T] = self._context.run(self.host.loop.create_task, work)
        if cancellable:
            number = task.number  # type: ignore[attr-defined]  # of SeededTask
            self._cancellable.add(number)
            task.add_done_callback(lambda _: self._cancellable.discard(number), context=Context())
        return task

    def perform(self, work: Callable[[], T]) -> T:
        """Something that a person at this host does, in one step.

        Raises:
            Gone: the host died in it.
        """
        if not self.alive:
            raise Gone
        return self._context.copy().run(work)

    def at_end(self, key: object, call: Callable[[bool], None]) -> None:
        """Call with whether the power was cut when this life ends; `forget` takes it back."""
        self._endings[key] = call

    def forget(self, key: object) -> None:
        """Take an `at_end` back."""
        self._endings.pop(key, None)

    # -- asked by the loop before every handle

    def admits(self, handle: asyncio.Handle, *, step: bool) -> bool:
        """Whether it may run now."""
        if not self.alive:
            return False
        if not self.paused and step:
            self._roll(handle)
        return self._still_admits(handle)

    def _still_admits(self, handle: asyncio.Handle) -> bool:
        """Whether the roll of the dice let it live and move on."""
        if self.alive and self.paused:
            self._parked.append(handle)
        return self.alive and not self.paused

    def _roll(self, handle: asyncio.Handle) -> None:
        chaos, name = self.host.chaos, self.host.name
        if chaos.strikes("crash_at_step", name):
            self.host.crash("at an await")
        elif chaos.strikes("pause", name):
            self.host.pause(chaos.about("pause", name).between(1.0, chaos.profile.pause_s_max))
        else:
            task = task_of(handle)
            if task is not None and task.number in self._cancellable and chaos.strikes("cancel", name):
                task.cancel()

    def resume(self) -> None:
        """Go on after a pause, if it still lasts."""
        if self.slept_from_s is not None:
            self.host.clock.slept(self.host.loop.time() - self.slept_from_s)
            self.slept_from_s = None
        parked, self._parked, self.paused = self._parked, [], False
        self.host.loop.again(parked)

    # -- asked by database drivers, in the middle of a step

    def commit_point(self, fault: str) -> None:
        """Before or after a commit. Raises `Gone` if the host crashes there."""
        if not self.alive:
            raise Gone
        if self.host.chaos.strikes(fault, self.host.name):
            self.host.crash(fault.removeprefix("crash_").replace("_", " "))
            raise Gone

    def _crashes_in_write(self) -> bool:
        if self.alive and self.host.chaos.strikes("crash_in_write", self.host.name):
            self.host.crash("in a write")
        return not self.alive

    def end(self, *, power_cut: bool) -> None:
        """Die."""
        self.alive = False
        self._parked.clear()
        self.host.loop.drop(self)
        endings, self._endings = self._endings, {}
        for call in endings.values():
            call(power_cut)


class Host:
    """A machine with a name, a clock and a disk, that runs one program whenever it is up."""

    def __init__(
        self, name: str, folder: Path, program: Program, *, loop: SeededLoop, clock: HostClock, world: "Surroundings"
    ) -> None:
        """`folder` holds the host's files, one folder a life; the first, ``0``, is there already."""
        self.name, self.loop, self.clock = name, loop, clock
        self.chaos, self.trace = world.chaos, world.trace
        self._folder, self._program, self._bay = folder, program, world.bay
        self._life = 0
        self._main: asyncio.Task[None] | None = None
        self.incarnation: Incarnation | None = None
        #: Set while the host is down; cleared when it is up.
        self.down = asyncio.Event()
        self.down.set()
        self.crashes = 0
        #: Whether it runs an older release of the program.
        self.old = False
        #: Names the latest crash: what follows from it goes with it when it is left out of a schedule.
        self.fell_by = ""

    @property
    def up(self) -> bool:
        """Whether it runs, if only as a zombie."""
        return self.incarnation is not None and self.incarnation.alive

    @property
    def home(self) -> Path:
        """The files of the present life, or of the next if it is down."""
        return self._folder / str(self._life)

    def boot(self) -> Incarnation:
        """Start the program on what files there are."""
        assert not self.up, "a host has one life at a time"
        disk = Disk(self.home, self.name, self.chaos)
        self._bay.insert(disk)
        life = Incarnation(self, self.home, disk)
        self.incarnation = life
        self.down.clear()
        self.trace.note(self.name, f"boot {self._life}")
        self._main = life.start(self._run(life))
        return life

    async def _run(self, life: Incarnation) -> None:
        try:
            await self._program(life)
        except Exception as error:
            if life.alive and self.loop.is_running():  # and is not put away after the end of the world
                self.trace.note(self.name, f"the program ended: {error!r}")
            raise

    def crash(self, where: str, *, power_cut: bool | None = None) -> None:
        """Lose what is in memory, and with a power cut what was not synced; by chance if it is None."""
        life = self.incarnation
        if life is None or not life.alive:
            return
        self.fell_by = self.chaos.latest() or self.name
        cut = self.chaos.strikes("power_cut", self.fell_by) if power_cut is None else power_cut
        self.crashes += 1
        self.trace.note(self.name, f"crash {where}{', power cut' if cut else ''}")
        self._life += 1
        life.alive = False  # before the copy: nothing may move under it
        life.disk.survivors(self.home, power_cut=cut)
        life.end(power_cut=cut)
        if cut:
            self.clock.reboot()
        self.down.set()

    def restore(self, backup: Path) -> None:
        """While it is down, put an older copy of its files in the place of the present ones."""
        assert not self.up, "only a host that is down is restored"
        self._life += 1
        Disk(backup, self.name, self.chaos).survivors(self.home, power_cut=False)
        self.trace.note(self.name, "restored from a backup")

    def backup(self, target: Path) -> None:
        """Copy the files as they are now; `target` must not exist."""
        Disk(self.home, self.name, self.chaos).survivors(target, power_cut=False)
        self.trace.note(self.name, "backup")

    def pause(self, seconds: float) -> None:
        """Stand still for a while, without knowing it."""
        life = self.incarnation
        if life is None or not life.alive or life.paused:
            return
        life.paused = True
        self.trace.note(self.name, f"pause {seconds:.3f} s")
        self.loop.call_later(seconds, life.resume, context=Context())

    def wake(self) -> None:
        """End a pause now."""
        if self.incarnation is not None and self.incarnation.paused:
            self.incarnation.resume()

    def suspend(self, seconds: float) -> None:
        """The lid is closed: a pause that the clocks may know of."""
        life = self.incarnation
        if life is not None and life.alive and not life.paused:
            self.pause(seconds)
            life.slept_from_s = self.loop.time()

    def on_disk_full(self) -> None:
        """Somebody makes room after a while."""
        wait_s = self.chaos.about("disk_full", self.name).between(1.0, self.chaos.profile.disk_full_s_max)
        self.trace.note(self.name, f"disk full for {wait_s:.3f} s")
        assert self.incarnation, "only a host that is up writes"
        self.loop.call_later(wait_s, _empty, self.incarnation.disk, context=Context())

    def make_room(self) -> None:
        """Somebody frees space now."""
        if self.incarnation is not None:
            _empty(self.incarnation.disk)

    async def finished(self) -> None:
        """Wait until the program comes to its end."""
        assert self._main, "a host that was booted"
        await asyncio.wait([self._main])

    def ended(self) -> BaseException | None:
        """Why the program ended by itself, if it did: no program of ours does."""
        if self._main is None or not self._main.done() or not self.up:
            return None
        return asyncio.CancelledError() if self._main.cancelled() else self._main.exception()


class Surroundings:
    """What all hosts of a world share."""

    def __init__(self, chaos: Chaos, trace: Trace, bay: Bay) -> None:
        self.chaos, self.trace, self.bay = chaos, trace, bay


def _empty(disk: Disk) -> None:
    disk.full = False


@contextmanager
def watched_commits() -> Iterator[None]:
    """While this lasts, every commit of a host's transaction is traced, and has a crash point on either side."""
    of_server: Any = DefaultDialect.do_commit
    of_device = getattr(*_COMMIT_OF_DEVICE)

    def on_server(dialect: DefaultDialect, connection: Any) -> None:
        _watch(connection, connection.info, lambda: of_server(dialect, connection))

    def on_device(part: Part) -> None:
        _watch(part._driver, vars(part), lambda: of_device(part))  # noqa: SLF001  # as above

    DefaultDialect.do_commit = on_server  # type: ignore[method-assign]
    setattr(*_COMMIT_OF_DEVICE, on_device)
    try:
        yield
    finally:
        DefaultDialect.do_commit = of_server  # type: ignore[method-assign]
        setattr(*_COMMIT_OF_DEVICE, of_device)


def _watch(connection: Any, noted: MutableMapping[str, Any], commit: Callable[[], None]) -> None:
    """Commit, with its points if it writes something; how much was written by then is `noted`."""
    life, changes = OWNER.get(), connection.total_changes
    if not isinstance(life, Incarnation) or noted.get("changes", 0) == changes:
        commit()
        return
    life.commit_point("crash_before_commit")
    commit()
    life.host.trace.note(life.host.name, f"commit {changes}")
    noted["changes"] = changes
    life.commit_point("crash_after_commit")
