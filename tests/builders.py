"""Small makers of the values that tests are about. Defaults are boring; a test names what matters to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciliation.compose import Author, compose
from reconciliation.decide import Defer, Facts, Past, Pending, Ruling, decide
from reconciliation.rebase import View
from shared.commands import payload_class
from shared.commands.base import OFFICE, Command, Role
from shared.ids import record_ref, sha256_hex, uuid7
from shared.ports import Ports
from shared.records import Record, Stamp, check_fields

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
JOB = "work_order/WO-1"
OTHER_JOB = "work_order/WO-2"
PUMP = "asset/PUMP-1"
SEAL = "stock_item/SEAL-1"
TECHNICIAN = frozenset({Role.TECHNICIAN})
RESOLVER = frozenset({Role.RESOLVER, Role.DISPATCHER})


class StillClock:
    """A clock that tests move by hand."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at
        self.elapsed_s = 0.0
        self.boot = "boot-1"

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.elapsed_s

    def boot_id(self) -> str:
        return self.boot

    def move(self, by: timedelta) -> None:
        self.at += by
        self.elapsed_s += by.total_seconds()


class Counting:
    """Randomness that never repeats and never surprises."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")


def still_ports() -> Ports:
    return Ports(StillClock(), Counting())


_ids = Counting()


def new_id() -> str:
    return uuid7(NOW, _ids.draw(10))


def record(ref: str = JOB, version: int = 1, **fields: Any) -> Record:
    """A record that the office made; every field not named has its kind's default."""
    defaults: Mapping[str, Mapping[str, Any]] = {
        "work_order": {"title": "Check", "asset": PUMP},
        "asset": {"name": "Pump", "type": "pump"},
        "stock_item": {"name": "Seal", "part_no": "S-1", "on_hand": 5},
    }
    kind = ref.partition("/")[0]
    born = Stamp(version, new_id(), OFFICE, "office.person", NOW - timedelta(days=1))
    return Record(ref, version, check_fields(kind, {**defaults.get(kind, {}), **fields}), born)


@dataclass
class World:
    """Authoritative records, and commands decided against them one after the other, as a server would."""

    records: dict[str, Record]
    past: dict[str, Past] = field(default_factory=dict)

    @classmethod
    def of(cls, *records: Record) -> "World":
        return cls({each.ref: each for each in records})

    def give(
        self, command: Command, roles: frozenset[Role] = TECHNICIAN, at: datetime = NOW, **more: Any
    ) -> Ruling | Pending:
        approval = self.records.get(record_ref("approval", command.id))
        known: dict[str, Any] = {"hash": sha256_hex(command.to_bytes()), "approval": approval, **more}
        ruling = decide(Facts(command, roles, self.records, self.past, at, **known))
        if isinstance(ruling, Defer):
            self.records[ruling.approval.ref] = ruling.approval
        if isinstance(ruling, Ruling):
            self.records |= {each.ref: each for each in ruling.writes}
            versions = {each.ref: each.version for each in ruling.writes}
            self.past[command.id] = Past(ruling.outcome, versions=versions)
        return ruling

    def settle(
        self, command: Command, roles: frozenset[Role] = TECHNICIAN, at: datetime = NOW, **more: Any
    ) -> Ruling:
        ruling = self.give(command, roles, at, **more)
        assert isinstance(ruling, Ruling), f"expected a ruling, got {ruling}"
        return ruling


@dataclass
class Person:
    """Somebody who gives commands based on what they see; a device's author sees their own pending ones."""

    view: View
    device: str = "TB-01"
    actor: str = "a.okafor"
    seq: int = 0

    @classmethod
    def at(cls, world: World, device: str = "TB-01", actor: str = "a.okafor") -> "Person":
        """An author who has just synced with `world`."""
        return cls(View(dict(world.records)), device, actor)

    def say(self, kind: str, record: str = JOB, **payload: Any) -> Command:
        self.seq += 1
        chain = None if self.device == OFFICE else (1, self.seq, None)
        author = Author(new_id(), "t", self.device, self.actor, NOW, "p1", chain)
        shape = payload_class(kind, 1)
        command = compose(shape.model_validate(payload), record, author, self.view)
        self.view.add(command)
        return command


def office(world: World, actor: str = "m.reyes") -> Person:
    return Person.at(world, OFFICE, actor)
