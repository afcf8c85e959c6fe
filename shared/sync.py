"""The sync round and enrolment: one request, one reply, any number of rounds.

Rules
1. A round that asks about doubt carries no commands: outcome before replay.
2. Every command sent is answered by name: settled, held, refused, or (when only asked about) unknown.
3. `unknown` is not final: it permits sending the same bytes again, and nothing else.
4. The cursor belongs to the server; a device keeps it and shows it again. A reply that says `restart` begins a whole
   copy: when `more` has ended, what was not delivered is no longer the device's to hold.
5. Contracts are closed, so what is added comes under a new protocol number. The numbers before are still spoken: 2,
   in which every proof has its path, and 1.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import to_json

from shared.contract import CommandId, Contract, Hash, Instant, KeyId, Name, RecordRef
from shared.envelope import Envelope, WireEnvelope
from shared.merkle import PATH_MAX, Inclusion, Leaf, Place, Tree, tree
from shared.outcomes import Hold, Outcome, Reason
from shared.problems import Problem
from shared.receipts import Proof
from shared.records import WireRecord

PROTOCOL = 3
PROTOCOLS_UNDERSTOOD = frozenset({1, 2, 3})
COMMANDS_MAX = 500
BODY_BYTES_MAX = 4 << 20
CHANGES_MAX = 2000

#: ``incarnation:change_seq:since:mark``. Devices of protocol 1 show the first two parts.
Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,9}:[0-9]{1,16}(:[0-9]{1,16}(:[0-9]{1,16}\.[0-9a-f]{16})?)?$")]


def cursor_at(incarnation: int, change_seq: int, since: int = 0, mark: str = "") -> str:
    """The cursor for everything up to and including `change_seq` of a server's `incarnation`.

    `since` is the end of the feed at which the device's copy was begun; `mark` is where the audit ended then, by
    which a server that was set back sees that it is not the one that gave the cursor.
    """
    return f"{incarnation}:{change_seq}:{since}{':' if mark else ''}{mark}"


def audit_mark(position: int, digest: str) -> str:
    """A place in the audit and the beginning of its hash, as a cursor carries it; nothing for an empty audit."""
    return f"{position}.{digest[:16]}" if position else ""


def mark_of(cursor: str | None) -> tuple[int, str] | None:
    """The audit position that a cursor carries and the beginning of the hash there; None if it carries none."""
    parts = (cursor or "").split(":")
    if len(parts) < 4:
        return None
    position, _, digest = parts[3].partition(".")
    return int(position), digest


def read_cursor(cursor: str | None) -> tuple[int, int]:
    """Incarnation and change_seq of a cursor; (0, 0) for none. Raises `ValueError` if it is no cursor."""
    incarnation, change_seq, _ = cursor_parts(cursor)
    return incarnation, change_seq


def cursor_parts(cursor: str | None) -> tuple[int, int, int]:
    """Incarnation, change_seq and since of a cursor; zeros for none. Raises `ValueError` if it is no cursor."""
    if cursor is None:
        return 0, 0, 0
    incarnation, change_seq, since = [*map(int, cursor.split(":")[:3]), 0][:3]
    return incarnation, change_seq, since


class DeviceReport(Contract):
    """What a device says of itself, for the people who look after it. It is shown and never decided upon.

    `waiting` counts the commands that are not settled, `oldest_at` is when the oldest of them was confirmed.
    """

    app: Annotated[str, Field(max_length=40)] = ""
    model: Annotated[str, Field(max_length=120)] = ""
    bundle: Annotated[str, Field(max_length=40)] = ""
    waiting: int = 0
    waiting_bytes: int = 0
    oldest_at: Instant | None = None


class EpochEnd(Contract):
    """The device cannot go on with its chain, and says why and what is missing.

    `missing` are numbers of commands whose bytes are lost here; `received` of the server's head shows those that are
    there nevertheless. The server answers with a new epoch.
    """

    epoch: int
    reason: Literal["restored", "bytes_lost", "unreadable"]
    missing: Annotated[tuple[int, ...], Field(max_length=COMMANDS_MAX)] = ()


class SyncRequest(Contract):
    """What a device says: where its replica stands, what it is in doubt about, or what is new.

    Args:
        withdrawals: what is taken back, each signed by its author: a command, beside it or sent before
            (`shared.statements.Withdrawal`), or a consent (`shared.consent.ConsentRevocation`).
        doubtful: commands confirmed before the device's clock stepped or it rebooted.
        head: the newest signed head that the device holds, shown once a session.
        sent_at: the device's own clock.

    What is known only when it leaves stands last (`begun`, `ending`).
    """

    protocol: int
    in_doubt: Annotated[tuple[CommandId, ...], Field(max_length=COMMANDS_MAX)] = ()
    commands: Annotated[tuple[WireEnvelope, ...], Field(max_length=COMMANDS_MAX)] = ()
    withdrawals: Annotated[tuple[WireEnvelope, ...], Field(max_length=COMMANDS_MAX)] = ()
    doubtful: Annotated[tuple[CommandId, ...], Field(max_length=COMMANDS_MAX)] = ()
    head: WireEnvelope | None = None
    report: DeviceReport | None = None
    ended: EpochEnd | None = None
    cursor: Annotated[str, Field(max_length=80)] | None = None
    sent_at: Instant | None = None

    @model_validator(mode="after")
    def _outcome_before_replay(self) -> Self:
        if self.in_doubt and (self.commands or self.withdrawals):
            raise ValueError("a round that asks about doubt carries no commands")
        return self


class _Ending(Contract):
    cursor: str | None = None
    sent_at: Instant | None = None


def begun(request: SyncRequest) -> bytes:
    """`request` as JSON up to its cursor and its time, which are left out."""
    raw, nothing = request.model_copy(update={"cursor": None, "sent_at": None}).to_bytes(), ending(None, None)
    assert raw.endswith(nothing), "cursor and time stand last"
    return raw[: -len(nothing)]


def ending(cursor: str | None, sent_at: datetime | None) -> bytes:
    """What makes a request of what `begun` gave."""
    return b"," + _Ending(cursor=cursor, sent_at=sent_at).to_bytes()[1:]


class WireProof(Contract):
    """Which of the reply's `roots` signs a receipt, and its place under it (`shared.merkle`); hashes are hexadecimal.

    `size` is 0 where the envelope signs this one receipt alone. Where the reply holds all `size` receipts under a
    root, they are its tree, and `path` is left out.
    """

    root: int
    index: int = 0
    size: int = 0
    path: Annotated[tuple[Hash, ...], Field(max_length=PATH_MAX)] = ()


class Settled(Contract):
    """The final word: the receipt's payload as it was signed, and its proof."""

    status: Literal["settled"] = "settled"
    id: CommandId
    receipt: str
    proof: WireProof


