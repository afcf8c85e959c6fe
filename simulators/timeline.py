"""What happened in one world, as people tell it: who was cut off, down or asleep when, and how each command fared.

Rules
1. A witness looks on and touches nothing: the world that it saw has the hash of the world that nobody saw, and
   whoever shows it compares the two.
2. How a command stands is read from the laptop's own file after each of its commits, with SQL alone.
3. It outlives a world that falls apart: what was seen until then is there.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from device import keys as device_keys
from device.settings import Settings
from simulators.evidence import opened_copy
from simulators.faults import Hit
from simulators.hosts import Host
from simulators.world.options import PIN
from simulators.world.stage import Stage

#: More commands than this are counted and not listed.
OPERATIONS_MAX = 10_000
_LASTING = re.compile(r"(?P<what>[a-z_ ]+?)(?: for)? (?P<seconds>[0-9.]+) s")
#: What a command is that the laptop does not know any more, though it was never settled.
GONE = "gone"
#: The same, where an older image of the laptop's disk was put in its place.
SET_BACK = "set back"
_AWAY = "out of coverage"
_DOWN = "down"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted on one host, in seconds of the world; `words` say how it began."""

    lane: str
    kind: str
    from_s: float
    to_s: float
    words: str


@dataclass(frozen=True, slots=True)
class Strike:
    """One committed fault."""

    at_s: float
    lane: str
    fault: str


@dataclass
class Operation:
    """One command on its laptop: its states in order, each with the second in which it began."""

    id: str
    lane: str
    kind: str
    record: str
    steps: list[tuple[float, str]] = field(default_factory=list)
    outcome: str = ""


@dataclass
class Witness:
    """Looks on at one world: `world.run(..., watch=witness)`."""

    spans: list[Span] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    lanes: list[str] = field(default_factory=list)
    healed_s: float | None = None
    settled_s: float | None = None
    last_s: float = 0.0
    _open: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    _keys: dict[str, bytes] = field(default_factory=dict)
    _hosts: dict[str, Host] = field(default_factory=dict)
    _set_back: set[str] = field(default_factory=set)
    _latest_fault: str = ""
    _now_s: Callable[[], float] = field(default=float)

    def __call__(self, stage: Stage) -> None:
        """Begin to look."""
        self._hosts = {name: seat.host for name, seat in stage.seats.items()}
        self.lanes, self._now_s = [host.name for host in stage.hosts], stage.wire.loop.time
        for hit in stage.chaos.committed:
            self._struck(hit)
        stage.around.trace.listeners.append(self._hear)
        stage.chaos.listeners.append(self._struck)

    def _struck(self, hit: Hit) -> None:
        self._latest_fault = hit.fault
        self.strikes.append(Strike(self._now_s(), hit.place.partition("/")[0], hit.fault))

    def _hear(self, at_s: float, who: str, what: str) -> None:
        self.last_s = at_s
        if who not in self.lanes and who != "world":
            self.lanes.append(who)
        if what == "restored from a backup":
            self._set_back.add(who)
        if who in self._hosts and what.startswith("commit"):
            self._read(at_s, who)
        elif who == "world":
            self._turn(at_s, what)
        else:
            self._span(at_s, who, what)

    def _turn(self, at_s: float, what: str) -> None:
        if what == "healed":
            self.healed_s = at_s
            self._cut_all(at_s)
        elif what == "settled":
            self.settled_s = at_s

    def _span(self, at_s: float, who: str, what: str) -> None:
        if what.startswith("crash"):
            self._cut(who, at_s)
            self._open[who, _DOWN] = at_s, what
        elif what.startswith("boot"):
            self._close(who, _DOWN, at_s)
        elif what.startswith("leaves coverage"):
            self._open[who, _AWAY] = at_s, what
        elif what.startswith("is back in coverage"):
            self._close(who, _AWAY, at_s)
        elif lasting := _LASTING.fullmatch(what):
            kind = "suspend" if self._latest_fault == "suspend" else lasting["what"]
            self.spans.append(Span(who, kind, at_s, at_s + float(lasting["seconds"]), what))

    def _close(self, who: str, kind: str, at_s: float) -> None:
        if begun := self._open.pop((who, kind), None):
            self.spans.append(Span(who, kind, begun[0], at_s, begun[1]))

    def _cut(self, who: str, at_s: float) -> None:
        """A crash ends a pause; the weather on the link goes on."""
        for n, span in enumerate(self.spans):
            if span.lane == who and span.kind in {"pause", "suspend"} and span.to_s > at_s:
                self.spans[n] = Span(who, span.kind, span.from_s, at_s, span.words)
        self._close(who, _DOWN, at_s)

    def _cut_all(self, at_s: float) -> None:
        """Everything heals."""
        for who, kind in list(self._open):
            if kind == _AWAY:
                self._close(who, kind, at_s)
        self.spans = [Span(s.lane, s.kind, s.from_s, min(s.to_s, at_s), s.words) for s in self.spans]

    def _read(self, at_s: float, who: str) -> None:
        rows = self._outbox(who)
        there = {command for command, *_ in rows}
        gone = SET_BACK if who in self._set_back else GONE
        self._set_back.discard(who)
        for each in self.operations.values():
            if each.lane == who and each.id not in there and each.steps[-1][1] not in {"settled", GONE, SET_BACK}:
                each.steps.append((at_s, gone))
        for command, state, receipt, payload in rows:
            operation = self.operations.get(command)
            if operation is None:
                said = json.loads(bytes(payload))
                operation = Operation(command, who, said["kind"], said["record"])
                self.operations[command] = operation
            if state != (operation.steps[-1][1] if operation.steps else ""):
                operation.steps.append((at_s, state))
            if receipt and not operation.outcome:
                operation.outcome = json.loads(receipt)["outcome"]

    def _outbox(self, who: str) -> list[Any]:
        settings = Settings(self._hosts[who].home)
        if who not in self._keys:
            self._keys[who] = device_keys.unlock(settings.keys, PIN).database
        with opened_copy(settings.database, self._keys[who]) as connection:
            return list(connection.execute("SELECT id, state, receipt, payload FROM outbox ORDER BY position"))

    # -- told

    def data(self) -> dict[str, Any]:
        """For a JSON file; times are seconds of the world."""
        shown = list(self.operations.values())[:OPERATIONS_MAX]
        return {
            "lanes": self.lanes,
            "length_s": round(self.last_s, 3),
            "healed_s": self.healed_s,
            "settled_s": self.settled_s,
            "spans": [[s.lane, s.kind, round(s.from_s, 1), round(s.to_s, 1), s.words] for s in self._all_spans()],
            "strikes": [[round(s.at_s, 1), s.lane, s.fault] for s in self.strikes],
            "operations_total": len(self.operations),
            "operations": [
                {
                    "id": each.id,
                    "lane": each.lane,
                    "kind": each.kind,
                    "record": each.record,
                    "steps": [[round(at, 1), state] for at, state in each.steps],
                    "outcome": each.outcome,
                }
                for each in shown
            ],
        }

    def _all_spans(self) -> Iterator[Span]:
        yield from self.spans
        for (who, kind), (from_s, words) in self._open.items():
            yield Span(who, kind, from_s, self.last_s, words)
