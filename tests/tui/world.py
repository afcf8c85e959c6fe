"""A device on real code for tests of the screen: real keys, store, workbench, agent; scripted server and model."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from device.agent import Agent
from device.attachments import Attachments
from device.bootstrap import Device, build_routes, default_bundle, on_thread
from device.cluster_client import ClusterClient
from device.keys import DeviceKeys
from device.library.librarian import Librarian
from device.library.library import Library
from device.model.models import Models
from device.model.port import Generation, LanguageModel, ModelError, Watch
from device.settings import Settings
from device.store import DeviceStore, Identity
from device.telling import Telling
from device.transfers import Transfers
from device.transport import Meter, SyncClient
from device.updates.bundles import Ruling, accepts
from device.updates.refresher import Refresher
from device.workbench import Workbench
from shared.commands.base import Command
from shared.compression import ENCODING, unpack
from shared.envelope import HEAD_TYPE, RECEIPT_TYPE, Envelope, SigningKey, WireEnvelope, seal
from shared.outcomes import FieldName, Hold, Outcome, Reason, Receipt
from shared.ports import Ports, SystemRandomness
from shared.problems import MEDIA_TYPE, Code, problem
from shared.records import Record, Stamp, WireRecord, check_fields, record_to_json
from shared.statements import Head
from shared.sync import (
    BODY_BYTES_MAX,
    PROTOCOL,
    Answer,
    Held,
    Settled,
    SyncReply,
    SyncRequest,
    Turned,
    Unknown,
    WireProof,
    cursor_at,
)
from tests.builders import StillClock

NOW = datetime(2026, 11, 21, 8, 14, tzinfo=UTC)
SERVER_KEY = SigningKey(b"\x07" * 32)
BIRTH = Stamp(1, "0193a000-0000-7000-8000-000000000000", "office", "m.reyes", NOW - timedelta(days=9))


def record(ref: str, **fields: Any) -> Record:
    """An authoritative record of version 1."""
    return Record(ref, 1, check_fields(ref.partition("/")[0], fields), BIRTH)


def sample() -> list[Record]:
    """Two pumps, a valve, six jobs, three parts."""
    limits = [
        {"quantity": "pressure", "unit": "bar", "low": 3.0, "high": 5.0},
        {"quantity": "vibration", "unit": "mm/s", "high": 4.5},
    ]
    assets = [
        record("asset/P-7", name="Raw water pump 7", type="pump", site="Riverside", location="Hall B", limits=limits),
        record("asset/P-8", name="Raw water pump 8", type="pump", site="Riverside", location="Hall C", limits=limits),
        record("asset/V-3", name="Inlet valve 3", type="valve", site="Riverside", location="Hall B"),
    ]
    said = {
        "id": "0193a000-0000-7000-8000-0000000000aa",
        "text": "slight whine at start",
        "author": "b.lind",
        "at": (NOW - timedelta(days=3)).isoformat(),
    }
    rows: list[tuple[str, str, str, str, str | None]] = [
        ("WO-1042", "P-7", "Quarterly check of raw water pump", "in_progress", "2026-11-21"),
        ("WO-1043", "V-3", "Replace seal", "open", "2026-11-22"),
        ("WO-1051", "P-8", "Vibration reading", "open", "2026-11-24"),
        ("WO-1039", "P-8", "Noise report from the night shift", "on_hold", "2026-11-25"),
        ("WO-1060", "V-3", "Yearly stroke test", "open", None),
        ("WO-1001", "P-7", "Oil change", "closed", "2026-11-02"),
    ]
    jobs = [
        record(
            f"work_order/{number}",
            title=title,
            asset=f"asset/{asset}",
            status=status,
            due_on=due,
            access="Key at reception; lock out before opening" if number == "WO-1042" else "",
            safety_critical=number == "WO-1042",
            notes=[said] if number == "WO-1042" else [],
        )
        for number, asset, title, status, due in rows
    ]
    stock = [
        record("stock_item/FLT-22", name="inlet filter", part_no="22-118", on_hand=6, bin="A3"),
        record("stock_item/SEAL-4", name="shaft seal kit", part_no="40-001", on_hand=2, bin="B1"),
        record("stock_item/OIL-1", name="bearing oil", part_no="90-010", unit="l", on_hand=20, bin="C2"),
    ]
    return [*assets, *jobs, *stock]


@dataclass
class ScriptedModel:
    """Takes the first answer to every question, or what `answer` says; waits for `gate`."""

    answer: Callable[[Mapping[str, Any]], str] | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    watch: Watch | None = None
    name: str = "scripted-1"
    sha256: str = "0" * 64
    context_tokens: int = 2048

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        assert schema is not None, "nothing here asks for free text"
        self.asked += 1
        self.watch = watch
        self.gate.wait(10)
        if self.answer is not None:
            return Generation(self.answer(schema), 1, 0.0, 0.0)
        first = {name: question["enum"][0] for name, question in schema["properties"].items()}
        return Generation(json.dumps(first), 1, 0.0, 0.0)


Verdict = Outcome | Hold | Code


@dataclass
class ScriptedServer:
    """Answers sync rounds. `fault` is raised instead of an answer; `verdicts` names what happens to a kind.

    `pages` of records go down one a round; `pushed` counts the commands of each round that brought some.
    """

    clock: StillClock
    fault: Exception | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    changes: list[Record] = field(default_factory=list)
    pages: list[list[Record]] = field(default_factory=list)
    pushed: list[int] = field(default_factory=list)
    received: list[Command] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    roots: list[WireEnvelope] = field(default_factory=list)
    rounds: int = 0
    shut: Code | None = None
    last_hash: str | None = None
    change_seq: int = 1

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.rounds += 1
        if self.fault is not None:
            raise self.fault
        if self.shut is not None:
            told = problem(self.shut, "made up for a test")
            return httpx.Response(403, content=told.to_bytes(), headers={"content-type": MEDIA_TYPE})
        asked = SyncRequest.model_validate_json(content_of(request))
        self.pushed += [len(asked.commands)] if asked.commands else []
        for index, wire in enumerate(asked.commands):
            self._receive(Envelope.from_wire(wire), index)
        ids = [*asked.in_doubt, *(_command(Envelope.from_wire(wire)).id for wire in asked.commands)]
        return httpx.Response(200, content=self._reply([self.answers.get(each, Unknown(id=each)) for each in ids]))

    def _receive(self, envelope: Envelope, index: int) -> None:
        command = _command(envelope)
        self.received.append(command)
        self.last_hash = envelope.hash
        verdict = self.verdicts.get(command.kind, Outcome.APPLIED)
        match verdict:
            case Hold():
                self.answers[command.id] = Held(id=command.id, hold=verdict)
            case Code():
                self.answers[command.id] = Turned(index=index, problem=problem(verdict, "made up for a test"))
            case Outcome():
                self.answers[command.id] = self.settle(command, envelope, verdict)

    def settle(self, command: Command, envelope: Envelope, outcome: Outcome) -> Settled:
        """A receipt under the server's key."""
        clashing = outcome is Outcome.CONFLICT
        receipt = Receipt(
            tenant=command.tenant,
            command=command.id,
            envelope_hash=envelope.hash,
            outcome=outcome,
            reason=Reason.STEP_NOT_ALLOWED if outcome is Outcome.REJECTED else None,
            detail="status cannot go from closed to done" if outcome is Outcome.REJECTED else "",
            conflicting=(FieldName(record=command.record, field="priority"),) if clashing else (),
            conflict=f"conflict/{command.id}" if clashing else None,
            change_seq=self.change_seq,
            incarnation=1,
            audit_position=7,
            settled_at=self.clock.now(),
            key_id=SERVER_KEY.keyid,
        )
        envelope = seal(RECEIPT_TYPE, receipt.to_bytes(), SERVER_KEY)
        self.roots.append(envelope.to_wire())
        return Settled(id=command.id, receipt=envelope.payload.decode(), proof=WireProof(root=len(self.roots) - 1))

    def _head(self) -> WireEnvelope:
        head = Head(
            tenant="riverside",
            device="TB-07",
            incarnation=1,
            audit_position=7,
            audit_hash="0" * 64,
            change_seq=self.change_seq,
            epoch=1,
            received=len(self.received),
            received_hash=self.last_hash,
            settled=0,
            at=self.clock.now(),
        )
        return seal(HEAD_TYPE, head.to_bytes(), SERVER_KEY).to_wire()

    def _reply(self, answers: list[Answer]) -> bytes:
        changes, self.changes = (*self.changes, *(self.pages.pop(0) if self.pages else ())), []
        self.change_seq += len(changes)
        return SyncReply(
            protocol=PROTOCOL,
            answers=tuple(answers),
            roots=tuple(self.roots),
            head=self._head(),
            epoch=1,
            changes=tuple(WireRecord.model_validate(record_to_json(each)) for each in changes),
            cursor=cursor_at(1, self.change_seq),
            more=bool(self.pages),
            server_time=self.clock.now(),
            incarnation=1,
        ).to_bytes()


