"""What the server does, each piece in one transaction. Knows nothing of HTTP.

Callers run these blocking functions off the event loop.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from pydantic import ValidationError

from reconciliation.compose import Author, compose
from reconciliation.decide import refs_of
from reconciliation.rebase import View
from shared import strict_json
from shared.commands.base import OFFICE, Payload
from shared.contract import Contract
from shared.envelope import COMMAND_TYPE, ENROLMENT_TYPE, BadSignature, Envelope, WireEnvelope, seal, verify
from shared.ids import key_id, sha256_hex
from shared.outcomes import Receipt
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.records import WireRecord, record_to_json
from shared.request_signature import Message, NotAuthentic, TooFarOff, claimed_key_id, verify_request
from shared.sync import (
    BODY_BYTES_MAX,
    CHANGES_MAX,
    PROTOCOL,
    PROTOCOLS_UNDERSTOOD,
    Answer,
    Enrolment,
    EnrolReply,
    EnrolRequest,
    Held,
    Settled,
    SyncReply,
    SyncRequest,
    Turned,
    Unknown,
    cursor_at,
    read_cursor,
)
from sync_server.admission import admit
from sync_server.batch import Batch
from sync_server.server_keys import OFFICE_KEY, RECEIPT_KEY, KeyRing
from sync_server.store import Device, Entry, Key, Store, Tx

log = logging.getLogger("tailboard.server")
C = TypeVar("C", bound=Contract)
AUDIT_START = "0" * 64
CODE_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Caller:
    """The device behind a verified request."""

    tenant: str
    device: str


class Service:
    """The server's work over a store, a key ring and the ports."""

    def __init__(self, store: Store, ring: KeyRing, ports: Ports) -> None:
        self.store, self.ring, self.ports = store, ring, ports

    # -- the sync round

    def sync(self, message: Message, body: bytes) -> SyncReply:
        """One sync round of the device that signed `message`.

        Raises:
            Refused: the whole round; nothing was done.
        """
        request = _read(SyncRequest, body)
        if request.protocol not in PROTOCOLS_UNDERSTOOD:
            raise Refused(Code.PROTOCOL_UNSUPPORTED, f"protocol {request.protocol}; spoken here: {PROTOCOL}")
        with self.store.transaction() as tx:
            caller = self._authenticate(tx, message, body)
            after = _position(request.cursor, incarnation(tx), tx.change_seq(caller.tenant))
            tx.touch(caller.tenant, caller.device, self.ports.clock.now())
            batch = self.batch(tx, caller.tenant)
            if request.in_doubt:
                answers = self._recall(batch, caller, request.in_doubt)
            else:
                answers = self._receive(tx, batch, caller, request)
            return self._reply(tx, caller, after, answers)

    def _authenticate(self, tx: Tx, message: Message, body: bytes) -> Caller:
        try:
            key = tx.key(claimed_key_id(message.headers))
            if key is None or key.purpose != "device" or key.device is None:
                raise NotAuthentic("no such device key")
            verify_request(message, body, key.public, self.ports.clock.now())
        except TooFarOff as error:
            log.warning("request refused", extra={"why": str(error)})
            raise Refused(
                Code.CLOCK_SKEW, f"the server's time is {self.ports.clock.now():%Y-%m-%d %H:%M} UTC"
            ) from error
        except NotAuthentic as error:
            log.warning("request refused", extra={"why": str(error)})
            raise Refused(
                Code.NOT_AUTHENTIC, "the request carries no valid signature of an enrolled device"
            ) from error
        if key.state != "active":
            raise Refused(Code.DEVICE_REVOKED, f"device {key.device} may not sync")
        return Caller(key.tenant, key.device)

    def batch(self, tx: Tx, tenant: str) -> Batch:
        """A fresh unit of work inside `tx`."""
        receipt_key = self.ring.active(tx, tenant, RECEIPT_KEY)
        return Batch(tx, tenant, self.ports.clock.now(), receipt_key, incarnation(tx))

    def _recall(self, batch: Batch, caller: Caller, ids: tuple[str, ...]) -> list[Answer]:
        """What became of the commands that the device is in doubt about; only its own are told."""
        answers: list[Answer] = []
        for command_id in ids:
            entry = batch.entry(command_id)
            known = entry if entry and entry.command.device == caller.device else None
            answers.append(_answer(known) if known else Unknown(id=command_id))
        return answers

    def _receive(self, tx: Tx, batch: Batch, caller: Caller, request: SyncRequest) -> list[Answer]:
        answers: dict[int, Answer] = {}
        received: dict[int, str] = {}
        admitted = {}
        for index, wire in enumerate(request.commands):
            try:
                admitted[index] = admit(tx, _envelope(wire), caller.tenant, caller.device)
            except Refused as refused:
                answers[index] = Turned(index=index, problem=refused.problem)
        batch.preload([each.command for each in admitted.values()])
        for index, each in admitted.items():
            try:
                batch.receive(each)
                received[index] = each.command.id
            except Refused as refused:
                answers[index] = Turned(index=index, problem=refused.problem)
        batch.flush()
        answers |= {index: _answer(batch.entry(command_id)) for index, command_id in received.items()}
        _log_answers(caller, answers)
        return [answers[index] for index in sorted(answers)]

    def _reply(self, tx: Tx, caller: Caller, after: int, answers: list[Answer]) -> SyncReply:
        life = incarnation(tx)
        page, more = tx.changes(caller.tenant, after, CHANGES_MAX)
        reached = page[-1][1] if more else tx.change_seq(caller.tenant)
        return SyncReply(
            protocol=PROTOCOL,
            answers=tuple(answers),
            changes=tuple(WireRecord.model_validate(record_to_json(record)) for record, _ in page),
            cursor=cursor_at(life, reached),
            more=more,
            server_time=self.ports.clock.now(),
            incarnation=life,
        )

    # -- enrolment

    def enrol(self, body: bytes) -> EnrolReply:
        """Exchange a one-time code for a device identity. The same code with the same keys gives the same answer.

        Raises:
            Refused: `code_invalid`, `bad_signature`, `malformed`.
        """
        envelope = _envelope(_read(EnrolRequest, body).enrolment)
        enrolment = _read(Enrolment, envelope.payload)
        keys = [bytes.fromhex(enrolment.device_key), bytes.fromhex(enrolment.technician_key)]
        try:
            for key in keys:
                verify(envelope, ENROLMENT_TYPE, key)
        except (BadSignature, ValueError) as error:
            raise Refused(Code.BAD_SIGNATURE, "the enrolment is not signed by both of its keys") from error
        with self.store.transaction() as tx:
            device = self._enrol(tx, enrolment, key_id(keys[0]))
            return self._welcome(tx, device)

    def _enrol(self, tx: Tx, enrolment: Enrolment, keyid: str) -> Key:
        code = tx.code(code_hash(enrolment.code))
        if code is None or (code.keyid not in (None, keyid)):
            raise Refused(Code.CODE_INVALID, "no such code, or it was used")
        if code.keyid == keyid and (known := tx.key(keyid)):
            return known
        now = self.ports.clock.now()
        if now > code.expires_at:
            raise Refused(Code.CODE_INVALID, f"the code was good until {code.expires_at:%Y-%m-%d %H:%M} UTC")
        name = f"TB-{len(tx.devices(code.tenant)) + 1:02d}"
        tx.use_code(code.hash, keyid)
        tx.add_device(code.tenant, Device(name, enrolment.device_name, code.person, "active", 1, 0, None, now, None))
        device_key = bytes.fromhex(enrolment.device_key)
        technician_key = bytes.fromhex(enrolment.technician_key)
        key = Key(keyid, code.tenant, "device", name, code.person, device_key, "active")
        tx.add_key(key)
        tx.add_key(
            Key(key_id(technician_key), code.tenant, "technician", name, code.person, technician_key, "active")
        )
        batch = self.batch(tx, code.tenant)
        batch.note(act="enrolled", device=name, actor=code.person, key=keyid)
        batch.flush()
        return key

    def _welcome(self, tx: Tx, key: Key) -> EnrolReply:
        assert key.device is not None, "a device key names its device"
        assert key.actor is not None, "a device key names its person"
        device, person = tx.device(key.tenant, key.device), tx.person(key.tenant, key.actor)
        assert device is not None, "enrolment wrote it"
        assert person is not None, "enrolment needs one"
        receipt_key = self.ring.active(tx, key.tenant, RECEIPT_KEY)
        return EnrolReply(
            tenant=key.tenant,
            tenant_name=tx.tenants()[key.tenant],
            device=key.device,
            actor=key.actor,
            actor_name=person.name,
            epoch=device.epoch,
            incarnation=incarnation(tx),
            receipt_key=receipt_key.public.hex(),
            receipt_key_id=receipt_key.keyid,
            server_time=self.ports.clock.now(),
        )

    # -- the office

    def office(
        self,
        tenant: str,
        actor: str,
        work: "list[tuple[str, Payload]]",
        seen: "Mapping[str, int] | None" = None,
    ) -> list[Receipt]:
        """Commands that a signed-in person confirmed, one after the other in one transaction.

        Args:
            tenant: whose records.
            actor: the person.
            work: (record, payload) pairs.
            seen: record → the version that the person looked at, where that may not be what stands now.

        Raises:
            Refused: `not_found`, if there is no such person.
        """
        with self.store.transaction() as tx:
            if tx.person(tenant, actor) is None:
                raise Refused(Code.NOT_FOUND, f"there is no person {actor} in {tenant}")
            batch = self.batch(tx, tenant)
            author = (tenant, actor)
            ids = [self._give(tx, batch, author, record, payload, seen or {}) for record, payload in work]
            batch.flush()
            entries = [batch.entry(command_id) for command_id in ids]
        return [entry.receipt for entry in entries if entry and entry.receipt]

    def _give(
        self, tx: Tx, batch: Batch, who: tuple[str, str], record: str, payload: Payload, seen: Mapping[str, int]
    ) -> str:
        tenant, actor = who
        key = self.ring.active(tx, tenant, OFFICE_KEY)
        author = Author(self.ports.new_id(), tenant, OFFICE, actor, self.ports.clock.now(), "office")
        try:
            draft = compose(payload, record, author, View({}))
            command = compose(payload, record, author, View(batch.look(refs_of(draft))))
        except ValueError as error:
            raise Refused(Code.MALFORMED, f"{record}: {' '.join(str(error).split())[:200]}") from error
        bases = tuple(b.model_copy(update={"version": seen.get(b.record, b.version)}) for b in command.bases)
        command = command.model_copy(update={"bases": bases})
        envelope = seal(COMMAND_TYPE, command.to_bytes(), key)
        batch.receive(admit(tx, envelope, tenant, OFFICE))
        return command.id


