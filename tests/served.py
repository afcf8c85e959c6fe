"""A real server over a real database, spoken to through its real HTTP surface without a socket.

The database is a SQLite file, unless a folder's conftest asks for `both_databases`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciliation.compose import Author, compose
from reconciliation.rebase import View
from shared.commands import payload_class
from shared.commands.base import Command, Role, read_command
from shared.envelope import (
    COMMAND_TYPE,
    ENROLMENT_TYPE,
    WITHDRAWAL_TYPE,
    Envelope,
    SigningKey,
    WireEnvelope,
    seal,
)
from shared.outcomes import Receipt
from shared.ports import Ports
from shared.records import Record, WireRecord, record_from_json
from shared.request_signature import sign_request
from shared.statements import Withdrawal
from shared.sync import PROTOCOL, Enrolment, EnrolReply, EnrolRequest, SyncReply, SyncRequest
from sync_server.api.app import build_app
from sync_server.bootstrap import initialise
from sync_server.office import Office
from sync_server.settings import Settings
from sync_server.store import Person, Store, Tx, schema
from tests.builders import StillClock, still_ports
from tests.postgres import Cluster

TENANT = "t"


def record_from_wire(wire: WireRecord) -> Record:
    return record_from_json(wire.model_dump(mode="json"))


async def in_place(work: Any) -> Any:
    """Run blocking work where it stands."""
    return work()


@dataclass
class Server:
    """The server under test, its office, and its clock."""

    office: Office
    clock: StillClock
    http: httpx.AsyncClient

    def years_pass(self, span: timedelta) -> None:
        """A long time, in which an administrator renewed every laptop's key."""
        self.clock.move(span)
        for line in self.office.device_lines(TENANT):
            self.office.renew_key(TENANT, line.device.id, "root", "every year")

    def records(self, kind: str = "work_order") -> dict[str, Record]:
        return {record.ref: record for record in self.office.records(TENANT, kind)}


@dataclass
class Laptop:
    """A device that a test drives by hand, honest unless the test makes it otherwise."""

    server: Server
    device_key: SigningKey
    technician_key: SigningKey
    name: str = ""
    actor: str = "a.okafor"
    epoch: int = 1
    seq: int = 0
    prev: str | None = None
    cursor: str | None = None
    replica: dict[str, Record] = field(default_factory=dict)
    receipt_key: bytes = b""

    async def enrol(self, code: str | None = None) -> httpx.Response:
        code = code or self.server.office.enrol_code(TENANT, self.actor)
        body = Enrolment(
            code=code,
            device_key=self.device_key.public.hex(),
            technician_key=self.technician_key.public.hex(),
            device_name="test",
        )
        envelope = seal(ENROLMENT_TYPE, body.to_bytes(), self.device_key, self.technician_key)
        raw = EnrolRequest(enrolment=envelope.to_wire()).to_bytes()
        response = await self.server.http.post("/v1/enrol", content=raw)
        if response.status_code == 200:
            reply = EnrolReply.model_validate_json(response.content)
            self.name, self.receipt_key = reply.device, bytes.fromhex(reply.receipt_key)
        return response

    def command(self, kind: str, record: str, /, *, advance: bool = True, **payload: Any) -> Command:
        chain = (self.epoch, self.seq + 1, self.prev)
        ports = self.server.office.service.ports
        author = Author(ports.new_id(), TENANT, self.name, self.actor, ports.clock.now(), "p1", chain)
        command = compose(payload_class(kind, 1).model_validate(payload), record, author, View(dict(self.replica)))
        if advance:
            self.seal(command)
        return command

    def seal(self, command: Command) -> Envelope:
        envelope = seal(COMMAND_TYPE, command.to_bytes(), self.technician_key)
        self.seq, self.prev = command.seq or self.seq, envelope.hash
        return envelope

    def say(self, kind: str, record: str, /, **payload: Any) -> Envelope:
        return self.seal(self.command(kind, record, advance=False, **payload))

    async def post(self, raw: bytes, key: SigningKey | None = None) -> httpx.Response:
        request = self.server.http.build_request("POST", "/v1/sync", content=raw)
        ports = self.server.office.service.ports
        nonce = ports.randomness.draw(16).hex()
        sign_request(request, raw, key or self.device_key, ports.clock.now(), nonce)
        return await self.server.http.send(request)

    def body(self, *envelopes: Envelope, **more: Any) -> bytes:
        commands = tuple(envelope.to_wire() for envelope in envelopes)
        request = {"protocol": PROTOCOL, "cursor": self.cursor, "commands": commands, **more}
        return SyncRequest.model_construct(**request).to_bytes()  # unchecked, so that a test can ask for nonsense

    def withdrawal(self, envelope: Envelope, **other: Any) -> WireEnvelope:
        command = read_command(envelope.payload)
        named = {"tenant": TENANT, "device": self.name, "actor": self.actor, "command": command.id}
        at = self.server.office.service.ports.clock.now()
        said = Withdrawal.model_validate({**named, "hash": envelope.hash, "at": at, **other})
        return seal(WITHDRAWAL_TYPE, said.to_bytes(), self.technician_key).to_wire()

    def begin_epoch(self, epoch: int) -> None:
        """Go on in an epoch that the server opened."""
        self.epoch, self.seq, self.prev = epoch, 0, None

    def cloned(self) -> "Laptop":
        """Another machine with this one's disk."""
        return replace(self, replica=dict(self.replica))

    async def sync(self) -> None:
        """Pages until there are no more, as a device applies them."""
        more = True
        while more:
            more = (await self.round()).more

    async def refused(self, *envelopes: Envelope, **more: Any) -> str:
        """The code with which the whole round is refused."""
        response = await self.post(self.body(*envelopes, **more))
        assert response.status_code != 200, response.text
        return str(response.json()["code"])

    async def round(self, *envelopes: Envelope, in_doubt: tuple[str, ...] = (), **more: Any) -> SyncReply:
        response = await self.post(self.body(*envelopes, in_doubt=in_doubt, **more))
        assert response.status_code == 200, response.text
        reply = SyncReply.model_validate_json(response.content)
        if reply.restart:
            self.replica.clear()
        for ref in reply.removals:
            self.replica.pop(ref, None)
        self.replica |= {record.ref: record for record in map(record_from_wire, reply.changes)}
        self.cursor = reply.cursor
        return reply