def content_of(request: httpx.Request) -> bytes:
    """The content of a request, unpacked if the laptop packed it."""
    packed = request.headers.get("content-encoding") == ENCODING
    return unpack(request.content, BODY_BYTES_MAX) if packed else request.content


def _command(envelope: Envelope) -> Command:
    return Command.model_validate_json(envelope.payload)


@dataclass
class ScriptedDevice(Device):
    """A device whose model is `model`, or cannot be loaded if that is None."""

    model: LanguageModel | None = None

    def load_model(self) -> LanguageModel:
        if self.model is None:
            raise ModelError("There is no model file here; forms still work.")
        self.workbench.model = self.model
        return self.model


@dataclass
class World:
    """A device with its clock, server and model."""

    device: ScriptedDevice
    clock: StillClock
    server: ScriptedServer
    model: ScriptedModel | None


def identity() -> Identity:
    """Who the device is."""
    return Identity(
        server_url="http://sync.test",
        tenant="riverside",
        tenant_name="Riverside Water",
        device="TB-07",
        actor="a.okafor",
        actor_name="A. Okafor",
        epoch=1,
        incarnation=1,
        receipt_key=SERVER_KEY.public.hex(),
    )


def build(
    folder: Path,
    keys: DeviceKeys,
    *,
    records: list[Record] | None = None,
    with_model: bool = True,
    online: bool = False,
    clock: StillClock | None = None,
) -> World:
    """A world with `records` (the sample if None) on the device."""
    clock = clock or StillClock(NOW)
    store = DeviceStore.open(Settings(folder).database, keys.database)
    store.set_meta("identity", identity().model_dump_json())
    store.set_meta("link", "online" if online else "offline")
    store.set_meta("last_contact", (clock.now() - timedelta(hours=2)).isoformat())
    store.absorb(sample() if records is None else records, cursor_at(1, 1))
    return _around(folder, store, keys, clock, with_model=with_model)


