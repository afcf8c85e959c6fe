"""The sync agent: performs what `device.core.session` decides, one action at a time, and never sleeps.

Rules
1. Commands are marked as sent, durably, before the first byte leaves.
2. A receipt counts only if the pinned server key signed it for exactly our bytes; otherwise the whole reply is
   disbelieved and everything sent stays in doubt.
3. Outcomes and changes of one reply are taken in one transaction: the screen never shows half a round.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from device.core.session import Ask, Push, Queue, Rest, Session
from device.core.transfers import may_move
from device.errors import RemoteError, TransportError
from device.keys import DeviceKeys
from device.store import DeviceStore, Identity, Item
from device.transfers import Transfers
from device.transport import SyncClient
from shared.envelope import BadSignature, Envelope
from shared.outcomes import Receipt
from shared.ports import Ports, RunBlocking
from shared.problems import Code, Problem
from shared.receipts import Proof, read_receipt, verify_root
from shared.records import record_from_wire
from shared.statements import ReceiptsRoot
from shared.sync import BODY_BYTES_MAX, PROTOCOL, Held, Settled, SyncReply, SyncRequest, Turned, Unknown, proof_of

#: What an envelope adds to its payload on the wire, rounded up.
ENVELOPE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    `asked` and `sent` are command ids, `file` is the sha256 of a file that moved; `error` is a sentence if no usable
    answer came.
    """

    at: datetime
    asked: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    changes: int = 0
    error: str | None = None
    rest_until: datetime | None = None
    rested: bool = False
    file: str | None = None


_Receipt = tuple[Receipt, bytes, Proof]


class _Roots:
    """The signed envelopes of a reply, each verified once."""

    def __init__(self, reply: SyncReply, key: bytes) -> None:
        self.envelopes = [Envelope.from_wire(wire) for wire in reply.roots]
        self._key = key
        self._signed: dict[int, ReceiptsRoot | None] = {}

    def signed(self, number: int) -> ReceiptsRoot | None:
        """What the envelope signs (`shared.receipts.verify_root`). Raises as that does."""
        if number not in self._signed:
            self._signed[number] = verify_root(self.envelopes[number], self._key)
        return self._signed[number]


@dataclass(frozen=True, slots=True)
class _Verified:
    receipts: tuple[_Receipt, ...]
    held: tuple[Held, ...]
    unknown: tuple[str, ...]
    turned: tuple[tuple[str, Problem], ...]

    def check_complete(self, items: list[Item]) -> None:
        """Every command of the round is answered by name. Raises `TransportError` if the server left one out."""
        answered = {receipt.command for receipt, *_ in self.receipts} | {held.id for held in self.held}
        answered |= set(self.unknown) | {command_id for command_id, _ in self.turned}
        if left_out := [item.summary for item in items if item.command.id not in answered]:
            raise TransportError(f"The answer leaves {len(left_out)} of our commands out; it is not believed.")


