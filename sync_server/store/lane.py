"""Group commit: writers that come while one is writing share the next transaction.

SQLite has one writer at a time, and a commit waits for the disk. Whoever comes first works off everything that has
gathered, each unit of work in a savepoint of its own, and commits once; the others find their work done. Nobody waits
for company: alone, a unit of work has a transaction to itself.

Rules
1. A unit that fails leaves nothing and harms no other.
2. Nobody is answered before the commit that holds their work. If that fails, all of it failed.
3. A failure that took the whole transaction along (a full disk does) is everybody's: what was done before it in the
   same transaction is gone, and what came after would stand alone.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Undone(Exception):
    """The open transaction is gone with all that was done in it; the cause is what took it along."""


#: So many units share a transaction at most: the first must not wait for ever.
TOGETHER_MAX = 32


class Apart(Protocol):
    """Runs work in a savepoint of the open transaction."""

    def __call__(self, work: Callable[[], Any]) -> Any:
        """What `work` returns; if it raises, nothing of it stays. Raises `Undone` if nothing at all stays."""


class _Job:
    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None


class Lane:
    """Where writers of one database queue up."""

    def __init__(self, transact: Callable[[Callable[[Any, Apart], None]], None]) -> None:
        """`transact` calls back with an open transaction and a way to savepoints, then commits."""
        self._transact = transact
        self._waiting: list[_Job] = []
        self._gathering, self._turn = threading.Lock(), threading.Lock()

    def run(self, work: Callable[[Any], T]) -> T:
        """`work` in a transaction, shared with others that wait. Raises what `work`, or the commit, raises."""
        job = _Job(work)
        with self._gathering:
            self._waiting.append(job)
        with self._turn:
            if not job.done:
                self._lead(job)
        if job.error is not None:
            raise job.error
        value: T = job.value
        return value

    def _lead(self, own: _Job) -> None:
        with self._gathering:
            others = [job for job in self._waiting if job is not own]
            jobs, self._waiting = [own, *others[: TOGETHER_MAX - 1]], others[TOGETHER_MAX - 1 :]
        try:
            self._transact(lambda tx, apart: _work_off(jobs, tx, apart))
        except BaseException as error:  # noqa: BLE001  # nothing was committed, and each of them is told
            for job in jobs:
                job.error = error
        for job in jobs:
            job.done = True


def _work_off(jobs: Sequence[_Job], tx: Any, apart: Apart) -> None:
    if len(jobs) == 1:
        jobs[0].value = jobs[0].work(tx)
        return
    for job in jobs:
        try:
            job.value = apart(lambda job=job: job.work(tx))  # type: ignore[misc]
        except Undone:
            raise
        except Exception as error:  # noqa: BLE001  # it belongs to whoever brought the work
            job.error = error