def open_again(folder: Path, keys: DeviceKeys) -> World:
    """The world that was built in `folder`, after its process ended."""
    store = DeviceStore.open(Settings(folder).database, keys.database)
    return _around(folder, store, keys, StillClock(NOW), with_model=True)


def _around(folder: Path, store: DeviceStore, keys: DeviceKeys, clock: StillClock, *, with_model: bool) -> World:
    """Everything that a device has around its store."""
    ports, settings = Ports(clock, SystemRandomness()), Settings(folder)
    who, meter, server = identity(), Meter(), ScriptedServer(clock)
    client = SyncClient(who.server_url, httpx.MockTransport(server), meter, ports)
    cluster = ClusterClient(client, httpx.MockTransport(server), meter, keys, ports)
    attachments = Attachments(store)
    routes = build_routes(store, who, keys, Ruling(default_bundle(), "program"), ports)
    workbench = Workbench(store, who, keys, routes, ports, attachments)
    transfers = Transfers(attachments, client, keys, ports, on_thread)
    updates = Refresher(store, client, keys, who, ports, on_thread, accepts)
    library = Library(store, attachments)
    librarian = Librarian(library, store, client, keys, ports, on_thread)
    telling = Telling(store, routes.evidence, client, keys, ports, on_thread)
    agent = Agent(store, client, keys, who, ports, on_thread, transfers, updates, telling, librarian)
    model = ScriptedModel() if with_model else None
    if model:
        model.gate.set()
    device = ScriptedDevice(
        settings,
        ports,
        store,
        keys,
        who,
        workbench,
        agent,
        client,
        meter,
        transfers,
        updates,
        telling,
        cluster,
        Models(store, settings.models, "TB-07", lambda: None),
        library,
        on_thread,
        model=model,
    )
    return World(device, clock, server, model)
