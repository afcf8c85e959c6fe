"""From a recording to a world: pure, so that a recording is always the same world.

Rules
1. Commands keep their time, kind, order, size and record, as far as one technician of the prepared organisation can
   say them: a text is as long as makes the command as many bytes. What cannot be said there (an answer to a question
   that nobody asked, a file that nobody has) is said as a note of the same size, and counted.
2. Between two exchanges the link is as at the nearer one. Who was answered was as far from the server as half the
   exchange took. Of a request that nothing came back of nobody knows whether it arrived: it does, which is the harder
   of the two. A link that was never tried is as good as any.
3. Who confirmed something and asked nobody for longer than a laptop with a bad link rests worked offline, or had shut
   the laptop: so does the replay.
4. After the last thing in the recording everything heals, as in every world.
5. What a recording does not say is not made up: withdrawals, and other people's work.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from device.core.recording import RecordedCommand, RecordedExchange, Recording
from device.core.session import BACKOFF_MAX
from device.store.exchange import SOMETHING_ELSE, UNREACHABLE, reached_server
from simulators.faults import FaultProfile
from simulators.wire import PORTAL_SPELL, UP
from simulators.workload import JOBS, JOBS_MAX, job, pump_of
from simulators.world.options import Act, Event, Habits, Options, Spoken

LAPTOP = "TB-01"
#: The laptop is unlocked and has greeted the server before anything is said.
LEAD_S = 10.0
#: On the way there, and on the way back: less than anybody waits for.
LATENCY_S_MAX = 9.0
TEXT_MAX = 4000
#: So many pieces are on the shelf that parts are taken from; more than that would be refused.
PIECES = 200
DAY_S = 86_400.0
#: A laptop that has something to send and is online asks more often than this.
SILENCE_S = 2 * BACKOFF_MAX.total_seconds()

#: Bytes of a command of the prepared organisation with an empty text, by kind.
BARE = {"note.added": 456, "finding.added": 477, "field.updated": 568, "work_order.created": 613}
_STEPS = {"open": "in_progress", "in_progress": "on_hold", "on_hold": "in_progress"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A world, and what of the recording could not be said in it as it was: how often, by kind."""

    options: Options
    as_notes: Mapping[str, int]


def plan(recording: Recording, profile: FaultProfile) -> Plan:
    """The world of a recording, with the faults of `profile` besides."""
    part = _Part(created=_created(recording.commands))
    spoken = tuple(part.say(each) for each in recording.commands)
    length_s = LEAD_S + recording.length_s
    options = Options(
        devices=1,
        commands=max(1, len(spoken)),
        profile=profile,
        habits=_habits(length_s, max((each.record for each in recording.commands), default=1)),
        events=(*_events(recording.link, length_s), *_offline(recording)),
        part=spoken,
        length_s=length_s,
    )
    return Plan(options, dict(sorted(part.as_notes.items())))


def _habits(length_s: float, records: int) -> Habits:
    """Who plays a long part looks up less often."""
    longer = max(1.0, length_s / DAY_S)
    usual = Habits(jobs=min(JOBS_MAX, max(JOBS, records)))
    from_s, to_s = usual.rounds_s
    return replace(
        usual,
        look_every_s=usual.look_every_s * longer,
        rounds_s=(from_s * min(longer, 6.0), to_s * min(longer, 6.0)),
        seldom_s=min(3600.0, usual.seldom_s * longer),
    )


