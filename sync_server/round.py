"""The sync round of one device: what it brings is received, what it asks is answered, and what changed goes down.

Order
1. A head that it shows is compared with our own; a server that was set back refuses everything (`standing`).
2. A device that is revoked or forked may only upload: what it brings is kept for review, and it is refused. So is one
   whose key ran out, but what it brings is settled as ever. One that waits to be approved is refused at the door.
3. It closes an epoch, or asks about what it is in doubt about, or brings withdrawals and commands.
4. One page of changes, from where its replica stands, and a signed head.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciliation.expiry import datable
from shared.envelope import (
    HEAD_TYPE,
    REVOCATION_TYPE,
    WITHDRAWAL_TYPE,
    BadSignature,
    Envelope,
    WireEnvelope,
    seal,
    verify,
)
from shared.metrics import Key
from shared.outcomes import Hold
from shared.problems import Code, NotTaken, Problem, Refused
from shared.statements import Head, Succession, Withdrawal, withdraws
from shared.sync import (
    CHANGES_MAX,
    PROTOCOL,
    Answer,
    EpochEnd,
    Forecast,
    Held,
    Settled,
    SyncReply,
    SyncRequest,
    Turned,
    Unknown,
    WireProof,
    audit_mark,
    cursor_at,
    cursor_parts,
    settled_json,
    with_changes,
)
from sync_server import protocol_1
from sync_server.admission import Admission, Admitted
from sync_server.authentication import Caller
from sync_server.batch import Batch
from sync_server.cluster.consents import take_back
from sync_server.letting_in import barred
from sync_server.reading import envelope_of, read
from sync_server.server_keys import RECEIPT_KEY
from sync_server.standing import refuse_if_another, refuse_if_stopped, shown
from sync_server.store import Device, DeviceState, Entry, Page, Tx
from sync_server.updates.publisher import mark_of

log = logging.getLogger("tailboard.server")

#: A laptop that is set back again so soon after the last time is likely two: a copy of it, taking turns with it.
COPY_SUSPECTED = timedelta(days=1)

#: An id that the ledger knows, or why there is none.
_Answer = str | Unknown | Turned

#: A reply that is decided and asks the store nothing more; calling it makes its JSON, which may be done while the
#: commit waits for the disk.
Reply = Callable[[], bytes]

_REFUSALS = {
    Code.DEVICE_WAITING: "nothing of it is taken before an administrator has approved it",
    Code.DEVICE_FORKED: "what it sends is kept for review",
    Code.DEVICE_REVOKED: "what it sends is kept for review",
    Code.KEY_EXPIRED: "what it sends is taken in; it hears what came of it once its key is renewed",
}


#: Under which it is counted what came again (`shared.metrics`).
DUPLICATES: Key = ("tailboard_duplicates_prevented_total", ())


@dataclass
class Roots:
    """The signed envelopes that a reply's proofs name, each once."""

    envelopes: list[Envelope] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)

    def number(self, envelope: Envelope) -> int:
        """The envelope's place in the reply."""
        signature = envelope.signatures[0][1]
        if signature not in self._known:
            self._known[signature] = len(self.envelopes)
            self.envelopes.append(envelope)
        return self._known[signature]