def _one_body(items: list[Item]) -> list[Item]:
    """The first items that fit into one request body, at least one. Base64 and JSON make bytes a third longer."""
    sizes = accumulate(len(item.envelope.payload) * 4 // 3 + ENVELOPE_BYTES for item in items)
    return [item for item, size in zip(items, sizes, strict=True) if size < BODY_BYTES_MAX * 0.9] or items[:1]


class Agent:
    """Carries the outbox up and outcomes and changes down."""

    def __init__(
        self,
        store: DeviceStore,
        client: SyncClient,
        keys: DeviceKeys,
        identity: Identity,
        ports: Ports,
        run_blocking: RunBlocking,
        transfers: Transfers,
    ) -> None:
        self.session = Session()
        self._transfers = transfers
        self._store, self._client, self._keys = store, client, keys
        self._identity, self._ports, self._run = identity, ports, run_blocking

    async def step(self) -> Step:
        """Do the next thing, which may be nothing.

        Raises:
            StoreError: the device's database failed; nothing that was saved is lost.
        """
        now = self._ports.clock.now()
        self.session.online = await self._run(lambda: self._store.meta("link")) != "offline"
        queue = await self._run(self._store.queue)
        action = self.session.next_action(now, queue)
        if isinstance(action, Rest):
            return await self._move_files(now, queue) or Step(now, rest_until=action.until, rested=True)
        ids = action.ids
        items = await self._run(lambda: self._store.items_of(ids))
        if isinstance(action, Push):
            items = _one_body(items)
            action = Push(tuple(item.command.id for item in items))
        return await self._perform(now, action, items)

    async def _perform(self, now: datetime, action: Ask | Push, items: list[Item]) -> Step:
        try:
            reply = await self._round(action, items)
            verified = self._verify(reply, items)
            verified.check_complete(items)
        except (TransportError, RemoteError) as error:
            await self._failed(error)
            return self._step(now, action, error=str(error))
        await self._run(lambda: self._take(reply, verified))
        self.session.answered(self._ports.clock.now(), more=reply.more)
        settled = tuple(receipt.command for receipt, *_ in verified.receipts)
        return self._step(now, action, settled=settled, changes=len(reply.changes))

    async def _move_files(self, now: datetime, queue: Queue) -> Step | None:
        """One piece of one file, when nothing smaller is left to do; None if no file waits."""
        if not may_move(queue, online=self.session.online, failures=self.session.failures):
            return None
        moved = await self._transfers.upload_step()
        if moved is None:
            return None
        if sentence := moved.error:
            self.session.failed(self._ports.clock.now(), self._spread())
            await self._run(lambda: self._store.set_meta("last_error", sentence))
        if moved.up:
            self.session.send_now()  # what waited for the bytes is settled now: ask
        return Step(now, file=moved.sha256, error=moved.error)

    async def settle(self, *, rounds_max: int = 1000) -> list[Step]:
        """Step until there is nothing left to do now, or a round fails. At most `rounds_max` steps."""
        steps: list[Step] = []
        while len(steps) < rounds_max:
            step = await self.step()
            if step.rested:
                break
            steps.append(step)
            if step.error:
                break
        return steps

    async def _failed(self, error: TransportError | RemoteError) -> None:
        self.session.failed(self._ports.clock.now(), self._spread())
        sentence = str(error)
        await self._run(lambda: self._store.set_meta("last_error", sentence))
        if isinstance(error, RemoteError) and error.problem.code is Code.CURSOR_INVALID:
            await self._run(self._store.forget_cursor)
            self.session.send_now()

    async def _round(self, action: Ask | Push, items: list[Item]) -> SyncReply:
        cursor = await self._run(lambda: self._store.meta("cursor"))
        if isinstance(action, Ask):
            request = SyncRequest(protocol=PROTOCOL, cursor=cursor, in_doubt=action.ids)
        else:
            commands = tuple(item.envelope.to_wire() for item in items)
            request = SyncRequest(protocol=PROTOCOL, cursor=cursor, commands=commands)
            await self._run(lambda: self._store.mark_sent(action.ids))
        return await self._client.sync(request, self._keys.device)

    def _verify(self, reply: SyncReply, items: list[Item]) -> _Verified:
        known = {item.command.id: item for item in items}
        roots = _Roots(reply, bytes.fromhex(self._identity.receipt_key))
        settled = [answer for answer in reply.answers if isinstance(answer, Settled)]
        turned = [answer for answer in reply.answers if isinstance(answer, Turned)]
        return _Verified(
            receipts=tuple(self._receipt(answer, known, roots) for answer in settled),
            held=tuple(a for a in reply.answers if isinstance(a, Held) and a.id in known),
            unknown=tuple(a.id for a in reply.answers if isinstance(a, Unknown) and a.id in known),
            turned=tuple((items[a.index].command.id, a.problem) for a in turned if 0 <= a.index < len(items)),
        )

    def _receipt(self, answer: Settled, known: dict[str, Item], roots: "_Roots") -> _Receipt:
        payload = answer.receipt.encode()
        try:
            proof = proof_of(answer.proof, roots.envelopes)
            receipt = read_receipt(payload, proof, roots.signed(answer.proof.root))
        except (BadSignature, ValueError) as error:
            raise TransportError("The answer does not carry the server's signature; it is not believed.") from error
        item = known.get(answer.id)
        ours = item and (self._identity.tenant, answer.id, item.envelope.hash)
        if (receipt.tenant, receipt.command, receipt.envelope_hash) != ours:
            raise TransportError("The answer is about other bytes than ours; it is not believed.")
        return receipt, payload, proof

    def _take(self, reply: SyncReply, verified: _Verified) -> None:
        with self._store.transaction():
            for receipt, payload, proof in verified.receipts:
                self._store.mark_settled(receipt, payload, proof)
            for held in verified.held:
                self._store.mark_held(held.id, held.hold, held.problem)
            self._store.mark_unknown(verified.unknown)
            for command_id, problem in verified.turned:
                self._store.mark_turned(command_id, problem)
            self._store.absorb(map(record_from_wire, reply.changes), reply.cursor)
            self._store.set_meta("last_contact", reply.server_time.isoformat())
            self._store.set_meta("last_error", "")

    def _step(
        self,
        at: datetime,
        action: Ask | Push,
        *,
        settled: tuple[str, ...] = (),
        changes: int = 0,
        error: str | None = None,
    ) -> Step:
        asked = action.ids if isinstance(action, Ask) else ()
        sent = action.ids if isinstance(action, Push) else ()
        return Step(at, asked, sent, settled, changes, error)

    def _spread(self) -> float:
        return int.from_bytes(self._ports.randomness.draw(2), "big") / 65536