class Held(Contract):
    """Stored, not settled yet, and why."""

    status: Literal["held"] = "held"
    id: CommandId
    hold: Hold
    problem: Problem | None = None


class Unknown(Contract):
    """The server has never stored this id."""

    status: Literal["unknown"] = "unknown"
    id: CommandId


class Turned(Contract):
    """The envelope at `index` of this round was not accepted, and left no trace but a line in the server's log."""

    status: Literal["refused"] = "refused"
    index: int
    problem: Problem


Answer = Annotated[Settled | Held | Unknown | Turned, Field(discriminator="status")]


class SyncReply(Contract):
    """What the server says back. `more` asks for another round at once: this page of changes was not the last.

    Args:
        removals: records that left the device's scope.
        restart: this page is the first of a whole copy.
        roots: the signed envelopes that the answers' proofs name.
        head: signed, see `shared.statements.Head`.
        epoch: where the device's next commands go.
        receipt_keys: how the receipt key was handed on, oldest first.
        bundle: the serial of the office's roll-out of policy bundles; None if there is none. It is only a hint:
            whoever has another serial goes and looks.
        retry_after_s: how long to leave the server alone; None for as usual.
    """

    changes: tuple[WireRecord, ...]
    protocol: int
    answers: tuple[Answer, ...]
    removals: tuple[RecordRef, ...] = ()
    cursor: Cursor
    more: bool
    restart: bool = False
    roots: tuple[WireEnvelope, ...] = ()
    head: WireEnvelope
    epoch: int
    server_time: Instant
    incarnation: int
    receipt_keys: tuple[WireEnvelope, ...] = ()
    bundle: str | None = None
    retry_after_s: float | None = None


