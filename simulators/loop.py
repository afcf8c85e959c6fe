"""A seeded event loop: the same seed runs the same steps in the same order, in no time at all.

Rules
1. Time is virtual. Where nothing is ready the clock jumps to the next timer; where there is no timer either, the run
   has stopped dead and says which tasks wait (`Deadlock`). Where time stands still because somebody never rests, the
   run ends and says who (`Livelock`).
2. Of what is ready at once, the steps of tasks run in an order that the seed draws; every other callback keeps its
   place. That is any order a real loop could have given them, and never one that it could not.
3. Threads are refused by name, whoever starts one: a thread runs when it likes. A refusal that somebody swallows
   still ends the run.
4. Tasks and futures hash by the number they were made with, because a set of them is walked in hash order (a
   `TaskGroup` cancels so). What is ready is ordered by these numbers before the dice are cast.
5. Garbage is collected at fixed steps only: finalisers are steps too.
6. Every step goes into a running hash. There is no socket, no selector and no signal: `BaseEventLoop` has none.
7. Handles belong to an `Owner` through their context. One that is dead never runs again, not even its `finally`
   blocks; one that is paused finds its handles where it left them.

Source: docs/adr/0020-a-seeded-loop-of-our-own.md.
"""

import asyncio
import gc
import heapq
import inspect
import signal
import sys
import threading
import warnings
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar
from hashlib import blake2b
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

from simulators.streams import Stream

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
STEPS_MAX = 5_000_000
#: At one instant of virtual time. The most that a sound world of eight laptops took was 72.
STEPS_AT_ONCE_MAX = 5_000
#: One step may take so much of the processor's time, or twice as much; a sound one takes a fraction of a second.
STUCK_CPU_S = 15.0
COLLECT_EVERY = 20_000
_FINALLY_MAX = 50


class SimulationFault(Exception):
    """The simulated world itself went wrong: what ran in it cannot be judged."""


class Deadlock(SimulationFault):
    """Nothing is ready, no timer is set, and the run is not over."""


class StepLimit(SimulationFault):
    """The run took more steps than it may."""


class Livelock(SimulationFault):
    """Somebody goes on and on, and never lets time pass."""


class ThreadForbidden(SimulationFault):
    """Something started a thread, or spoke to the loop from one."""


class Gone(BaseException):
    """The owner of this step died in it. Not an `Exception`: no host may catch its own death."""


class Owner(Protocol):
    """Whose handles these are: a simulated host."""

    @property
    def name(self) -> str:
        """What a fault calls it."""

    def admits(self, handle: asyncio.Handle, *, step: bool) -> bool:
        """Whether the handle may run now; one that may not is dropped, unless the owner keeps it for later."""


#: Travels with the context: tasks that an owner's tasks start, and their timers, are the owner's too.
OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