def receipt(answer: Any) -> Receipt:
    """The receipt in an answer that must be settled."""
    assert answer.status == "settled", answer
    return Receipt.model_validate_json(answer.receipt)


def received(tx: Tx, device: str | None = None) -> int:
    """How many commands the ledger holds; of one device, if it is named."""
    return len(tx.search(TENANT, device=device, record=None, limit=10_000))


def id_in(envelope: Envelope) -> str:
    """The id of the command in an envelope."""
    return read_command(envelope.payload).id


PEOPLE = (
    Person("a.okafor", "A. Okafor", frozenset({Role.TECHNICIAN})),
    Person("b.lind", "B. Lind", frozenset({Role.TECHNICIAN})),
    Person("m.reyes", "M. Reyes", frozenset({Role.DISPATCHER, Role.RESOLVER})),
    Person("root", "Root", frozenset({Role.ADMIN})),
    Person("s.vance", "S. Vance", frozenset({Role.APPROVER})),
)
FILES = {
    "asset": "id,name,type\nPUMP-1,Pump one,pump\n",
    "stock_item": "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,5\n",
    "work_order": "id,title,asset\nWO-1,Check,asset/PUMP-1\nWO-2,Repair,asset/PUMP-1\n",
}


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'server' / 'server.db'}"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of an empty database."""
    return sqlite_url(tmp_path)


BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.requires("postgresql")))


@pytest.fixture(name="database", params=BOTH)
def both_databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same for each kind of database that a server may stand on."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    with empty_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(params=BOTH)
def bare_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it, not even tables, of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


@pytest.fixture
def another_database(request: pytest.FixtureRequest, tmp_path: Path, bare_database: str) -> Iterator[str]:
    """A second one beside `bare_database`, of the same kind."""
    if bare_database.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'another.db'}"
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


@contextmanager
def empty_database(cluster: Cluster) -> Iterator[str]:
    """A PostgreSQL database with a server's tables and nothing in them; its URL."""
    with cluster.database(cluster.template("tables", make_tables)) as url:
        yield url


def make_tables(url: str) -> None:
    store = Store(url)
    schema.migrate(store)
    store.close()


@pytest.fixture
def office(tmp_path: Path, database: str) -> Iterator[Office]:
    made = made_office(tmp_path / "server", still_ports(), database)
    yield made
    made.service.store.close()


def made_office(home: Path, ports: Ports, database: str | None = None) -> Office:
    """A server in `home` with people and a few records."""
    made = initialise(Settings(home, database or f"sqlite:///{home / 'server.db'}"), ports)
    made.add_tenant(TENANT, "Test")
    for person in PEOPLE:
        made.put_person(TENANT, person)
    for kind, text in FILES.items():
        made.apply_import(TENANT, "root", made.plan_import(TENANT, kind, text))
    return made


@pytest.fixture
async def server(office: Office) -> AsyncIterator[Server]:
    app = build_app(office.service, in_place)
    clock = office.service.ports.clock
    assert isinstance(clock, StillClock)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield Server(office, clock, http)


@pytest.fixture
async def laptop(server: Server) -> Laptop:
    made = new_laptop(server, b"\x01")
    response = await made.enrol()
    assert response.status_code == 200, response.text
    await made.round()
    return made


def new_laptop(server: Server, seed: bytes, actor: str = "a.okafor") -> Laptop:
    return Laptop(server, SigningKey(seed * 32), SigningKey((seed + b"t") * 16), actor=actor)
