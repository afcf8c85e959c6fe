"""What the server does, each piece in one transaction. Knows nothing of HTTP.

Callers run these blocking functions off the event loop. The sync round is in `sync_server.round`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from reconciliation.compose import Author, compose
from reconciliation.decide import draft_of, refs_of
from reconciliation.rebase import View
from shared.commands import UnknownKind
from shared.commands.base import OFFICE, Base, Payload
from shared.envelope import COMMAND_TYPE, ENROLMENT_TYPE, BadSignature, SigningKey, seal, verify
from shared.ids import key_id, sha256_hex
from shared.outcomes import Hold, Receipt
from shared.ports import Beside, Ports, in_place
from shared.problems import Code, Refused
from shared.request_signature import Message, TooFarOff, claimed_key_id
from shared.sync import (
    COMMANDS_MAX,
    PROTOCOL,
    PROTOCOLS_UNDERSTOOD,
    CheckReply,
    CheckRequest,
    Enrolment,
    EnrolReply,
    EnrolRequest,
    SyncRequest,
)
from sync_server import round as sync_round
from sync_server.admission import Admission
from sync_server.attachments import Attachments
from sync_server.authentication import Caller, Seen, authenticate, device_key, time_told
from sync_server.batch import Batch, Seal
from sync_server.batch.known import Asks, nobody_asks
from sync_server.blob_files import BlobFiles, ModelFiles
from sync_server.logs import where
from sync_server.mentioning import mention
from sync_server.reading import envelope_of, read, unpacked
from sync_server.server_keys import OFFICE_KEY, RECEIPT_KEY, KeyRing
from sync_server.standing import refuse_if_stopped, set_back_at
from sync_server.store import Device, DeviceState, Entry, Key, Store, Tx
from sync_server.telemetry.names import PolicyNames
from sync_server.telemetry.taking import Witness
from sync_server.updates.bundles import shipped_bundle
from sync_server.updates.publisher import Publisher
from sync_server.updates.reading import Updates
from sync_server.updates.terms import Terms

T = TypeVar("T")
log = logging.getLogger("tailboard.server")
AUDIT_START = "0" * 64
CODE_LIFETIME = timedelta(hours=24)
#: How long a laptop's key is good; longer than any laptop may be offline (`retention`).
KEY_LIFETIME = timedelta(days=365)
#: How often it is looked for files whose room can be given back.
FILES_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pen:
    """The office key, and who admits what it signs."""

    key: SigningKey
    admission: Admission


class Service:
    """The server's work over a store, a key ring and the ports."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        ports: Ports,
        files: BlobFiles,
        beside: Beside = in_place,
        terms: Terms | None = None,
        asks: Asks = nobody_asks,
        models: ModelFiles | None = None,
    ) -> None:
        """`models` is None where none can be published."""
        self.store, self.ring, self.ports, self._beside, self._asks = store, ring, ports, beside, asks
        self.attachments = Attachments(store, files, self._caller, self.bytes_arrived, ports.clock)
        self._terms = terms or Terms()
        self.models = models
        published = models.published if models else None
        self.updates = Updates(store, self._caller, self.publisher, self._receipt_key, ports, published)
        names = PolicyNames(shipped_bundle, self.publisher)
        self.witness = Witness(store, self._caller, self.batch, names, ports)
        self._files_swept_at: datetime | None = None
        self._spent: object = None

    def batch(self, tx: Tx, tenant: str) -> Batch:
        """A fresh unit of work inside `tx`."""
        receipt_key = self.ring.active(tx, tenant, RECEIPT_KEY)
        seal = Seal(self.ports.clock.now(), receipt_key, incarnation(tx), set_back_at(tx))
        return Batch(tx, tenant, seal, self._asks)

    def publisher(self, tx: Tx, tenant: str) -> Publisher:
        """What a tenant publishes for its devices, inside `tx`."""
        return Publisher(tx, tenant, self.ring, self.ports, self._terms, incarnation(tx))

    def _receipt_key(self, tx: Tx, tenant: str) -> SigningKey:
        return self.ring.active(tx, tenant, RECEIPT_KEY)

    # -- devices speak

    def sync(self, message: Message, body: bytes, packed: Callable[[bytes], T]) -> T:
        """One sync round of the device that signed `message`: its reply, `packed`; both while the disk is waited for.

        Raises:
            Refused: the whole round. Nothing was done, except where the refusal says that what came was kept.
        """
        request = read(SyncRequest, unpacked(message, body))
        _refuse_unspoken(request.protocol)
        seen = Seen()

        full = len(request.commands) == COMMANDS_MAX  # so there is likely more

        def work(tx: Tx) -> Callable[[], T] | Refused:
            told = self._round(tx, self._caller(tx, message, body, seen), request, up_first=full)
            return told if isinstance(told, Refused) else self._beside(lambda: packed(told()))

        outcome = self.store.attempt(work)  # nobody is answered before it is committed
        if isinstance(outcome, Refused):
            raise outcome
        return outcome()

    def check(self, message: Message, body: bytes) -> bytes:
        """What would become of a device's commands, were they sent now. Nothing is stored. Raises `Refused`."""
        request = read(CheckRequest, unpacked(message, body))
        _refuse_unspoken(request.protocol)
        seen = Seen()
        caller = self.store.attempt(lambda tx: self._caller(tx, message, body, seen))
        with self.store.rehearsal() as tx:
            forecasts = sync_round.forecast(self.batch(tx, caller.tenant), tx, caller, request.commands)
        return CheckReply(forecasts=forecasts, server_time=self.ports.clock.now()).to_bytes()

    def round(self, tx: Tx, caller: Caller, request: SyncRequest) -> bytes | Refused:
        """One round of a device that is known to be `caller`; a refusal that is returned is to be committed."""
        told = self._round(tx, caller, request, up_first=False)
        return told if isinstance(told, Refused) else told()

    def _round(self, tx: Tx, caller: Caller, request: SyncRequest, *, up_first: bool) -> sync_round.Reply | Refused:
        desk = sync_round.Desk(tx, self.batch(tx, caller.tenant), caller, up_first)
        self._spent = desk, request
        return desk.answer(request)

    def tidy(self) -> None:
        """Let go of what the last round made: tens of thousands of objects, for whose end no answer need wait."""
        self._spent = None

    def caller(self, tx: Tx, message: Message, body: bytes, seen: Seen) -> Caller:
        """The device that signed a request which is no sync round. Raises `Refused`."""
        return self._caller(tx, message, body, seen)

    def _caller(self, tx: Tx, message: Message, body: bytes, seen: Seen) -> Caller:
        now = self.ports.clock.now()
        try:
            return authenticate(tx, message, body, now, seen)
        except TooFarOff as error:
            log.warning("request refused", extra={"why": str(error)})
            raise self._time_told(tx, message, now) from error

    def _time_told(self, tx: Tx, message: Message, now: datetime) -> Refused:
        tenant = device_key(tx, claimed_key_id(message.headers)).tenant
        return time_told(message.headers, now, self.ring.active(tx, tenant, RECEIPT_KEY))

    # -- what time and other events bring

    def bytes_arrived(self, tx: Tx, tenant: str, sha256: str) -> None:
        """A file is here in full: decide, inside `tx`, what waited for it."""
        batch = self.batch(tx, tenant)
        batch.bytes_arrived(sha256)
        batch.flush()

    def sweep(self) -> None:
        """Decide again what was held until now: approvals whose time is over, kinds that this program has learnt.

        And sign metadata of updates again before it expires, give back the room of files that only failed commands
        name, and work the database's log in.
        """
        with self.store.transaction() as tx:
            tenants = list(tx.tenants())
        now = self.ports.clock.now()
        files_due = self._files_due(now)
        for tenant in tenants:
            try:
                self.sweep_tenant(tenant)
                mention(self.store, tenant)
                if files_due:
                    self.attachments.give_back(tenant, now)
            except Refused as refused:  # one organisation's trouble is not the others'
                log.warning("not swept", extra={"tenant": tenant, "code": refused.problem.code})
            except Exception as error:  # noqa: BLE001  # nor is a fault of ours
                log.error("not swept", extra={"tenant": tenant, **where(error)})
        self.store.work_log_in()

    def _files_due(self, now: datetime) -> bool:
        """Whether it is time to look for room that can be given back; asked once a sweep."""
        swept = self._files_swept_at
        if swept and swept <= now < swept + FILES_EVERY:
            return False
        self._files_swept_at = now
        return True

    def sweep_tenant(self, tenant: str) -> None:
        """The same for one tenant. Raises `Refused`: `busy`, `store_full`, `server_stopped`."""
        self.store.attempt(lambda tx: self._sweep(tx, tenant))

    def _sweep(self, tx: Tx, tenant: str) -> None:
        due = tx.due(tenant, self.ports.clock.now())
        learnt = [entry for entry in tx.held(tenant, Hold.UNREADABLE) if _readable(entry)]
        if due or learnt:
            refuse_if_stopped(tx, tenant)
            batch = self.batch(tx, tenant)
            batch.again([*due, *learnt])
            batch.flush()
        publisher = self.publisher(tx, tenant)
        if publisher.due():
            refuse_if_stopped(tx, tenant)
            publisher.renew()

    # -- enrolment

    def enrol(self, body: bytes) -> EnrolReply:
        """Exchange a one-time code for a device identity. The same code with the same keys gives the same answer.

        Raises:
            Refused: `code_invalid`, `bad_signature`, `malformed`.
        """
        envelope = envelope_of(read(EnrolRequest, body).enrolment)
        enrolment = read(Enrolment, envelope.payload)
        keys = [bytes.fromhex(enrolment.device_key), bytes.fromhex(enrolment.technician_key)]
        try:
            for key in keys:
                verify(envelope, ENROLMENT_TYPE, key)
        except (BadSignature, ValueError) as error:
            raise Refused(Code.BAD_SIGNATURE, "the enrolment is not signed by both of its keys") from error
        return self.store.attempt(lambda tx: self._welcome(tx, self._enrol(tx, enrolment, key_id(keys[0]))))

    def _enrol(self, tx: Tx, enrolment: Enrolment, keyid: str) -> Key:
        code = tx.code(code_hash(enrolment.code))
        if code is None or (code.keyid not in (None, keyid)):
            raise Refused(Code.CODE_INVALID, "no such code, or it was used")
        if code.keyid == keyid and (known := tx.key(keyid)):
            return known
        now = self.ports.clock.now()
        if now > code.expires_at:
            raise Refused(Code.CODE_INVALID, f"the code was good until {code.expires_at:%Y-%m-%d %H:%M} UTC")
        tx.lock_head(code.tenant)  # whoever else enrols here waits, or both would count as many devices
        name = f"TB-{len(tx.devices(code.tenant)) + 1:02d}"
        tx.use_code(code.hash, keyid)
        tx.add_device(
            code.tenant,
            Device(
                name,
                enrolment.device_name,
                code.person,
                DeviceState.WAITING if code.waits else DeviceState.ACTIVE,
                epoch=1,
                enrolled_at=now,
                key_expires_at=now + KEY_LIFETIME,
            ),
        )
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
            approved=device.state is not DeviceState.WAITING,
        )

    # -- the office

    def office(
        self,
        tenant: str,
        actor: str,
        work: "list[tuple[str, Payload]]",
        seen: "Mapping[str, int] | None" = None,
    ) -> list[Receipt]:
        """The receipts of what `confirm` settles at once; what it holds is left out. Raises as it does."""
        return [entry.receipt for entry in self.confirm(tenant, actor, work, seen) if entry.receipt]

    def confirm(
        self,
        tenant: str,
        actor: str,
        work: "list[tuple[str, Payload]]",
        seen: "Mapping[str, int] | None" = None,
        before: Callable[[Tx, Batch], None] | None = None,
    ) -> list[Entry]:
        """Commands that a signed-in person confirmed, one after the other in one transaction; settled, or held.

        Args:
            tenant: whose records.
            actor: the person.
            work: (record, payload) pairs.
            seen: record, or record:field → the version that the person looked at, where that may not be what stands
                now.
            before: what is done in the same transaction before they are decided.

        Raises:
            Refused: `not_found`, if there is no such person.
        """
        ids = [self.ports.new_id() for _ in work]

        def unit(tx: Tx) -> list[Entry]:
            if tx.person(tenant, actor) is None:
                raise Refused(Code.NOT_FOUND, f"there is no person {actor} in {tenant}")
            refuse_if_stopped(tx, tenant)
            batch = self.batch(tx, tenant)
            batch.foresee(ids, {record for record, _ in work})
            if before:
                before(tx, batch)
            pen = self.pen(tx, tenant)
            for command_id, (record, payload) in zip(ids, work, strict=True):
                author = Author(command_id, tenant, OFFICE, actor, self.ports.clock.now(), "office")
                give(pen, batch, author, record, payload, seen or {})
            batch.flush()
            return [entry for command_id in ids if (entry := batch.entry(command_id))]

        return self.store.attempt(unit)

    def pen(self, tx: Tx, tenant: str) -> Pen:
        """What office commands of a tenant are signed with and admitted by, inside `tx`."""
        return Pen(self.ring.active(tx, tenant, OFFICE_KEY), Admission(tx, tenant, OFFICE))


