"""What the real laptop saw and what the replay saw, beside each other: for people to compare, and no verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from device.core.recording import Recording
from device.store.exchange import reached_server
from simulators.replay.plan import LAPTOP
from simulators.world import Run


@dataclass(frozen=True, slots=True)
class Seen:
    """What one laptop saw: commands and bytes that were saved, what came of them and of its exchanges, by word."""

    commands: int
    bytes: int
    outcomes: Mapping[str, int]
    link: Mapping[str, int]

    @property
    def answered(self) -> int:
        """Exchanges in which the server answered, whatever it said."""
        return sum(count for what, count in self.link.items() if reached_server(what))

    @property
    def failed(self) -> int:
        """All others."""
        return sum(self.link.values()) - self.answered

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "commands": self.commands,
            "bytes": self.bytes,
            "outcomes": dict(self.outcomes),
            "answered": self.answered,
            "failed": self.failed,
            "link": dict(self.link),
        }


def recorded(recording: Recording) -> Seen:
    """What the real laptop saw."""
    size = sum(each.bytes for each in recording.commands)
    return _seen(size, (each.outcome for each in recording.commands), (each.what for each in recording.link))


def replayed(result: Run) -> Seen:
    """What the simulated one saw, until everything was settled."""
    settled = result.settled.get(LAPTOP, {})
    file = result.evidence.devices[LAPTOP]
    outcomes = [settled[each.id].value if each.id in settled else each.state for each in file.outbox]
    return _seen(sum(len(each.payload) for each in file.outbox), outcomes, file.met)


def _seen(size: int, outcomes: Iterable[str], met: Iterable[str]) -> Seen:
    told = Counter(outcomes)
    return Seen(sum(told.values()), size, dict(sorted(told.items())), dict(sorted(Counter(met).items())))


def lines(real: Seen, again: Seen) -> list[str]:
    """A table, a line for whatever either of them saw."""
    rows: list[tuple[str, int, int]] = [
        ("commands", real.commands, again.commands),
        ("bytes of commands", real.bytes, again.bytes),
    ]
    rows += _rows("outcome", real.outcomes, again.outcomes)
    rows += [("exchanges answered", real.answered, again.answered), ("exchanges failed", real.failed, again.failed)]
    rows += _rows("exchange", real.link, again.link)
    head = f"{'':32} {'recorded':>10} {'replayed':>10}"
    return [head, *(f"{name:32} {then:>10} {now:>10}" for name, then, now in rows)]


def _rows(what: str, real: Mapping[str, int], again: Mapping[str, int]) -> list[tuple[str, int, int]]:
    return [(f"  {what} {name}", real.get(name, 0), again.get(name, 0)) for name in sorted({*real, *again})]
