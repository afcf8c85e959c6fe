"""Takes what laptops tell of their evidence: who tells, does it follow, what does it come to.

Rules
1. Only an enrolled and active laptop tells, and only its own: a revoked one has nothing more to say here.
2. What is told is read strictly before anything is kept: what has no place in a trace is refused as a whole.
3. Traces, how far they go and what they come to are one transaction. Told again, they change nothing.
4. A new strand, and why it began, is in the audit: that a laptop was set back is worth knowing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.contract import to_instant
from shared.envelope import EVIDENCE_TYPE, BadSignature, verify
from shared.evidence import EvidenceHead, EvidencePlace, EvidenceUpload, Trace, hashes, read_told
from shared.evidence import Told as Content
from shared.metrics import tally
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.request_signature import Message, claimed_key_id
from sync_server.authentication import Caller, Seen, device_key
from sync_server.batch import Batch
from sync_server.letting_in import refuse_unless_let_in
from sync_server.reading import envelope_of, read, unpacked
from sync_server.standing import refuse_if_stopped
from sync_server.store import Store, StrandTold, Tx
from sync_server.telemetry.chain import Taken, Wrong, taken

#: What came later than this after it was made is late.
LATE = timedelta(hours=24)
#: A laptop begins no more strands than one in this time.
STRAND_EVERY = timedelta(minutes=10)
Authenticate = Callable[[Tx, Message, bytes, Seen], Caller]


class Witness:
    """The evidence of all laptops, as they tell it."""

    def __init__(
        self,
        store: Store,
        authenticate: Authenticate,
        batch: Callable[[Tx, str], Batch],
        policies: Callable[[Tx, str], frozenset[str]],
        ports: Ports,
    ) -> None:
        """`policies` gives the names of an organisation's policies."""
        self._store, self._authenticate, self._batch = store, authenticate, batch
        self._policies, self._ports = policies, ports

    def take(self, message: Message, body: bytes) -> EvidencePlace:
        """A piece of a laptop's evidence: up to where it is here now.

        Raises:
            Refused: nobody's request, a laptop that is shut out; `malformed`, `bad_signature`, `evidence_gap`,
                `evidence_fork`.
        """
        upload, seen = read(EvidenceUpload, unpacked(message, body)), Seen()
        told = [(each.kind, _content(each)) for each in upload.entries]

        def work(tx: Tx) -> EvidencePlace:
            caller = self._authenticate(tx, message, body, seen)
            refuse_if_stopped(tx, caller.tenant)
            refuse_unless_let_in(tx, caller, self._ports.clock.now(), "its evidence is not taken")
            head = _head(upload, device_key(tx, claimed_key_id(message.headers)).public)
            return self._take(tx, caller, upload, head, told)

        return self._store.attempt(work)

    def _take(
        self, tx: Tx, caller: Caller, upload: EvidenceUpload, head: EvidenceHead, told: Sequence[tuple[str, Content]]
    ) -> EvidencePlace:
        now, held = self._ports.clock.now(), tx.strand(caller.tenant, caller.device)
        known = tx.known_traces(caller.tenant, caller.device, hashes(upload.prev, upload.entries))
        place = EvidencePlace(strand=held.strand, number=held.number, hash=held.hash) if held else EvidencePlace()
        ruling = taken(place, upload, head, known)
        if isinstance(ruling, Wrong):
            raise Refused(ruling.code, ruling.why)
        if not ruling.came:
            if held and head.number >= held.number:  # it says how much there is to come
                tx.put_strand(caller.tenant, caller.device, replace(held, stated=head.number, head=_wire(upload)))
            return ruling.place
        if ruling.begun and held:
            self._note_strand(tx, caller, upload, held, now)
        self._keep(tx, caller, ruling, dict(zip(hashes(upload.prev, upload.entries), told, strict=True)), known, now)
        begun = now if ruling.begun or held is None else held.began_at
        lost = ruling.lost + (held.lost if held else 0)
        tx.put_strand(
            caller.tenant,
            caller.device,
            StrandTold(
                strand=ruling.place.strand,
                number=ruling.place.number,
                hash=ruling.place.hash,
                stated=head.number,
                lost=lost,
                began_at=begun,
                told_at=now,
                head=_wire(upload),
            ),
        )
        return ruling.place

    def _keep(
        self,
        tx: Tx,
        caller: Caller,
        ruling: Taken,
        told: dict[str, tuple[str, Content]],
        known: frozenset[str],
        now: datetime,
    ) -> None:
        new = [(digest, each) for digest, each in ruling.came if digest not in known]
        tx.add_traces(caller.tenant, caller.device, ruling.place.strand, new, now)
        counts = tally((told[digest] for digest, _ in new), self._policies(tx, caller.tenant))
        late = sum(now - to_instant(each.at) > LATE for _, each in new)
        if late:
            counts["tailboard_traces_late_total", ()] += late
        tx.measure(caller.tenant, counts)

    def _note_strand(self, tx: Tx, caller: Caller, upload: EvidenceUpload, held: StrandTold, now: datetime) -> None:
        if now - held.began_at < STRAND_EVERY:
            raise Refused(Code.EVIDENCE_FORK, "another strand began a moment ago", int(STRAND_EVERY.total_seconds()))
        batch = self._batch(tx, caller.tenant)
        batch.note(
            act="evidence strand",
            device=caller.device,
            strand=upload.strand,
            because=upload.because,
            told_before={"number": held.number, "hash": held.hash},
            begins_behind={"number": upload.after, "hash": upload.prev},
        )
        batch.flush()


def _content(trace: Trace) -> Content:
    """What a trace says. Raises `Refused`: `malformed`."""
    try:
        to_instant(trace.at)
        return read_told(trace.kind, trace.told)
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"entry {trace.number}: {error}") from error


def _head(upload: EvidenceUpload, key: bytes) -> EvidenceHead:
    envelope = envelope_of(upload.head)
    try:
        verify(envelope, EVIDENCE_TYPE, key)
    except BadSignature as error:
        raise Refused(Code.BAD_SIGNATURE, "where the evidence ends is not signed by this laptop") from error
    return read(EvidenceHead, envelope.payload)


def _wire(upload: EvidenceUpload) -> str:
    return upload.head.model_dump_json()