@dataclass
class Desk:
    """Where one round of one device is worked on, inside one transaction.

    `up_first` puts changes off, a page's worth at most: more is to come up, and would change the same records again.
    """

    tx: Tx
    batch: Batch
    caller: Caller
    up_first: bool = False
    roots: Roots = field(default_factory=Roots)

    def __post_init__(self) -> None:
        seal = self.batch.seal
        self.key, self.now, self.incarnation = seal.key, seal.now, seal.incarnation

    def answer(self, request: SyncRequest) -> Reply | Refused:
        """The reply, or a refusal that is to be committed together with what it reports."""
        tenant = self.caller.tenant
        cursor = _cursor(request.cursor)
        _check_clock(request.sent_at)
        if request.head and (refused := shown(self.tx, tenant, envelope_of(request.head), self.incarnation)):
            return refused
        refuse_if_stopped(self.tx, tenant)
        if not request.head:
            refuse_if_another(self.tx, tenant, request.cursor, self.incarnation)
        report = request.report.model_dump_json() if request.report else None
        self.tx.touch(tenant, self.caller.device, self.now, report)
        refused = _shut_out(self.batch.device(self.caller.device), self.now)
        if refused and refused.problem.code is Code.DEVICE_WAITING:
            return refused
        answers = self._answers(request)
        if self.batch.repeated:
            self.tx.measure(tenant, {DUPLICATES: self.batch.repeated})
        self.batch.flush()
        if refused:
            return refused if request.protocol == protocol_1.PROTOCOL else _with_turned(refused, answers)
        if refused := self._left_behind(request.protocol):
            return refused
        return self._reply(request, cursor, answers)

    def _left_behind(self, protocol: int) -> Refused | None:
        """The refusal of a device of protocol 1 whose person's teams changed; None for any other.

        Protocol 1 cannot say what a device is to drop, so it would show what its person may not see any more.
        """
        device = self.batch.device(self.caller.device)
        if protocol != protocol_1.PROTOCOL or not device.scope_seq:
            return None
        return Refused(
            Code.PROTOCOL_UNSUPPORTED,
            f"the teams of {self.caller.actor} changed, and this version of Tailboard cannot drop what they no "
            "longer see. What it sent is taken in; to hear what came of it, install the present version here",
        )

    # -- up

    def _answers(self, request: SyncRequest) -> "list[_Answer]":
        """One answer for each thing asked or brought: an id that the ledger now knows, or why not."""
        if request.ended and self._active():
            self._end_epoch(request.ended)
        if request.in_doubt:
            return [self._recall(command_id) for command_id in request.in_doubt]
        for envelope in map(envelope_of, request.withdrawals):
            if envelope.payload_type == REVOCATION_TYPE:
                self._take_consent_back(envelope)
            else:
                self._withdraw(envelope)
        answers = self._receive(request)
        self.batch.check_withdrawals(self.caller.device)
        return answers

    def _recall(self, command_id: str) -> "str | Unknown":
        """What became of a command that the device is in doubt about; only its own are told."""
        entry = self.batch.entry(command_id)
        return command_id if entry and entry.command.device == self.caller.device else Unknown(id=command_id)

    def _end_epoch(self, ended: EpochEnd) -> None:
        device, epoch = self.batch.device(self.caller.device), self.batch.epoch(self.caller.device)
        if epoch.epoch != ended.epoch:
            return
        if ended.reason == epoch.reason == "restored" and self.now - epoch.opened_at < COPY_SUSPECTED:
            self.batch.set_device(replace(device, state=DeviceState.FORKED))
            self.batch.note(act="forked", device=device.id, epoch=epoch.epoch, why="set back twice in a day")
            return
        self.batch.open_epoch(device.id, ended.reason, ended.missing)

    def _withdraw(self, envelope: Envelope) -> None:
        key = Admission(self.tx, self.caller.tenant, self.caller.device).key(envelope.keyid)
        try:
            verify(envelope, WITHDRAWAL_TYPE, key.public)
        except BadSignature as error:
            raise Refused(Code.BAD_SIGNATURE, f"a withdrawal: {error}") from error
        said = read(Withdrawal, envelope.payload)
        if (said.tenant, said.device, said.actor) != (self.caller.tenant, key.device, key.actor):
            raise Refused(Code.NOT_ENROLLED_FOR, "a withdrawal in another name than its key's")
        known = self.batch.entry(said.command)
        if known and not withdraws(said, known.command, said.hash):
            raise Refused(Code.NOT_ENROLLED_FOR, "a withdrawal of somebody else's command")
        if self._active() or known is None or known.hold is Hold.QUARANTINED:
            self.batch.withdraw(said.command, said.hash, envelope, self.caller.device)

    def _take_consent_back(self, envelope: Envelope) -> None:
        """No task leaves under that consent from now on. What is known already changes nothing."""
        if note := take_back(self.tx, self.caller, envelope, self.now):
            self.batch.note(**note)

    def _active(self) -> bool:
        """Whether the device may do more than bring what is kept for review."""
        return self.batch.device(self.caller.device).state is DeviceState.ACTIVE

    def _receive(self, request: SyncRequest) -> "list[_Answer]":
        offset_s = (request.sent_at - self.now).total_seconds() if request.sent_at else 0.0
        doubtful = frozenset(request.doubtful)
        admitted = admit_all(self.tx, self.caller, request.commands)
        self.batch.preload([each.command for each in admitted if isinstance(each, Admitted)])
        answers: list[_Answer] = []
        for index, each in enumerate(admitted):
            if isinstance(each, Problem):
                answers.append(self._turned(index, each))
                continue
            try:
                self.batch.receive(each, offset_s=offset_s, doubtful=each.command.id in doubtful)
                answers.append(each.command.id)
            except Refused as refused:
                answers.append(self._turned(index, refused.problem))
        return answers

    def _turned(self, index: int, problem: Problem) -> Turned:
        extra = {"tenant": self.caller.tenant, "device": self.caller.device, "code": problem.code}
        log.warning("command turned away", extra=extra)
        return Turned(index=index, problem=problem)

    # -- down

    def _entry(self, command_id: str) -> Entry:
        entry = self.batch.entry(command_id)
        assert entry is not None, "what was received is in the ledger"
        return entry

    def _together(self, answers: "list[_Answer]") -> Counter[int]:
        """How many of the receipts to be told stand under each root; from now on the roots have their numbers."""
        proofs = (self._entry(answer).proof for answer in answers if isinstance(answer, str))
        return Counter(self.roots.number(proof.envelope) for proof in proofs if proof)

    def _written(self, answers: "list[_Answer]", together: Mapping[int, int]) -> list[bytes]:
        """The answers' JSON. Where all receipts of a unit are among them they are its tree, and go without paths."""
        return [
            self._settled_or_held(self._entry(each), together) if isinstance(each, str) else each.to_bytes()
            for each in answers
        ]

    def _settled_or_held(self, entry: Entry, together: Mapping[int, int]) -> bytes:
        proof, receipt = entry.proof, entry.receipt_payload
        if proof is None or receipt is None:
            return _held(entry).to_bytes()
        root, place = self.roots.number(proof.envelope), proof.inclusion
        whole = place is not None and place.size == together[root]
        return settled_json(entry.command.id, receipt, root, place, whole=whole)

    def _told_before(self, answer: _Answer) -> Answer:
        """The answer for a device of protocol 1, which gets its receipts signed one by one."""
        if not isinstance(answer, str):
            return answer
        entry = self._entry(answer)
        if entry.receipt_payload is None:
            return _held(entry)
        return Settled(id=answer, receipt=entry.receipt_payload.decode(), proof=WireProof(root=0))

    def _reply(self, request: SyncRequest, cursor: tuple[int, int, int], answers: "list[_Answer]") -> Reply:
        device = self.batch.device(self.caller.device)
        head = self._head(device)
        after, since = self._position(request.protocol, cursor, device, head.change_seq)
        restart, old = since is None, request.protocol == protocol_1.PROTOCOL
        later = self.up_first and not restart and not old and head.change_seq - after < CHANGES_MAX
        page = _nothing_yet(after, head.change_seq) if later else self._page(after, head.change_seq)
        together = Counter[int]() if old else self._together(answers)  # it names the roots
        bare = together if request.protocol == PROTOCOL else Counter[int]()
        reply = SyncReply(
            changes=(),
            protocol=request.protocol,
            answers=tuple(map(self._told_before, answers)) if old else (),
            removals=page.removals,
            cursor=cursor_at(
                self.incarnation,
                page.reached,
                head.change_seq if since is None else since,
                audit_mark(head.audit_position, head.audit_hash),
            ),
            more=page.more,
            restart=restart,
            roots=tuple(envelope.to_wire() for envelope in self.roots.envelopes),
            head=seal(HEAD_TYPE, head.to_bytes(), self.key).to_wire(),
            epoch=device.epoch,
            server_time=self.now,
            incarnation=self.incarnation,
            receipt_keys=successions(self.tx, self.caller.tenant),
            bundle=mark_of(self.tx, self.caller.tenant),
        )
        self._log(answers, page)
        if old:
            return lambda: protocol_1.reply(reply, page.records, self.key)
        return lambda: with_changes(reply, page.records, self._written(answers, bare))

    def _page(self, after: int, end: int) -> Page:
        """What changed beyond `after` for the person behind the device."""
        person = self.tx.person(self.caller.tenant, self.caller.actor)
        teams = person.teams if person else frozenset[str]()
        return self.tx.feed(self.caller.tenant, after, end, CHANGES_MAX, teams)

    def _position(
        self, protocol: int, cursor: tuple[int, int, int], device: Device, end: int
    ) -> tuple[int, int | None]:
        """Where the page begins, and when the device's copy was begun; None if it must begin anew.

        A cursor of protocol 1 does not say when the copy was begun, so it cannot say that it was begun anew: to ask
        for that would be to ask for ever.
        """
        life, after, since = cursor
        kept_from = max(device.scope_seq, self.tx.removals_from(self.caller.tenant))
        begun_before = since < kept_from and protocol != protocol_1.PROTOCOL
        if life != self.incarnation or max(after, since) > end or begun_before:
            return 0, None
        return after, since

    def _head(self, device: Device) -> Head:
        tenant, epoch = self.caller.tenant, self.batch.epoch(device.id)
        ends = self.tx.head(tenant)
        return Head(
            tenant=tenant,
            device=device.id,
            incarnation=self.incarnation,
            audit_position=ends.audit_position,
            audit_hash=ends.audit_hash,
            change_seq=ends.change_seq,
            epoch=epoch.epoch,
            received=epoch.head_seq,
            received_hash=epoch.head_hash,
            settled=self.tx.settled_through(tenant, device.id, epoch.epoch, epoch.head_seq),
            at=self.now,
        )

    def _log(self, answers: "Sequence[_Answer]", page: Page) -> None:
        """One line a round; the ids of what is settled or held are the thread through the logs."""
        by_status: dict[str, list[str]] = {}
        for answer in answers:
            if isinstance(answer, str):
                status = "held" if self._entry(answer).hold else "settled"
                by_status.setdefault(status, []).append(answer)
            elif isinstance(answer, Unknown):
                by_status.setdefault(answer.status, []).append(answer.id)
        log.info(
            "round",
            extra={
                "tenant": self.caller.tenant,
                "device": self.caller.device,
                "changes": len(page.records),
                **by_status,
            },
        )


