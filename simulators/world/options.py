"""What a world consists of, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.outcomes import Outcome
from simulators.checkers.base import Evidence
from simulators.evidence import Said
from simulators.faults import CALM, FaultProfile, Hit, Hits

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TENANT, ADDRESS, PIN = "t", "sync.example", "2468"
SERVER = "server"


@dataclass(frozen=True, slots=True)
class Habits:
    """How people live; lengths in seconds.

    Args:
        jobs: how many jobs everybody works on.
        away: how many of a technician's spells are out of coverage, 0 to 1, each of up to
        away_s_max: seconds between two things said.
        absent_s: laptop → over how long its technician says everything, out of coverage from beginning to end.
        asks: how often somebody leaves a question for the cluster after having said something, 0 to 1.
        wonders: how often somebody asks for an answer now after a while of work, 0 to 1.
        rounds_s: from and to how long somebody at the office waits between two rounds.
        look_every_s: how often people look at their screens.
        seldom_s: how often the server looks for work of its own, at most.
    """

    jobs: int = 8
    away: float = 0.7
    away_s_max: float = 1800.0
    absent_s: Mapping[str, float] = field(default_factory=dict)
    asks: float = 0.1
    wonders: float = 0.1
    rounds_s: tuple[float, float] = (60.0, 600.0)
    look_every_s: float = 1200.0
    seldom_s: float = 300.0


class Act(StrEnum):
    """What a scenario makes happen at a certain time."""

    SERVER_DOWN = "server_down"
    NO_COVERAGE = "no_coverage"
    REVOKED = "revoked"
    LINK = "link"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Event:
    """What happens at `at_s` seconds, whatever the dice say: for `for_s` seconds, to laptop `who` (all if empty).

    `link` and `latency_s` say what a `LINK` is like: the kind and the latency of a `simulators.wire.Spell`.
    """

    at_s: float
    act: Act
    for_s: float = 0.0
    who: str = ""
    link: str = ""
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing that a technician says, at `at_s` seconds: a command of a kind, about a record."""

    at_s: float
    kind: str
    record: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What a world consists of: its laptops, what each technician says, and what goes wrong.

    `fewer` are the technicians, by laptop, who say less than `commands`. With a `script`, exactly its hits happen.
    With a `part` to play every technician says exactly that, and is done after `length_s` seconds. What has not
    settled within `patience` after everything healed, never will.
    """

    devices: int = 1
    commands: int = 20
    profile: FaultProfile = CALM
    keep_lines: bool = False
    fewer: Mapping[str, int] = field(default_factory=dict)
    script: frozenset[Hit] | None = None
    habits: Habits = Habits()
    events: tuple[Event, ...] = ()
    part: tuple[Spoken, ...] | None = None
    length_s: float = 0.0
    patience: timedelta = timedelta(hours=6)

    @property
    def steps_max(self) -> int:
        """Far more steps than such a world takes: a sound one takes less than a hundred for each command.

        So it does for each time that a laptop asks, which at rest is twice a minute.
        """
        return 100_000 + self.devices * (50_000 + 1_000 * self.commands + int(10 * self.length_s))


@dataclass
class Told:
    """One technician's memory: what the screen called saved, by command id, and what could not be said.

    `tried` was confirmed, and the laptop died before it said what became of it.
    `taken_back` is what they withdrew and saw withdrawn; a disk that was set back or copied may still bring it.
    `shown` and `taken` are what the screen showed since: each command's final words, in order; what the server has.
    """

    saved: dict[str, Said] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    tried: list[Said] = field(default_factory=list)
    shown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    taken_back: set[str] = field(default_factory=set)
    disk_was_copied: bool = False

    def see(self, command: str, word: str | None) -> None:
        """The screen shows that the server has a command, and what became of it if that is settled."""
        self.taken.add(command)
        ever = self.shown.get(command, ())
        if word and word not in ever[-1:]:
            self.shown[command] = (*ever, word)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a world. `trace` and `steps_hash` are the same for the same seed, options and program.

    `unsettled` names what still has no outcome hours after the faults healed; `errors`, what no program may raise;
    `evidence` is what judges look at. `schedule` are the committed faults, in order; `recovery_s` is how long after
    everything healed the last command was settled, to ten seconds; None if that never came.
    """

    seed: int
    trace: str
    steps_hash: str
    steps: int
    virtual_s: float
    settled: dict[str, dict[str, Outcome]]
    hits: Hits
    crashes: int
    told: dict[str, Told]
    unsettled: tuple[str, ...]
    errors: tuple[str, ...]
    lines: list[str]
    evidence: Evidence
    schedule: tuple[Hit, ...]
    recovery_s: float | None