class Proofs:
    """What proves the receipts of a reply: its roots, and the trees that its own answers make up.

    `roots` are the envelopes behind `SyncReply.roots`.
    """

    def __init__(self, roots: Sequence[Envelope], answers: Sequence[Answer]) -> None:
        self.roots = roots
        self._answers = [each for each in answers if isinstance(each, Settled)]
        self._trees: dict[int, Tree] = {}

    def of(self, proof: WireProof) -> Proof:
        """The proof behind its wire form. Raises `ValueError` if it names a root or a tree that is not there."""
        if not 0 <= proof.root < len(self.roots):
            raise ValueError(f"there is no root {proof.root} in the reply")
        if not proof.size:
            return Proof(self.roots[proof.root])
        if proof.path or proof.size == 1:
            place = Inclusion(proof.index, proof.size, tuple(map(bytes.fromhex, proof.path)))
            return Proof(self.roots[proof.root], place)
        return Proof(self.roots[proof.root], Leaf(proof.index, self._tree(proof.root, proof.size)))

    def _tree(self, root: int, size: int) -> Tree:
        if root not in self._trees:
            placed = {a.proof.index: a.receipt.encode() for a in self._answers if a.proof.root == root}
            if len(placed) != size or placed.keys() != {*range(size)}:  # its length first: they may say any size
                raise ValueError(f"the reply does not hold all {size} receipts under root {root}")
            self._trees[root] = tree(placed[index] for index in range(size))
        return self._trees[root]


def settled_json(command: str, receipt: bytes, root: int, place: Place | None, *, whole: bool = False) -> bytes:
    """The bytes of a `Settled`. All of it is the server's own, so it is not checked once more, only written.

    `whole`: the reply holds all receipts under the root, so that no path is needed.
    """
    told: dict[str, object] = {"root": root, "index": 0, "size": 0, "path": ()}
    if place is not None:
        path = () if whole else [each.hex() for each in place.path]
        told |= {"index": place.index, "size": place.size, "path": path}
    return to_json({"status": "settled", "id": command, "receipt": receipt.decode(), "proof": told})


def with_changes(reply: SyncReply, records: Sequence[str], answers: Sequence[bytes] = ()) -> bytes:
    """`reply`, which has no changes itself, as JSON with `records` put in: the store's own JSON.

    `answers` that are written already are put in as well, before those of the reply, if it has any.
    """
    raw = reply.to_bytes()
    opening, told = b'{"changes":[', b'],"protocol":%d,"answers":[' % reply.protocol
    assert raw.startswith(opening + told), "a reply begins with its changes, of which it has none yet"
    rest = raw[len(opening) + len(told) :]
    between = b"," if answers and reply.answers else b""
    return b"".join((opening, ",".join(records).encode(), told, b",".join(answers), between, rest))


class CheckRequest(Contract):
    """The body of ``POST /v1/check``: what would become of these, were they sent now?"""

    protocol: int
    commands: Annotated[tuple[WireEnvelope, ...], Field(max_length=COMMANDS_MAX)]


class Forecast(Contract):
    """What would become of one command: an outcome, or a hold."""

    id: CommandId
    outcome: Outcome | None = None
    hold: Hold | None = None
    reason: Reason | None = None
    detail: str = ""
    conflicting: tuple[str, ...] = ()


class CheckReply(Contract):
    """One forecast a command, in their order. Nothing was stored."""

    forecasts: tuple[Forecast, ...]
    server_time: Instant


class Enrolment(Contract):
    """Signed by both new keys, so that the server knows the device holds them. Keys are raw, hexadecimal."""

    code: Annotated[str, Field(min_length=8, max_length=64)]
    device_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    technician_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    device_name: Annotated[str, Field(min_length=1, max_length=60)]


class EnrolRequest(Contract):
    """The body of ``POST /v1/enrol``."""

    enrolment: WireEnvelope


class EnrolReply(Contract):
    """Who the device is now, and the receipt key that it pins (raw public key, hexadecimal).

    `approved` is told only where it is not so, as programs before this one do not know it.
    """

    tenant: Name
    tenant_name: str
    device: Name
    actor: Name
    actor_name: str
    epoch: int
    incarnation: int
    receipt_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    receipt_key_id: KeyId
    server_time: Instant
    approved: bool = True

    def to_bytes(self) -> bytes:
        """The message; nothing is said of an approval that nobody need wait for."""
        return self.model_dump_json(exclude_defaults=True).encode()
