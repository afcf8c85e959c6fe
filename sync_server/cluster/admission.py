"""Who may begin at an upstream now, who waits, and who is turned away: one line, as a pure state machine.

Rules
1. At most `slots` tickets run; at most `queue_max` wait. The most urgent begins first (0 before 1), within a priority
   whoever came first.
2. Where the line is full, a more urgent ticket takes the place of the least urgent that waits, the last to come.
3. A ticket that cannot begin before its deadline, as far as the measured line tells, does not wait for it in vain.
4. `retry_after_s` is what the line has measured: how long its tickets ran, times those ahead, over its slots.

No clock and no futures here: instants come in as seconds, and what follows comes back as values.
"""

import math
from dataclasses import dataclass, field

#: How much a new measurement moves the mean of the time that tickets run.
WEIGHT = 0.2
RETRY_MAX_S = 600


@dataclass(frozen=True, slots=True, order=True)
class Ticket:
    """A task's place: `priority` 0 is the most urgent, `number` rises, `deadline_s` is when it must have begun."""

    priority: int
    number: int
    deadline_s: float = field(default=math.inf, compare=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """It runs."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It waits; `displaced` had to go for it."""

    displaced: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Overloaded:
    """It may not wait; it is worth asking again after `retry_after_s` whole seconds."""

    retry_after_s: int


Admission = Begun | Waiting | Overloaded


class Line:
    """The tickets of one upstream."""

    def __init__(self, slots: int, queue_max: int, mean_s: float = 1.0) -> None:
        """`mean_s` is how long a ticket is taken to run as long as none was measured."""
        self._slots, self._queue_max, self._mean_s = slots, queue_max, mean_s
        self._running: set[Ticket] = set()
        self._waiting: list[Ticket] = []

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def load(self) -> float:
        """Tickets that run or wait, per slot."""
        return (len(self._running) + len(self._waiting)) / self._slots

    def wait_s(self, ahead: int | None = None) -> float:
        """How many seconds a ticket with `ahead` before it would wait; None for a new one of the least urgency."""
        if len(self._running) < self._slots:
            return 0.0
        before = len(self._waiting) if ahead is None else ahead
        return self._mean_s * (before + 1) / self._slots

    @property
    def retry_after_s(self) -> int:
        """Whole seconds after which the line has moved on by what stands in it, from 1 to `RETRY_MAX_S`."""
        return min(max(math.ceil(self.wait_s()), 1), RETRY_MAX_S)

    def ask(self, ticket: Ticket, now_s: float) -> Admission:
        """What becomes of a ticket that comes at `now_s`."""
        if len(self._running) < self._slots and not self._waiting:
            self._running.add(ticket)
            return Begun()
        ahead = sum(each < ticket for each in self._waiting)
        if now_s + self.wait_s(ahead) > ticket.deadline_s:
            return Overloaded(self.retry_after_s)
        displaced = None
        if len(self._waiting) >= self._queue_max:
            last = max(self._waiting, default=ticket)
            if last.priority <= ticket.priority:
                return Overloaded(self.retry_after_s)
            self._waiting.remove(last)
            displaced = last
        self._waiting.append(ticket)
        return Waiting(displaced)

    def leave(self, ticket: Ticket, ran_s: float | None = None) -> list[Ticket]:
        """A ticket is done, or gives up waiting; those that begin now. `ran_s` is measured of those that ran well."""
        if ran_s is not None:
            self._mean_s += WEIGHT * (ran_s - self._mean_s)
        self._running.discard(ticket)
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        return self._begin()

    def _begin(self) -> list[Ticket]:
        begun: list[Ticket] = []
        while self._waiting and len(self._running) < self._slots:
            ticket = min(self._waiting)
            self._waiting.remove(ticket)
            self._running.add(ticket)
            begun.append(ticket)
        return begun
