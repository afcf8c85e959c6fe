"""A server, a parts ERP and a worker between them, and the adapters that must all behave the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
from pydantic import Field, JsonValue

from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Outgoing, Payload
from shared.commands.external_decided import ExternalDecided
from shared.ids import record_ref
from shared.outcomes import Receipt
from shared.records import Record, WriteVerdict
from simulators.erp import Erp, ErpLink, Said
from sync_server.office import Office
from sync_server.store import OutgoingEntry
from sync_server.systems.desk import Desk
from sync_server.systems.http import HttpSystem
from sync_server.systems.http_settings import HttpSettings
from sync_server.systems.port import (
    Absent,
    CannotTell,
    Executed,
    Execution,
    Found,
    Guarantees,
    Lookup,
    Refused,
    SystemOfRecord,
    Uncertain,
    Unreached,
)
from sync_server.systems.steps import Limits
from sync_server.systems.worker import Pace, Worker
from tests.builders import JOB, StillClock
from tests.served import TENANT, in_place

IN_FLIGHT_S = 60.0
LEASE_S = 30.0
LIMITS = Limits(lookups_max=4, sends_max=4, pause_s=2, pause_max_s=20)
KEYED = Guarantees(enforces_keys=True, lookups_are_current=False, in_flight_max_s=IN_FLIGHT_S)
CURRENT = Guarantees(enforces_keys=False, lookups_are_current=True, in_flight_max_s=IN_FLIGHT_S)
NEITHER = Guarantees(enforces_keys=False, lookups_are_current=False, in_flight_max_s=IN_FLIGHT_S)


class SpareWanted(Payload):
    """A kind that leaves something with a system of record."""

    kind = Kind("spare.wanted", 1, "work_order", "Want spare", FIELD_AND_STAFF, system="parts")

    part_no: Annotated[str, Field(max_length=40)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        return (Edit(command.record, "description", f"waits for {self.part_no}"),)

    def external(self, command: Command) -> dict[str, JsonValue] | None:
        if self.part_no == "POISON":
            raise RuntimeError("a fault of our own")
        return None if self.part_no == "NONE" else {"part": self.part_no, "quantity": 1}

    def summary(self, label: str) -> str:
        return f"{label}: {self.part_no}"


@dataclass
class InMemory:
    """The adapter that every other is measured by: no wire at all."""

    erp: Erp
    guarantees: Guarantees
    cut: bool = False

    async def execute(self, write: Outgoing) -> Execution:
        if self.cut:
            return Unreached("not plugged in")
        said = self.erp.order(write.command, write.body)
        if said.status == 422:
            return Refused(str((said.body or {})["detail"]))
        reference = _reference(said)
        return Executed(reference) if reference and said.status == 201 else Uncertain("no answer")

    async def lookup(self, command: str) -> Lookup:
        if self.cut:
            return CannotTell("not plugged in")
        said = self.erp.lookup(command)
        reference = _reference(said)
        if reference and said.status == 200:
            return Found(reference)
        return Absent() if said.status == 404 else CannotTell("no answer")


def _reference(said: Said) -> str | None:
    return (said.body or {}).get("reference")


class OverHttp(HttpSystem):
    """The HTTP adapter over a wire to the ERP that can be cut."""

    def __init__(self, erp: Erp, guarantees: Guarantees) -> None:
        self.link = ErpLink(erp)
        super().__init__(http_settings(guarantees), httpx.AsyncClient(transport=self.link))

    @property
    def cut(self) -> bool:
        return self.link.cut

    @cut.setter
    def cut(self, cut: bool) -> None:
        self.link.cut = cut


def http_settings(guarantees: Guarantees = KEYED, **more: Any) -> HttpSettings:
    return HttpSettings.model_validate(
        {
            "url": "https://erp.example",
            "hosts": ["erp.example"],
            "execute_path": "/orders",
            "lookup_path": "/orders/by-key/{key}",
            "key_field": "key",
            "absent_field": "code",
            "absent_value": "unknown_key",
            "enforces_keys": guarantees.enforces_keys,
            "lookups_are_current": guarantees.lookups_are_current,
            "in_flight_max_s": guarantees.in_flight_max_s,
            **more,
        }
    )


ADAPTERS: dict[str, Callable[[Erp, Guarantees], Any]] = {"http": OverHttp, "memory": InMemory}


@dataclass
class Parts:
    """Everything that a test of this leg holds in its hands."""

    office: Office
    clock: StillClock
    adapter_name: str = "memory"
    guarantees: Guarantees = KEYED
    erp: Erp = field(default_factory=Erp)
    workers: int = 0
    #: Long before anything; a test may say that the server began anew.
    began: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    adapter: Any = None

    def __post_init__(self) -> None:
        self.declare(self.guarantees)

    def declare(self, guarantees: Guarantees) -> None:
        self.guarantees, self.adapter = guarantees, ADAPTERS[self.adapter_name](self.erp, guarantees)

    def want(self, part_no: str = "S-1", actor: str = "m.reyes") -> str:
        """Give a command that writes to the ERP; its id."""
        return self.give(JOB, SpareWanted(part_no=part_no), actor).command

    def give(self, record: str, payload: Payload, actor: str = "m.reyes") -> Receipt:
        (receipt,) = self.office.service.office(TENANT, actor, [(record, payload)])
        return receipt

    def desk(self) -> Desk:
        self.workers += 1
        return Desk(self.office.service, "parts", f"worker-{self.workers}")

    def worker(self, system: SystemOfRecord | None = None, desk: Desk | None = None) -> Worker:
        return Worker(
            system or self.adapter,
            desk or self.desk(),
            self.clock,
            in_place,
            LIMITS,
            Pace(LEASE_S, poll_s=1),
            began=self.began,
        )

    async def step(self) -> bool:
        return await self.worker().step(self.clock.now())

    def pass_time(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))

    async def work(self, seconds: float, every: float = 5) -> None:
        """Let time pass with a worker looking at the writes all the while."""
        for _ in range(int(seconds / every)):
            while await self.step():
                pass
            self.pass_time(every)

    def write(self, command: str) -> Record:
        return self.office.record(TENANT, record_ref("external_write", command))

    def row(self, command: str) -> OutgoingEntry:
        with self.office.service.store.transaction() as tx:
            found = tx.outgoing(TENANT, command)
        assert found is not None
        return found

    def status(self, command: str) -> str:
        """What the record says; the row says the same."""
        status = str(self.write(command).fields["status"])
        assert self.row(command).state == status
        return status

    def decide(
        self,
        command: str,
        verdict: WriteVerdict,
        reference: str = "",
        actor: str = "m.reyes",
        seen: int | None = None,
    ) -> Receipt:
        decision = ExternalDecided(verdict=verdict, reference=reference, reason="I rang them")
        return self.office.decide_external(TENANT, actor, command, decision, seen=seen)

    def asked(self, what: str) -> int:
        return sum(each.startswith(what) for each in self.erp.asked)