class SeededTask(asyncio.Task[Any]):
    """A task that hashes by the order of creation."""

    number: int = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class SeededFuture(asyncio.Future[Any]):
    """A future that hashes by the order of creation."""

    number: int = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class SeededLoop(asyncio.BaseEventLoop):
    """The loop of one simulated run. Use `simulate`, which also closes it."""

    def __init__(self, stream: Stream, *, steps_max: int = STEPS_MAX) -> None:
        """`stream` draws the order of ready steps; more than `steps_max` steps is a fault."""
        super().__init__()
        self._stream, self._steps_max = stream, steps_max
        self._clock_s = 0.0
        self._numbers = 0
        self._hash = blake2b(digest_size=16)
        #: Why the run ends, whoever swallows what is raised.
        self._refusal: SimulationFault | None = None
        self._now: tuple[Owner | None, asyncio.Handle, SeededTask | None] | None = None
        self._instant_s, self._at_once = 0.0, 0
        self._busy: Counter[str] = Counter()
        self.steps = 0
        #: Errors that nobody waited for, in the words of the loop.
        self.unheard: list[str] = []
        self.alive: dict[int, SeededTask] = {}
        self._ready: deque[asyncio.Handle]
        self._scheduled: list[asyncio.TimerHandle]
        self.set_task_factory(_new_task)
        self.set_exception_handler(_keep)

    # -- what a run was

    def digest(self) -> str:
        """The hash of every step so far."""
        return self._hash.hexdigest()

    # -- time and order

    def time(self) -> float:
        """Seconds since the run began, virtual."""
        return self._clock_s

    def _run_once(self) -> None:
        self._move_timers()
        if not self._ready:
            self._jump()
        for handle in self._in_seeded_order():
            if not handle.cancelled():
                self._perform(handle)
            if self._refusal:
                raise self._refusal

    def _jump(self) -> None:
        if self._stopping:  # type: ignore[attr-defined]  # of BaseEventLoop
            return
        if not self._scheduled:
            raise Deadlock(f"Nothing can happen any more. Waiting: {self._waiting() or 'nobody'}.")
        self._clock_s = max(self._clock_s, self._scheduled[0].when())
        self._move_timers()

    def _waiting(self) -> str:
        names = [task.get_name() for _, task in sorted(self.alive.items()) if not task.done()]
        return ", ".join(names[:20])

    def _move_timers(self) -> None:
        timers = self._scheduled
        while timers and (timers[0].cancelled() or timers[0].when() <= self._clock_s):
            timer = heapq.heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001  # as BaseEventLoop does
            if not timer.cancelled():
                self._ready.append(timer)

    def _in_seeded_order(self) -> list[asyncio.Handle]:
        """What is ready now; the places that steps of tasks hold are dealt out anew among them."""
        handles = list(self._ready)
        self._ready.clear()
        if len(handles) == 1:
            return handles
        places = [(place, task.number) for place, handle in enumerate(handles) if (task := task_of(handle))]
        if len(places) > 1:
            steps = [handles[place] for place, _ in sorted(places, key=lambda each: each[1])]
            self._stream.shuffle(steps)
            for (place, _), handle in zip(places, steps, strict=True):
                handles[place] = handle
        return handles

    def _perform(self, handle: asyncio.Handle) -> None:
        task = task_of(handle)
        owner = _context_of(handle).get(OWNER)
        if owner is not None and not owner.admits(handle, step=task is not None):
            return
        self.steps += 1
        self._now = owner, handle, task
        self._check_limits()
        self._hash.update(f"{self._clock_s!r} {_name(handle, task)}\n".encode())
        handle._run()  # noqa: SLF001  # as BaseEventLoop does
        if self.steps % COLLECT_EVERY == 0:
            gc.collect(1)

    @property
    def _here(self) -> str:
        """Who takes the present step, in words: hardly ever asked for, so made only then."""
        if self._now is None:
            return "nobody"
        owner, handle, task = self._now
        return f"{owner.name if owner else 'the world'}: {_called(handle, task)}"

    def _check_limits(self) -> None:
        if self.steps > self._steps_max:
            raise StepLimit(
                f"More than {self._steps_max} steps, the last by {self._here}. Waiting: {self._waiting()}."
            )
        if self._clock_s != self._instant_s:
            self._instant_s, self._at_once = self._clock_s, 0
            self._busy.clear()
        self._at_once += 1
        if self._at_once * 2 > STEPS_AT_ONCE_MAX:
            self._busy[self._here] += 1
        if self._at_once > STEPS_AT_ONCE_MAX:
            (busiest, count), *_ = self._busy.most_common(1)
            raise Livelock(
                f"{busiest} never rests: {STEPS_AT_ONCE_MAX} steps at {self._clock_s:.6f} s, {count} of the last "
                "half its own."
            )

    def interrupt(self) -> None:
        """End the step that runs now, and the run with it. Raises `Gone`, which hardly anything swallows."""
        self._refusal = Livelock(
            f"{self._here} never comes back: its step at {self._clock_s:.6f} s took more than {STUCK_CPU_S:g} s of "
            "the processor's time."
        )
        raise Gone

    def again(self, handles: list[asyncio.Handle]) -> None:
        """Put handles that an owner kept back in the queue, in their order."""
        self._ready.extend(handles)

    def new_number(self) -> int:
        """The next number of creation."""
        self._numbers += 1
        return self._numbers

    def create_future(self) -> SeededFuture:
        """A future that belongs to this loop."""
        future = SeededFuture(loop=self)
        future.number = self.new_number()
        return future

    def drop(self, owner: Owner) -> None:
        """Forget what waits to run for an owner that is dead."""
        self._ready = deque(each for each in self._ready if _context_of(each).get(OWNER) is not owner)

    # -- no threads

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As `call_soon`. From another thread it is refused."""
        if threading.get_ident() != self._thread_id:  # type: ignore[attr-defined]  # of BaseEventLoop
            self.refuse("call_soon_threadsafe from another thread")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> "asyncio.Future[T]":
        """Refused."""
        raise self.refuse(f"run_in_executor({getattr(func, '__qualname__', func)})")

    def refuse(self, what: str) -> ThreadForbidden:
        """The error to raise; the run ends with it even if it is swallowed."""
        refusal = ThreadForbidden(f"No thread can be part of a seeded run: {what}.")
        self._refusal = refusal
        return refusal

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """The finaliser of an async generator is a task like any other; the base class would wake the selector."""
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]  # of BaseEventLoop
        if not self.is_closed():
            self.create_task(agen.aclose())

    def run_forever(self) -> None:
        """Run until stopped, with threads refused."""
        with _threads_refused(self), _steps_timed(self):
            super().run_forever()

    def _process_events(self, _events: list[Any]) -> None:
        raise AssertionError("there is no selector")

    def _write_to_self(self) -> None:
        """Nobody sleeps who had to be woken."""

    # -- the end

    def abandon(self) -> None:
        """Close what is left, in the order of creation; nothing that its `finally` blocks start will run.

        One that awaits in a `finally` block is closed again, where it stands then.
        """
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None  # what they say now interests nobody
        asyncio._set_running_loop(self)  # noqa: SLF001  # `finally` blocks ask for it
        try:
            self._close_all()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001
            sys.unraisablehook = hook

    def _close_all(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of coroutines that a `finally` block made and will not run
            for _, task in sorted(self.alive.items()):
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # as asyncio's own runners do
                _close(task.get_coro())
            self.alive.clear()
            self._ready.clear()
            self._scheduled.clear()


def _close(coroutine: Any) -> None:
    for _ in range(_FINALLY_MAX):
        # What closes an async generator is awaited by a task too, and is no coroutine: it has no state to ask for.
        if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
            return
        with suppress(BaseException):
            coroutine.close()


def simulate(
    main: Callable[[], Coroutine[Any, Any, T]], stream: Stream, *, steps_max: int = STEPS_MAX
) -> tuple[T, SeededLoop]:
    """Run `main()` to its end in a loop of its own; its result, and the closed loop with what it counted.

    Raises:
        SimulationFault: it stopped dead, never stopped or never rested, or used a thread.
    """
    loop = SeededLoop(stream, steps_max=steps_max)
    with _collected_by_hand():
        try:
            return loop.run_until_complete(main()), loop
        finally:
            loop.abandon()
            loop.close()


def current_loop() -> SeededLoop:
    """The seeded loop that is running."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SeededLoop), "only inside a simulated run"
    return loop