def give(pen: Pen, batch: Batch, author: Author, record: str, payload: Payload, seen: Mapping[str, int]) -> None:
    """Bring one office command of `author` into a unit of work that the caller flushes. Raises `Refused`."""
    if batch.entry(author.id):
        return  # the answer to this very unit's commit was lost
    try:
        draft = compose(payload, record, author, View({}))
        command = compose(payload, record, author, View(batch.look(refs_of(draft))))
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"{record}: {' '.join(str(error).split())[:200]}") from error
    bases = tuple(_as_seen(base, seen) for base in command.bases)
    command = command.model_copy(update={"bases": bases})
    batch.receive(pen.admission.admit(seal(COMMAND_TYPE, command.to_bytes(), pen.key)))


def _refuse_unspoken(protocol: int) -> None:
    if protocol not in PROTOCOLS_UNDERSTOOD:
        raise Refused(Code.PROTOCOL_UNSUPPORTED, f"protocol {protocol}; spoken here: {PROTOCOL}")


def _as_seen(base: Base, seen: Mapping[str, int]) -> Base:
    version = seen.get(f"{base.record}:{base.field}", seen.get(base.record, base.version))
    return base.model_copy(update={"version": version})


def incarnation(tx: Tx) -> int:
    """The number of this database's life."""
    return int(tx.server_value("incarnation") or 1)


def _readable(entry: Entry) -> bool:
    """Whether this program knows the command's kind by now, whatever may be wrong with its payload."""
    try:
        draft_of(entry.command)
    except UnknownKind:
        return False
    except ValueError:
        pass
    return True


def code_hash(code: str) -> str:
    """How a code is kept: case and dashes do not matter."""
    return sha256_hex(code.replace("-", "").upper().encode())
