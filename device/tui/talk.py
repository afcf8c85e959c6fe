"""Questions and what came of them, kept while the screen is open: one talk for each job, one for no job.

Rules
1. A talk outlives its page: a question goes on while the person looks at something else, and its answer is there when
   the page is opened again. One question at a time is asked in a talk.
2. What the manuals have comes first and needs no model; what a model writes is shown as it comes and said to be
   unchecked until it is.
3. Who stops a question keeps what came of it, marked as partial. Nothing is asked again by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.worker import Worker

from device.assist import Heard, Offer, Refused, Waiting
from device.errors import DeviceError
from device.library.search import Hit
from shared.assist import Answer
from shared.consent import Reach

if TYPE_CHECKING:
    from device.tui.app import TailboardApp

#: So many pages are shown as the nearest ones.
NEAREST = 6


@dataclass
class Turn:
    """One question. `steps` are the sentences that were said while it ran, `partial` the words that came so far.

    It `waits` while the model is still loading. `offer` is what a consent would let leave, where one is all that is
    missing; `offered` says that the person was asked. `fault` is a sentence if it ended without anything else.
    """

    question: str
    began_s: float
    steps: list[str] = field(default_factory=list)
    partial: str = ""
    hits: tuple[Hit, ...] = ()
    came: Answer | Waiting | Refused | None = None
    fault: str = ""
    stopped: bool = False
    running: bool = True
    waits: bool = False
    offer: Offer | None = None
    offered: bool = False


class Talk:
    """The questions about `job` (a reference, None for none), oldest first."""

    def __init__(self, app: "TailboardApp", job: str | None) -> None:
        self.job, self.turns = job, list[Turn]()
        #: Counts what changed, so that a page can tell whether it shows the newest.
        self.revision = 0
        self._app = app
        self._worker: Worker[None] | None = None

    @property
    def running(self) -> Turn | None:
        """The question that is being asked now."""
        return self.turns[-1] if self.turns and self.turns[-1].running else None

    def ask(self, question: str, *, consent: Reach | None = None) -> Turn:
        """Begin to ask; the turn is there at once."""
        assert self.running is None, "one at a time"
        turn = Turn(question, self._app.device.ports.clock.monotonic_s())
        self.turns.append(turn)
        self._begin(turn, consent)
        return turn

    def again(self, turn: Turn, consent: Reach) -> None:
        """Ask the last question again, with a consent."""
        assert self.running is None, "one at a time"
        turn.came, turn.fault, turn.partial, turn.stopped, turn.offer = None, "", "", False, None
        turn.running = True
        self._begin(turn, consent)

    def _begin(self, turn: Turn, consent: Reach | None) -> None:
        self._changed()
        self._worker = self._app.run_worker(self._run(turn, consent), group="talk")

    def stop(self) -> None:
        """End the question that runs; what came of it stays."""
        turn = self.running
        if turn is None or self._worker is None:
            return
        turn.stopped, turn.running = True, False
        self._worker.cancel()
        self._changed()

    async def _run(self, turn: Turn, consent: Reach | None) -> None:
        app = self._app
        try:
            turn.waits = app.loading
            turn.hits = tuple(await app.desk.do(lambda: app.device.library.hits(turn.question, NEAREST)))
            self._changed()
            await app.assistant_ready()
            turn.waits = False
            heard = Heard(
                self._hear(turn.steps.append), self._hear(lambda piece: _add(turn, piece)), lambda: self._anew(turn)
            )
            came = await app.device.assistant().ask(turn.question, job=self.job, consent=consent, heard=heard)
            turn.came = came
            if _may_lack_a_consent(came):
                turn.offer = await app.device.assistant().offer(turn.question, job=self.job)
        except DeviceError as error:
            turn.fault = str(error)
        except asyncio.CancelledError:
            turn.stopped = True
            raise
        finally:
            turn.running = False
            self._changed()
            app.refresh_page()

    def _hear(self, take: Callable[[str], object]) -> Callable[[str], None]:
        def hear(said: str) -> None:
            take(said)
            self._changed()

        return hear

    def _anew(self, turn: Turn) -> None:
        """What came so far was of a place that failed."""
        turn.partial = ""
        self._changed()

    def _changed(self) -> None:
        self.revision += 1


def _add(turn: Turn, piece: str) -> None:
    turn.partial += piece


def _may_lack_a_consent(came: Answer | Waiting | Refused) -> bool:
    """Whether it ran nowhere: then, and only then, it is looked whether a consent would change that."""
    return isinstance(came, Refused) or (isinstance(came, Answer) and came.fallback is not None and not came.attempts)


class Talks:
    """Every talk of an open screen."""

    def __init__(self, app: "TailboardApp") -> None:
        self._app, self._talks = app, dict[str | None, Talk]()

    def about(self, job: str | None) -> Talk:
        """The talk about `job`, a record reference, or about no job; begun if there was none."""
        return self._talks.setdefault(job, Talk(self._app, job))