def successions(tx: Tx, tenant: str) -> tuple[WireEnvelope, ...]:
    """How the receipt key was handed on, oldest first."""
    told = [
        WireEnvelope.model_validate_json(key.succession) for key in tx.keys(tenant, RECEIPT_KEY) if key.succession
    ]
    return tuple(sorted(told, key=lambda wire: read(Succession, envelope_of(wire).payload).at))


def _nothing_yet(after: int, end: int) -> Page:
    """An empty page at `after`: what is beyond it comes with a later round."""
    return Page((), (), after, more=after < end)


def _held(entry: Entry) -> Held:
    assert entry.hold is not None, "a command is settled or held"
    return Held(id=entry.command.id, hold=entry.hold, problem=entry.problem)


def _shut_out(device: Device, now: datetime) -> Refused | None:
    """What a device is told that may only upload, or not even that; None for any other."""
    code = barred(device, now)
    return Refused(code, f"{device.id}: {_REFUSALS[code]}") if code else None


def _with_turned(refused: Refused, answers: "Sequence[str | Unknown | Turned]") -> Refused:
    """The refusal of a round that says which of its commands are not even kept for review."""
    turned = [answer for answer in answers if isinstance(answer, Turned)]
    if turned:
        not_taken = tuple(NotTaken(index=t.index, code=t.problem.code, detail=t.problem.detail) for t in turned)
        refused.problem = refused.problem.model_copy(update={"not_taken": not_taken})
    return refused


