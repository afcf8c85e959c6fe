"""One fleet, one outage, one recovery, event by event.

Rules
1. Every device is a production `Session`; the model gives it time, a queue and answers, as the agent does.
2. The server is one queue: a round costs 1/rounds_s, each command in it 1/commands_s more. Whoever would wait longer
   than `queue_s` is told to come back, which costs `REFUSAL_SHARE` of a round; whoever waits longer than the device's
   own timeout hangs up, and the work is done all the same.
3. In an outage of the server nobody answers. In an outage of coverage nobody asks; then all come back within
   `return_s`.
4. All chance comes from the seed. A device-event is a command said, a try, or an answer.

Source: `device.core.session` (back-off, polls), `device.transport` (timeout), `sync_server.api.app` (retry hint).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush

from device.core.session import POLL_EVERY, Act, Ask, Push, Queue, Rest, Session
from device.transport import TIMEOUT_S
from shared.problems import Code
from simulators.streams import Stream, Streams
from sync_server.api.app import RETRY_AFTER_S

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SERVER, COVERAGE = "server", "coverage"
WARM_S = 2 * POLL_EVERY.total_seconds()
TAIL_S = 30.0
LATENCY_S = 0.05
#: Whoever comes back at once comes at once: what is told apart is how they come after that.
FIRST_WAVE_S = 15.0
REFUSAL_SHARE = 0.05
_RETRY_AFTER = timedelta(seconds=RETRY_AFTER_S[Code.BUSY])
_SAY, _TRY, _ANSWER, _TURN = range(4)
_OK, _BUSY, _FAILED = range(3)
_IDS = tuple(f"c{n}" for n in range(500))


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is modelled.

    Args:
        devices: how many.
        outage: what is away, `SERVER` or `COVERAGE`.
        outage_s: for how long.
        return_s: within how many seconds coverage comes back for all of them.
        commands_h: what each technician says in an hour, on average.
        rounds_s: what all servers together can answer in a second, of rounds without commands.
        commands_s: and of commands.
        queue_s: how long a round may wait for its turn before it is refused.
        limit_s: how long after the outage the model gives up.
    """

    devices: int = 100_000
    outage: str = SERVER
    outage_s: float = 600.0
    return_s: float = 1.0
    commands_h: float = 6.0
    rounds_s: float = 5000.0
    commands_s: float = 10_000.0
    queue_s: float = 5.0
    limit_s: float = 1800.0


@dataclass
class Course:
    """What came of it; times in seconds, `drained_s` after the end of the outage, None if it never came.

    `waited_s` are the ages of commands when they were settled; `oldest_s` those of each device's oldest command when
    the outage ended; `tries_out` and `tries_back`, by device, the tries in the outage and those after it until the
    first answer; `arrivals` are requests in each second.
    """

    events: int = 0
    drained_s: float | None = None
    backlog: int = 0
    said: int = 0
    refused: int = 0
    timed_out: int = 0
    busy_s: float = 0.0
    ended_s: float = 0.0
    waited_s: list[float] = field(default_factory=list)
    oldest_s: list[float] = field(default_factory=list)
    tries_out: list[int] = field(default_factory=list)
    tries_back: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)


