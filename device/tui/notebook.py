"""The drafts while the screen is open: known at once, and on the disk a moment later.

What is typed while an older state is being written is written next, the newest state only; so a fast typist makes no
queue, and a key press never waits for the disk.
"""

from collections.abc import Callable

from device.drafts import Drafts, Unsaved
from device.errors import StoreError
from device.tui.desk import Desk


class Notebook:
    """Drafts by job. `begin` says how to start a piece of work in the background."""

    def __init__(self, drafts: Drafts, desk: Desk, begin: Callable[[], object]) -> None:
        self._drafts, self._desk, self._begin = drafts, desk, begin
        self._of: dict[str, Unsaved] = {}
        self._dirty: set[str] = set()
        self._writing = False

    async def open(self) -> dict[str, Unsaved]:
        """Read what is on the disk. What was typed since the start wins. Raises `StoreError`."""
        self._of = await self._desk.do(self._drafts.all) | self._of
        return self.unsaved

    @property
    def unsaved(self) -> dict[str, Unsaved]:
        """Every draft with something in it."""
        return {job: draft for job, draft in self._of.items() if draft}

    def of(self, job: str) -> Unsaved:
        """The draft of one job."""
        return self._of.get(job, Unsaved())

    def become(self, job: str, draft: Unsaved) -> None:
        """The draft of `job` is this from now on."""
        if draft == self.of(job):
            return
        self._of[job] = draft
        self._dirty.add(job)
        if not self._writing:
            self._writing = True
            self._begin()

    @property
    def settled(self) -> bool:
        """Whether everything is on the disk."""
        return not self._writing

    async def write(self) -> None:
        """Write until nothing is left to write. Raises `StoreError`: what was typed stays on the screen."""
        try:
            while self._dirty:
                jobs, self._dirty = self._dirty, set()
                now = {job: self.of(job) for job in jobs}
                try:
                    await self._desk.do(lambda now=now: self._drafts.keep(now))  # type: ignore[misc]
                except StoreError:
                    self._dirty |= jobs
                    raise
        finally:
            self._writing = False
