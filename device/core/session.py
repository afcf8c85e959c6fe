"""The device's side of the sync protocol, sans-I/O: what to do next, and what an answer means.

Rules
1. Outcome before replay: while anything is in doubt, the only thing to send is the question about it.
2. A round without an answer puts everything that it carried in doubt and changes nothing else.
3. Commands go up in the order of the chain, at most one round's worth at a time; changes come down with every round.
   With nothing to send, a round asks after what the server holds.
4. After a failure the next try waits, longer each time, with the spread that the caller's randomness gives.
5. Offline means that nothing is tried.

Not handled here: clocks, sockets, the database. The caller passes the time and the queue, performs the action, and
reports what came of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.sync import COMMANDS_MAX

BACKOFF_FIRST = timedelta(seconds=1)
BACKOFF_MAX = timedelta(minutes=5)
POLL_EVERY = timedelta(seconds=30)
#: Whoever must wait longer than this lives with a clock that was set back, and need not wait at all.
WAIT_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What the outbox holds that the network could change: ids, oldest first. `held` wait on the server."""

    in_doubt: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask what became of these, and send nothing else up."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Push:
    """Send these and take what comes down. With none, the round only brings changes."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before `until`; None while offline."""

    until: datetime | None


Action = Ask | Push | Rest


@dataclass
class Session:
    """The state between rounds that need not survive a restart; what must survive is in the outbox."""

    online: bool = True
    failures: int = 0
    not_before: datetime | None = None
    more: bool = True

    def next_action(self, now: datetime, queue: Queue) -> Action:
        """What to do at `now`, given `queue`."""
        if not self.online:
            return Rest(None)
        waiting = self.not_before is not None and now < self.not_before <= now + WAIT_MAX
        fresh = self.failures == 0 and (queue.saved or queue.in_doubt or self.more)
        if waiting and not fresh:
            return Rest(self.not_before)
        if queue.in_doubt:
            return Ask(queue.in_doubt[:COMMANDS_MAX])
        if queue.held and not queue.saved:
            return Ask(queue.held[:COMMANDS_MAX])
        return Push(queue.saved[:COMMANDS_MAX])

    def answered(self, now: datetime, *, more: bool) -> None:
        """A round came back; `more` says that the server has further changes at hand."""
        self.failures = 0
        self.more = more
        self.not_before = now + POLL_EVERY

    def failed(self, now: datetime, spread: float, retry_after: timedelta | None = None) -> None:
        """A round brought no usable answer. `spread` in [0, 1) keeps a herd of devices apart."""
        self.failures += 1
        longest = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(self.failures - 1, 16))
        self.not_before = now + min(WAIT_MAX, max(longest * (0.5 + spread / 2), retry_after or timedelta(0)))

    def send_now(self) -> None:
        """A person asked for a round: forget the waiting, keep the state."""
        self.not_before = None
        self.more = True

    def go(self, *, online: bool) -> None:
        """Work online or offline from now on."""
        self.online = online
        self.failures = 0
        self.send_now()