class _Device:
    """One laptop: its session, when each command of it was said, and whether the server has those in doubt."""

    __slots__ = ("back", "busy", "due", "out", "reached", "saved", "sent", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.saved: list[float] = []
        self.sent: list[tuple[float, bool]] = []
        self.busy = self.reached = False
        self.due = 0
        self.out = self.back = 0


@lru_cache(maxsize=4096)
def _queue(doubtful: int, saved: int) -> Queue:
    return Queue(_IDS[:doubtful], _IDS[doubtful : doubtful + saved])


def run(fleet: Fleet, seed: int, spread: Callable[[Stream], float] = Stream.unit) -> Course:
    """The course of one fleet. `spread` is how a device throws the dice that keep a herd apart."""
    return _Model(fleet, seed, spread).run()


class _Model:
    """The events to come, and everybody's state."""

    def __init__(self, fleet: Fleet, seed: int, spread: Callable[[Stream], float]) -> None:
        self._fleet, self._spread = fleet, spread
        streams = Streams(seed)
        self._say_dice, self._herd_dice = streams.of("fleet/say"), streams.of("fleet/herd")
        self._heap: list[tuple[float, int, int, _Device, object]] = []
        self._count = 0
        self._free_s = 0.0
        self._from_s, self._to_s = WARM_S, WARM_S + fleet.outage_s
        self._waiting = fleet.devices
        self.course = Course(arrivals=[0] * (int(self._to_s + fleet.limit_s) + 2))
        self._devices = [self._begin(streams.of("fleet/begin")) for _ in range(fleet.devices)]

    def _begin(self, dice: Stream) -> _Device:
        """A device that has been online for a while, somewhere between two polls."""
        device = _Device(Session(greeted=True, more=False))
        first_s = dice.between(0.0, POLL_EVERY.total_seconds())
        device.session.not_before = START + timedelta(seconds=first_s)
        self._plan(device, first_s)
        self._say_later(device, 0.0)
        if self._fleet.outage == COVERAGE:
            self._push(self._from_s, _TURN, device, False)
            self._push(self._to_s + dice.between(0.0, self._fleet.return_s), _TURN, device, True)
        return device

    # -- time

    def _push(self, at_s: float, kind: int, device: _Device, what: object) -> None:
        self._count += 1
        heappush(self._heap, (at_s, self._count, kind, device, what))

    def _plan(self, device: _Device, at_s: float) -> None:
        """Its next try; one that was planned before is off."""
        device.due += 1
        self._push(at_s, _TRY, device, device.due)

    def run(self) -> Course:
        """Until what waited in the outage is settled and everybody was answered, or the limit."""
        course, heap, ended = self.course, self._heap, False
        last_s = self._to_s + self._fleet.limit_s
        while heap:
            at_s, _, kind, device, what = heappop(heap)
            if at_s > last_s:
                break
            if not ended and at_s >= self._to_s:
                ended = True
                self._take_stock()
            self._happen(at_s, kind, device, what)
            if ended and course.drained_s is None and not (self._waiting or course.backlog):
                course.drained_s = at_s - self._to_s
                last_s = min(last_s, at_s + TAIL_S)
            course.ended_s = at_s
        self._close()
        return course

    def _happen(self, at_s: float, kind: int, device: _Device, what: object) -> None:
        if kind == _TRY:
            if what == device.due and not device.busy:
                self._step(at_s, device)
        elif kind == _ANSWER:
            self.course.events += 1
            self._answered(at_s, device, what)  # type: ignore[arg-type]  # what `_send` put there
        elif kind == _SAY:
            self.course.events += 1
            self._said(at_s, device)
        else:
            device.session.go(online=bool(what))
            self._step(at_s, device)

    def _take_stock(self) -> None:
        """The outage ends: what waits now has to be brought."""
        for device in self._devices:
            times = [*device.saved, *(said for said, _ in device.sent)]
            self.course.oldest_s += [self._to_s - min(times)] if times else []
            self.course.backlog += len(times)

    def _close(self) -> None:
        self.course.tries_out = [device.out for device in self._devices]
        self.course.tries_back = [device.back for device in self._devices]

    # -- technicians

    def _say_later(self, device: _Device, at_s: float) -> None:
        if self._fleet.commands_h > 0:
            gap_s = -math.log(1.0 - self._say_dice.unit()) * 3600.0 / self._fleet.commands_h
            self._push(at_s + gap_s, _SAY, device, None)

    def _said(self, at_s: float, device: _Device) -> None:
        device.saved.append(at_s)
        self.course.said += 1
        self._say_later(device, at_s)
        if not device.busy:
            self._step(at_s, device)

    # -- devices

    def _step(self, at_s: float, device: _Device) -> None:
        """What the agent does: ask the session, and do that."""
        action = device.session.next_action(_instant(at_s), _queue(len(device.sent), min(len(device.saved), 400)))
        if isinstance(action, Rest):
            if action.until is not None:
                self._plan(device, max(at_s, (action.until - START).total_seconds()))
            return
        assert isinstance(action, Ask | Push), "nobody's chain ends here"
        self._send(at_s, device, action)

    def _send(self, at_s: float, device: _Device, action: Ask | Push) -> None:
        self.course.events += 1
        self.course.arrivals[int(at_s)] += 1
        if at_s >= self._to_s:
            device.back += not device.reached
        elif at_s >= self._from_s:
            device.out += 1
        count = len(action.ids) if isinstance(action, Push) else 0
        back_s, word, applied = self._offer(at_s, count)
        if count:
            device.sent += [(said, applied) for said in device.saved[:count]]
            del device.saved[:count]
        device.busy = True
        self._push(back_s, _ANSWER, device, (word, action))

    def _answered(self, at_s: float, device: _Device, answer: tuple[int, Act]) -> None:
        word, action = answer
        device.busy = False
        if word == _OK:
            self._settle(at_s, device)
            if at_s >= self._to_s and not device.reached:
                device.reached = True
                self._waiting -= 1
            device.session.answered(_instant(at_s), more=False, act=action)
        else:
            retry_after = _RETRY_AFTER if word == _BUSY else None
            device.session.failed(_instant(at_s), self._spread(self._herd_dice), retry_after)
        self._step(at_s, device)

    def _settle(self, at_s: float, device: _Device) -> None:
        """What the server has is settled; what it never saw is sent again."""
        for said, applied in device.sent:
            if applied:
                self.course.waited_s.append(at_s - said)
                if said < self._to_s <= at_s:
                    self.course.backlog -= 1
        device.saved = [*(said for said, applied in device.sent if not applied), *device.saved]
        device.sent = []

    # -- the server

    def _offer(self, at_s: float, commands: int) -> tuple[float, int, bool]:
        """When the caller hears what, and whether its commands have taken effect."""
        fleet = self._fleet
        if fleet.outage == SERVER and self._from_s <= at_s < self._to_s:
            return at_s + LATENCY_S, _FAILED, False
        cost_s, begins_s = 1.0 / fleet.rounds_s, max(self._free_s, at_s)
        if begins_s - at_s > fleet.queue_s:
            self.course.refused += 1
            self._work(begins_s, cost_s * REFUSAL_SHARE)
            return at_s + LATENCY_S, _BUSY, False
        self._work(begins_s, cost_s + commands / fleet.commands_s)
        if self._free_s - at_s > TIMEOUT_S:
            self.course.timed_out += 1
            return at_s + TIMEOUT_S, _FAILED, True
        return self._free_s + LATENCY_S, _OK, True

    def _work(self, begins_s: float, cost_s: float) -> None:
        self._free_s = begins_s + cost_s
        if begins_s >= self._to_s:
            self.course.busy_s += cost_s


def _instant(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Half, 99 in 100, and the most; zeros where there is nothing."""
    if not values:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    ordered = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) for name, share in at.items()}


def after_first_wave(fleet: Fleet, course: Course) -> list[int]:
    """Requests in each second, from when the first wave is over until everything is drained; one second at least."""
    end_s = WARM_S + fleet.outage_s
    first = int(end_s + FIRST_WAVE_S)
    last = int(end_s + (fleet.limit_s if course.drained_s is None else course.drained_s))
    return course.arrivals[first : max(first + 1, last)]


def lumpiness(fleet: Fleet, course: Course) -> float:
    """The busiest second beside the mean one, once the first wave is over.

    Near 1 the herd comes evenly. A herd that stays together comes in waves, and wastes what lies between them.
    """
    seconds = after_first_wave(fleet, course)
    return max(seconds) * len(seconds) / sum(seconds) if sum(seconds) else 0.0


def pressure(fleet: Fleet, course: Course) -> float:
    """What the busiest second asks of the servers, once the first wave is over, beside what they can answer in it."""
    return max(after_first_wave(fleet, course)) / fleet.rounds_s