def admit_all(tx: Tx, caller: Caller, wires: Sequence[WireEnvelope]) -> list[Admitted | Problem]:
    """What a device brings, each verified or with the reason why not, in its order."""
    envelopes: list[Envelope] = []
    answers: dict[int, Admitted | Problem] = {}
    places: list[int] = []
    for place, wire in enumerate(wires):
        try:
            envelopes.append(envelope_of(wire))
            places.append(place)
        except Refused as refused:
            answers[place] = refused.problem
    admitted = Admission(tx, caller.tenant, caller.device).admit_all(envelopes)
    answers |= dict(zip(places, admitted, strict=True))
    return [answers[place] for place in sorted(answers)]


def forecast(batch: Batch, tx: Tx, caller: Caller, wires: Sequence[WireEnvelope]) -> tuple[Forecast, ...]:
    """What would become of a device's commands. The transaction is to be undone.

    Raises:
        Refused: one of them could not even be received, or the device may only upload.
    """
    if refused := _shut_out(batch.device(caller.device), batch.seal.now):
        raise refused
    told = []
    for each in admit_all(tx, caller, wires):
        if isinstance(each, Problem):
            raise Refused(each.code, each.detail)
        batch.receive(each)
        told.append(each.command.id)
    batch.flush()
    return tuple(_forecast(batch.entry(command_id)) for command_id in told)


def _forecast(entry: Entry | None) -> Forecast:
    assert entry is not None, "it was received"
    receipt = entry.receipt
    if receipt is None:
        return Forecast(id=entry.command.id, hold=entry.hold, detail=entry.problem.detail if entry.problem else "")
    return Forecast(
        id=entry.command.id,
        outcome=receipt.outcome,
        reason=receipt.reason,
        detail=receipt.detail,
        conflicting=tuple(f"{each.record} {each.field}" for each in receipt.conflicting),
    )


def _check_clock(sent_at: datetime | None) -> None:
    """What a device's clock is off by is measured only if a clock can show what it says. Raises `Refused`."""
    if sent_at and not datable(sent_at):
        raise Refused(
            Code.MALFORMED, f"sent_at: no clock shows {sent_at.isoformat()}; set the device's clock, then send again"
        )


def _cursor(cursor: str | None) -> tuple[int, int, int]:
    try:
        return cursor_parts(cursor)
    except ValueError as error:
        raise Refused(Code.CURSOR_INVALID, "the cursor is not readable") from error
