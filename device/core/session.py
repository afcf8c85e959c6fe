"""The device's side of the sync protocol, sans-I/O: what to do next, and what an answer means.

Rules
1. Outcome before replay: while anything is in doubt, the only thing to send is the question about it.
2. A session begins with a round that pushes nothing, so that the server and this outbox can be compared first. A
   round without an answer ends the session, puts everything that it carried in doubt and changes nothing else.
3. Commands go up in the order of the chain, at most one round's worth at a time (`device.core.rounds`); changes come
   down with them, but after full rounds, when the server may put them off. With nothing to send, a round asks after
   what the server holds, all of it in turn. A backlog ends in smaller rounds: while the last answer is taken in, the
   server rests.
4. What the server turned away is tried again once in each session and whenever a person asks.
5. If the chain cannot go on, that is said before anything else is sent.
6. Shut out, the device brings what it has, once, and then asks rarely whether it is let in again.
7. After a failure the next try waits, longer each time, with the spread that the caller's randomness gives; if the
   server says how long to wait, at least that long. That a question about doubt is answered does not make up for the
   commands that failed: until some get through, they wait longer each time.
8. Offline means that nothing is tried.
9. The next round may leave as soon as the server has signed that everything that was sent is settled, before the
   answer's receipts are read; and one more while that answer, by then believed, is written down. Should either fail,
   all of these rounds are in doubt, and rule 1 holds.

Not handled here: clocks, sockets, the database. The caller passes the time and the queue, performs the action, and
reports what came of it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.backoff import backoff
from shared.sync import COMMANDS_MAX, EpochEnd

BACKOFF_FIRST = timedelta(seconds=1)
BACKOFF_MAX = timedelta(minutes=5)
POLL_EVERY = timedelta(seconds=30)
SHUT_OUT_EVERY = timedelta(minutes=15)
#: So many commands are never sent in two rounds: each costs some milliseconds, however small.
TOGETHER_MIN = 240
#: A round with so many is not full, and brings changes.
UNFILLED = COMMANDS_MAX - 50
#: Whoever must wait longer than this lives with a clock that was set back, and need not wait at all.
WAIT_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What the outbox holds that the network could change: ids, oldest first.

    `held` wait on the server; `turned` were turned away and may be sent again.
    """

    in_doubt: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask what became of these, and send nothing else up."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Push:
    """Send these and take what comes down. With none, the round only brings changes."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Say that the chain cannot go on in this epoch, and why."""

    ended: EpochEnd


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before `until`; None while offline."""

    until: datetime | None


Act = Ask | Push | Close
Action = Act | Rest


@dataclass
class Session:
    """The state between rounds that need not survive a restart; what must survive is in the outbox.

    Args:
        greeted: the session has begun: a round was answered.
        ended: why the chain cannot go on, until the server has heard it.
        shut_out: the server takes what is brought, keeps it for review, and tells nothing.
        patient: the server asked for the waiting.
        retried: what was turned away and has been sent again in this session.
    """

    online: bool = True
    failures: int = 0
    not_before: datetime | None = None
    more: bool = True
    greeted: bool = False
    ended: EpochEnd | None = None
    shut_out: bool = False
    patient: bool = False
    retried: set[str] = field(default_factory=set)
    _held_asked: int = 0
    _pushes_failed: int = 0

    def next_action(self, now: datetime, queue: Queue) -> Action:
        """What to do at `now`, given `queue`."""
        if not self.online:
            return Rest(None)
        sendable = self._sendable(queue)
        waiting = self.not_before is not None and now < self.not_before <= now + WAIT_MAX
        if waiting and not self._is_fresh(queue, sendable):
            return Rest(self.not_before)
        if self.shut_out:
            return Push((*queue.in_doubt, *sendable)[:COMMANDS_MAX])
        if self.ended:
            return Close(self.ended)
        if queue.in_doubt:
            return Ask(queue.in_doubt[:COMMANDS_MAX])
        if queue.held and not sendable:
            return Ask(self._in_turn(queue.held))
        return Push(sendable[:COMMANDS_MAX] if self.greeted else ())

    def ahead(self, act: Act, queue: Queue, *, more: bool) -> Push | None:
        """The round that may follow `act` at once, before its answer is read; None if there is none.

        Args:
            act: on its way. If not everything in it is settled, or anything unforeseen is said, nothing follows.
            queue: as it was when `act` was chosen.
            more: the server may have further changes at hand.
        """
        if not self.steady or not isinstance(act, Push) or queue.in_doubt or queue.turned or queue.held:
            return None
        sent = frozenset(act.ids)
        left = tuple(each for each in queue.saved if each not in sent)
        return Push(left[: _share(len(left))]) if left or more else None

    @property
    def steady(self) -> bool:
        """Whether rounds may follow each other: nothing was said that must be looked at first."""
        return self.online and self.greeted and not self.shut_out and self.ended is None

    def _sendable(self, queue: Queue) -> tuple[str, ...]:
        return (*(each for each in queue.turned if each not in self.retried), *queue.saved)

    def _is_fresh(self, queue: Queue, sendable: tuple[str, ...]) -> bool:
        """Whether there is something to do that need not wait."""
        if self.shut_out:
            return self.failures == 0 and bool(queue.in_doubt or sendable)
        return self.failures == 0 and not self.patient and bool(sendable or queue.in_doubt or self.more or self.ended)

    def _in_turn(self, held: tuple[str, ...]) -> tuple[str, ...]:
        start = self._held_asked % len(held)
        return (held[start:] + held[:start])[:COMMANDS_MAX]

    def answered(
        self,
        now: datetime,
        *,
        more: bool,
        act: Act | None = None,
        ended: EpochEnd | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """A round came back.

        Args:
            now: when.
            more: the server has further changes at hand.
            act: what the round did.
            ended: why the chain cannot go on, if the answer showed that.
            retry_after: how long the server asks to be left alone.
        """
        self.failures = 0
        self.more = more
        self.shut_out = False
        self.ended = ended if not (self.greeted and isinstance(act, Close)) else None
        self.greeted = True
        self.patient = bool(retry_after)
        self.not_before = now + (min(retry_after, WAIT_MAX) if retry_after else POLL_EVERY)
        if isinstance(act, Push) and act.ids:
            self.retried.update(act.ids)
            self._pushes_failed = 0
        if isinstance(act, Ask):
            self._held_asked += len(act.ids)

    def failed(
        self, now: datetime, spread: float, retry_after: timedelta | None = None, act: Act | None = None
    ) -> None:
        """A round brought no usable answer to `act`. `spread` in [0, 1) keeps a herd of devices apart."""
        self.failures += 1
        self._pushes_failed += isinstance(act, Push) and bool(act.ids)
        self._begin_anew()
        tries = max(self.failures, self._pushes_failed)
        longest = backoff(BACKOFF_FIRST, BACKOFF_MAX, tries - 1)
        self.not_before = now + min(WAIT_MAX, max(longest * (0.5 + spread / 2), retry_after or timedelta(0)))

    def turned_out(self, now: datetime, act: Act) -> None:
        """The server keeps what was brought for review and tells nothing."""
        if not self.shut_out:
            self._begin_anew()
        self.failures, self.shut_out = 0, True
        if isinstance(act, Push):
            self.retried.update(act.ids)
        self.not_before = now + SHUT_OUT_EVERY

    def _begin_anew(self) -> None:
        self.greeted, self.ended = False, None
        self.retried.clear()

    def send_now(self) -> None:
        """A person asked for a round: forget the waiting, keep the state."""
        self.not_before = None
        self.more = True
        self.patient = False
        self.retried.clear()

    def go(self, *, online: bool) -> None:
        """Work online or offline from now on."""
        self.online = online
        self.failures = 0
        self._begin_anew()
        self.send_now()


def _share(left: int) -> int:
    """How many of the last `left` commands of a backlog go together."""
    if left > 2 * COMMANDS_MAX or left <= TOGETHER_MIN:
        return COMMANDS_MAX
    return min(UNFILLED, -(-left * 3 // 5))
