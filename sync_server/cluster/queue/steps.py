"""What to do next with one task: data in, data out, no I/O.

Rules
1. Time first: what is over its time goes nowhere, whatever else is true.
2. Then the decision: what may run runs; what may not is refused, with the reason and what its author can do; what
   cannot run yet waits, never beyond its time.
3. A fruitless try is followed by another after a growing pause, `Limits.attempts_max` times; then it has failed. No
   room is no try: it waits as long as it takes.
4. An answer to another task, or under another fence, is no answer.
5. An answer is cut to what a record may hold, and says so.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.assist import Answer
from shared.backoff import backoff
from shared.records import ANSWER_CHARS_MAX, CITATIONS_MAX, TaskStatus
from shared.routing import Boundary, Decision, Route
from sync_server.cluster.queue.facts import SERVED
from sync_server.cluster.queue.port import Answered, Broke, Busy, Result, Unfit
from sync_server.store import TaskEntry

_LINE_CHARS = 400
_CUT = "\n[cut here: the rest was longer than a record may be]"


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the server is.

    Args:
        attempts_max: times that one task goes to the cluster without an answer, before it has failed.
        run_s: the longest that an engine is listened to.
        pause_s: before the second try; it doubles with every further one.
        pause_max_s: the longest pause.
    """

    attempts_max: int = 5
    run_s: float = 240.0
    pause_s: float = 5.0
    pause_max_s: float = 300.0

    def pause(self, tries: int) -> timedelta:
        """The pause after `tries` fruitless tries, at least one."""
        return timedelta(seconds=backoff(self.pause_s, self.pause_max_s, tries - 1))


@dataclass(frozen=True, slots=True)
class Run:
    """Mark it as running, durably; then have it run at one of `places`, best first, within so many seconds."""

    decision: Decision
    places: tuple[Boundary, ...]
    within_s: float


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing more now; go on at `at`.

    `tries` is how many fruitless ones there were in a row. `unsent` says that nothing left after all.
    """

    at: datetime
    tries: int
    detail: str
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """It was answered."""

    answer: Answer
    truncated: bool


@dataclass(frozen=True, slots=True)
class Over:
    """It will never run, or never again: `status` is failed, expired or refused."""

    status: TaskStatus
    detail: str


Resting = Later | Done | Over


def expired(row: TaskEntry, now: datetime) -> Over | None:
    """The end of a task whose time is over; None while it is not."""
    if now < row.expires_at:
        return None
    last = f" The last word on it: {row.detail}" if row.detail else ""
    return Over(TaskStatus.EXPIRED, _line(f"its time was over before it could be answered. Ask it again.{last}"))


def first(row: TaskEntry, decision: Decision, now: datetime, limits: Limits) -> Run | Later | Over:
    """What to do with a row that was just leased, given the server's own decision about it."""
    if over := expired(row, now):
        return over
    if decision.route in SERVED:
        places = tuple(place for place in SERVED if place in {decision.route, *decision.fallbacks})
        best = tuple(sorted(places, key=lambda place: place is not decision.route))
        return Run(decision, best, min(limits.run_s, (row.expires_at - now).total_seconds()))
    if decision.route is Route.QUEUE:
        return waits(row, now, limits, decision.reason)
    return Over(TaskStatus.REFUSED, _line(f"{_why(decision)}. {decision.advice}".strip()))


def _why(decision: Decision) -> str:
    """Why it may not run at the nearest of this server's places."""
    told = {each.route: each.reason for each in decision.why_not}
    return next((told[place] for place in SERVED if place in told), decision.reason)


def waits(row: TaskEntry, now: datetime, limits: Limits, detail: str, after_s: float | None = None) -> Later:
    """It waits for room or for a place, but never beyond its time; how long is no fault of its own."""
    pause = limits.pause(min(row.tries + 1, 8)) if after_s is None else timedelta(seconds=max(1.0, after_s))
    at = min(now + min(pause, timedelta(seconds=limits.pause_max_s)), row.expires_at)
    return Later(at, row.tries + (after_s is None), _line(detail))


def fruitless(row: TaskEntry, now: datetime, limits: Limits, detail: str) -> Later | Over:
    """After a try without an answer: another one later, or the end. `row` counts that try among its attempts."""
    if row.attempts >= limits.attempts_max:
        return Over(TaskStatus.FAILED, _line(f"tried {row.attempts} times; the last time: {detail}. Ask it again."))
    return Later(min(now + limits.pause(max(1, row.attempts)), row.expires_at), row.tries + 1, _line(detail))


def after_run(row: TaskEntry, run: Run, result: Result, limits: Limits, now: datetime) -> Resting:
    """What the result of a run means for `row` (as it was marked, so the run is among its attempts)."""
    match result:
        case Answered():
            wrong = _unbelievable(row, run, result)
            return fruitless(row, now, limits, wrong) if wrong else _done(result.answer)
        case Busy(detail, after_s):
            return replace(waits(row, now, limits, detail, after_s), unsent=True)
        case Broke(detail):
            return fruitless(row, now, limits, detail)
        case Unfit(detail):
            return Over(TaskStatus.FAILED, _line(detail))
        case _:
            assert_never(result)


def _unbelievable(row: TaskEntry, run: Run, result: Answered) -> str | None:
    if (result.answer.task, result.fence) != (row.command, row.fence):
        return "the cluster answered another question"
    route = result.answer.route
    return None if route in run.places else f"it was answered at {route}, where it was not to go"


def _done(answer: Answer) -> Done:
    """The answer as a record can hold it."""
    text, pages = answer.text, answer.citations
    cut = len(text) > ANSWER_CHARS_MAX
    fits = {
        "text": text[: ANSWER_CHARS_MAX - len(_CUT)] + _CUT if cut else text,
        "citations": pages[:CITATIONS_MAX],
        "attempts": answer.attempts[-CITATIONS_MAX:],
    }
    return Done(answer.model_copy(update=fits), cut or len(pages) > CITATIONS_MAX)


def _line(words: str) -> str:
    """`words` as a line of bounded length."""
    return words[:_LINE_CHARS]
