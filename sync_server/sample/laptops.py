"""Laptops of the sample organisation: they enrol, confirm and send as real ones do, without a network between."""

from dataclasses import dataclass, field
from typing import Any

from reconciliation.compose import Author, compose
from reconciliation.rebase import View
from shared.commands import CATALOGUE
from shared.envelope import COMMAND_TYPE, ENROLMENT_TYPE, Envelope, SigningKey, seal
from shared.problems import Refused
from shared.records import Record
from shared.sync import PROTOCOL, DeviceReport, Enrolment, EnrolRequest, SyncRequest
from sync_server.authentication import Caller
from sync_server.office import Office


@dataclass
class SampleLaptop:
    """One laptop: who works on it, its keys, the end of its chain, and what it saw last."""

    office: Office
    tenant: str
    actor: str
    keys: tuple[SigningKey, SigningKey]
    name: str = ""
    end: tuple[int, str | None] = (0, None)
    seen: dict[str, Record] = field(default_factory=dict)
    waiting: list[Envelope] = field(default_factory=list)

    @classmethod
    def enrolled(cls, office: Office, tenant: str, actor: str, *, waits: bool = False) -> "SampleLaptop":
        """A new laptop of `actor`; one that `waits` is still to be approved."""
        draw = office.service.ports.randomness.draw
        made = cls(office, tenant, actor, (SigningKey(draw(32)), SigningKey(draw(32))))
        device_key, technician_key = made.keys
        enrolment = Enrolment(
            code=office.enrol_code(tenant, actor, waits=waits),
            device_key=device_key.public.hex(),
            technician_key=technician_key.public.hex(),
            device_name=f"Laptop of {actor}",
        )
        envelope = seal(ENROLMENT_TYPE, enrolment.to_bytes(), device_key, technician_key)
        reply = office.service.enrol(EnrolRequest(enrolment=envelope.to_wire()).to_bytes())
        made.name = reply.device
        return made

    def look(self, *refs: str) -> None:
        """From now on it knows these records as they stand."""
        self.seen |= self.office.seen(self.tenant, refs)

    def say(self, kind: str, record: str, /, **payload: Any) -> None:
        """Confirm a command; it is sent with the next round."""
        ports, (seq, prev) = self.office.service.ports, self.end
        chain = (1, seq + 1, prev)
        author = Author(ports.new_id(), self.tenant, self.name, self.actor, ports.clock.now(), "shipped-1", chain)
        command = compose(CATALOGUE[kind].model_validate(payload), record, author, View(dict(self.seen)))
        envelope = seal(COMMAND_TYPE, command.to_bytes(), self.keys[1])
        self.waiting.append(envelope)
        self.end = (seq + 1, envelope.hash)

    def send(self, report: DeviceReport | None = None) -> None:
        """A round with everything that waits. One that may only upload is told so, and what it brought is kept."""
        commands = tuple(each.to_wire() for each in self.waiting)
        request = SyncRequest(protocol=PROTOCOL, commands=commands, report=report)
        caller = Caller(self.tenant, self.name, self.actor)
        told = self.office.service.store.attempt(lambda tx: self.office.service.round(tx, caller, request))
        assert isinstance(told, bytes | Refused), "a round ends in one of the two"
        self.waiting.clear()

    def cloned(self) -> "SampleLaptop":
        """Another machine with this one's disk."""
        return SampleLaptop(
            self.office, self.tenant, self.actor, self.keys, self.name, self.end, dict(self.seen), [*self.waiting]
        )