# -- the link


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is like: the kind and the latency of a `simulators.wire.Spell`."""

    kind: str
    latency_s: float | None = None


def link_of(exchange: RecordedExchange) -> Link:
    """What the link must have been like for an exchange to be as it was."""
    if reached_server(exchange.what):
        return Link(UP, float(f"{min(LATENCY_S_MAX, exchange.took_s / 2):.2g}"))
    if exchange.what == UNREACHABLE:
        return Link("partition")
    return Link(PORTAL_SPELL if exchange.what == SOMETHING_ELSE else "one_way_up")


def _events(link: Sequence[RecordedExchange], length_s: float) -> Iterator[Event]:
    """The spells of a link, one after the other, equal ones as one."""
    if not link:
        return
    turns_s = [0.0, *(LEAD_S + _between_s(before, after) for before, after in pairwise(link)), length_s]
    begun_s = 0.0
    for exchange, after, end_s in zip(link, [*link[1:], None], turns_s[1:], strict=True):
        if after is not None and link_of(after) == link_of(exchange):
            continue
        this = link_of(exchange)
        yield Event(begun_s, Act.LINK, end_s - begun_s, LAPTOP, this.kind, this.latency_s)
        begun_s = end_s


def _offline(recording: Recording) -> Iterator[Event]:
    """The silences in which something was confirmed."""
    ends_s = [0.0, *(each.at_s + each.took_s for each in recording.link)]
    begins_s = [*(each.at_s for each in recording.link), recording.length_s]
    said_s = [each.at_s for each in recording.commands]
    for from_s, to_s in zip(ends_s, begins_s, strict=True):
        spoken = bisect_left(said_s, to_s) > bisect_left(said_s, from_s)
        if recording.link and spoken and to_s - from_s > SILENCE_S:
            yield Event(LEAD_S + from_s, Act.OFFLINE, to_s - from_s, LAPTOP)


def _between_s(before: RecordedExchange, after: RecordedExchange) -> float:
    """As far from the end of the one as from the beginning of the other."""
    end_s = min(before.at_s + before.took_s, after.at_s)
    return (end_s + after.at_s) / 2


# -- what is said


def _created(commands: Sequence[RecordedCommand]) -> frozenset[int]:
    """The numbers of the commands that create their record: the first about it, and of that kind."""
    first: dict[int, int] = {}
    for number, each in enumerate(commands):
        first.setdefault(each.record, number)
    return frozenset(number for number in first.values() if commands[number].kind == "work_order.created")


@dataclass
class _Part:
    """What a technician says, command by command, knowing what they said before."""

    created: frozenset[int]
    as_notes: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _taken: int = 0
    _new: dict[int, str] = field(default_factory=dict)
    _status: dict[str, str] = field(default_factory=dict)
    _written: Counter[str] = field(default_factory=Counter)
    _tagged: set[str] = field(default_factory=set)

    def say(self, command: RecordedCommand) -> Spoken:
        """The next one."""
        if self._number in self.created:
            self._new[command.record] = f"work_order/F-{command.record:06d}"
        place = 1 + (command.record - 1) % JOBS_MAX
        ref = self._new.get(command.record, f"work_order/{job(place)}")
        asset = "asset/PUMP-1" if command.record in self._new else pump_of(place)
        payload = self._payload(command, ref, asset)
        self._number += 1
        if payload is None:
            self.as_notes[command.kind] += 1
            return self._spoken(command, "note.added", ref, {"text": self._text("note.added", command)})
        return self._spoken(command, command.kind, ref, payload)

    def _spoken(self, command: RecordedCommand, kind: str, ref: str, payload: Mapping[str, Any]) -> Spoken:
        return Spoken(LEAD_S + command.at_s, kind, ref, payload)

    def _payload(self, command: RecordedCommand, ref: str, asset: str) -> dict[str, Any] | None:
        """None if it cannot be said."""
        match command.kind:
            case "note.added" | "finding.added":
                return {"text": self._text(command.kind, command)}
            case "field.updated":
                text = self._text(command.kind, command, seen=self._written[ref])
                self._written[ref] = len(text)
                return {"field": "description", "value": text}
            case "work_order.created" if self._number in self.created:
                text = self._text(command.kind, command)
                self._written[ref] = len(text)
                return {"title": f"Job {command.record}", "asset": asset, "description": text}
            case "status.changed":
                self._status[ref] = _STEPS[self._status.get(ref, "open")]
                return {"to": self._status[ref]}
            case "reading.recorded":
                return {"asset": asset, "quantity": "pressure", "value": float(self._number % 9), "unit": "bar"}
            case "part.consumed" if self._taken < PIECES:
                self._taken += 1
                return {"stock_item": "stock_item/FILTER-1", "quantity": 1}
            case "part.ordered":
                return {"stock_item": "stock_item/SEAL-1", "quantity": 1}
            case "tags.changed":
                self._tagged ^= {ref}
                return {"add": ["seen"]} if ref in self._tagged else {"remove": ["seen"]}
            case _:
                return None

    def _text(self, kind: str, command: RecordedCommand, *, seen: int = 0) -> str:
        """Words of nobody's, as many as make the command as large; `seen` characters stood there before."""
        words = f"{self._number + 1} as recorded "
        size = min(TEXT_MAX, max(len(words), command.bytes - BARE[kind] - seen))
        return (words * (1 + size // len(words)))[:size]