def incarnation(tx: Tx) -> int:
    """The number of this database's life."""
    return int(tx.server_value("incarnation") or 1)


def code_hash(code: str) -> str:
    """How a code is kept: case and dashes do not matter."""
    return sha256_hex(code.replace("-", "").upper().encode())


def _read(contract: type[C], raw: bytes) -> C:
    try:
        return contract.model_validate(strict_json.parse(raw, bytes_max=BODY_BYTES_MAX))
    except strict_json.BadJson as error:
        code = Code.TOO_LARGE if len(raw) > BODY_BYTES_MAX else Code.MALFORMED
        raise Refused(code, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(Code.MALFORMED, f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}") from error


def _envelope(wire: WireEnvelope) -> Envelope:
    try:
        return Envelope.from_wire(wire)
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"not an envelope: {error}") from error


def _position(cursor: str | None, life: int, last: int) -> int:
    try:
        cursor_life, position = read_cursor(cursor)
    except ValueError as error:
        raise Refused(Code.CURSOR_INVALID, "the cursor is not readable") from error
    if cursor_life not in (0, life) or not 0 <= position <= last:
        raise Refused(Code.CURSOR_INVALID, f"the cursor {cursor} lies beyond this server's feed")
    return position


def _answer(entry: Entry | None) -> Settled | Held:
    assert entry is not None, "what was received is in the ledger"
    if entry.receipt_envelope is not None:
        return Settled(id=entry.command.id, receipt=entry.receipt_envelope.to_wire())
    assert entry.hold is not None, "a command is settled or held"
    return Held(id=entry.command.id, hold=entry.hold, problem=entry.problem)


def _log_answers(caller: Caller, answers: dict[int, Answer]) -> None:
    for answer in answers.values():
        extra = {"tenant": caller.tenant, "device": caller.device, "status": answer.status}
        if isinstance(answer, Turned):
            log.warning("command turned away", extra={**extra, "code": answer.problem.code})
        elif not isinstance(answer, Unknown):
            log.info("command answered", extra={**extra, "command_id": answer.id})