def task_of(handle: asyncio.Handle) -> SeededTask | None:
    """The task of which this handle is a step; None for any other callback, a bound `Task.cancel` among them."""
    callback: Any = handle._callback  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio's debug output reads it
    if type(callback) is _FIRST_STEP or (type(callback) is _BUILTIN and callback.__name__ == "task_wakeup"):
        task = callback.__self__
        return task if isinstance(task, SeededTask) else None
    return None


def _first_step() -> type:
    """How CPython's task wraps a step. A wake-up, which is a step too, is a built-in function bound to its task."""
    seen: list[type] = []

    class Watch(asyncio.BaseEventLoop):
        def call_soon(self, callback: Any, *_args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
            seen.append(type(callback))

    async def nothing() -> None:
        """A step."""

    loop, coroutine = Watch(), nothing()
    task = asyncio.Task(coroutine, loop=loop)
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # as asyncio's own runners do
    coroutine.close()
    loop.close()
    return seen[0]


_FIRST_STEP: Any = _first_step()
_BUILTIN: Any = type(len)


def _context_of(handle: asyncio.Handle) -> Context:
    context: Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001  # no public name
    return context


def _name(handle: asyncio.Handle, task: SeededTask | None) -> str:
    if task is not None:
        return f"task {task.number}"
    callback = handle._callback  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio's own debug output reads it
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


def _called(handle: asyncio.Handle, task: SeededTask | None) -> str:
    return task.get_name() if task else _name(handle, None)


def _new_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> SeededTask:
    assert isinstance(loop, SeededLoop), "the factory of seeded loops"
    number = loop.new_number()
    name = getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
    task = SeededTask.__new__(SeededTask)
    task.number = number  # before the constructor, which puts the task into a set
    task.__init__(coroutine, loop=loop, name=f"{name} #{number}", **more)  # type: ignore[misc]
    loop.alive[number] = task
    task.add_done_callback(lambda _: loop.alive.pop(number, None), context=Context())  # nobody's
    return task


def _keep(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, SeededLoop), "the handler of seeded loops"
    error = context.get("exception")
    if isinstance(error, Gone):
        return
    loop.unheard.append(f"{context['message']}: {error!r}" if error else str(context["message"]))


@contextmanager
def _threads_refused(loop: SeededLoop) -> Iterator[None]:
    """While the loop runs, a thread that is started from within it is refused; other threads may do as they like."""
    start, here = threading.Thread.start, threading.get_ident()

    def refuse(thread: threading.Thread) -> None:
        if threading.get_ident() == here:
            raise loop.refuse(f"{type(thread).__qualname__} {thread.name}")
        start(thread)

    threading.Thread.start = refuse  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


@contextmanager
def _collected_by_hand() -> Iterator[None]:
    """What was there before is set aside, so that a collection looks at this run's objects only."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if enabled:
            gc.enable()


@contextmanager
def _steps_timed(loop: SeededLoop) -> Iterator[None]:
    """While the loop runs, a step that takes far too long is ended; only where a signal can do that.

    It is the one thing here that real time has a say in, and it says that a run is over, never how it goes on.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = -1

    def look(_number: int, _frame: object) -> None:
        nonlocal seen
        if loop.steps == seen:
            loop.interrupt()
        seen = loop.steps

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, STUCK_CPU_S, STUCK_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)
