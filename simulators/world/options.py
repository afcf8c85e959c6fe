"""What a world consists of, and what became of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.outcomes import Outcome
from simulators.checkers.base import Evidence
from simulators.evidence import Said
from simulators.faults import CALM, FaultProfile, Hits

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TENANT, ADDRESS, PIN = "t", "sync.example", "2468"
SERVER = "server"
APPROVERS = ("a.one", "a.two")


@dataclass(frozen=True, slots=True)
class Options:
    """What a world consists of: its laptops, what each technician says, and what goes wrong."""

    devices: int = 1
    commands: int = 20
    profile: FaultProfile = CALM
    keep_lines: bool = False


@dataclass
class Told:
    """One technician's memory: what the screen called saved, by command id, and what could not be said.

    `tried` was confirmed, and the laptop died before it said what became of it.
    `shown` and `taken` are what the screen showed since: each command's final words, in order; what the server has.
    """

    saved: dict[str, Said] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    tried: list[Said] = field(default_factory=list)
    shown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a world. `trace` and `steps_hash` are the same for the same seed, options and program.

    `unsettled` names what still has no outcome hours after the faults healed; `errors`, what no program may raise;
    `evidence` is what judges look at.
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
