"""The sync agent: performs what `device.core.session` decides, one action at a time, and never sleeps.

Rules
1. Commands are marked as sent, durably, before the first byte leaves.
2. A reply counts only as far as it can be believed (`device.core.belief`); otherwise the whole of it is disbelieved,
   and everything sent stays in doubt.
3. Outcomes and changes of one reply are taken in one transaction (`device.intake`).
4. If the server tells its signed time because this device's clock is too far off, the same request is signed again at
   that time, once.
5. A settling device makes its next round ready while the server works on this one, and sends it when the answer is
   here and before it is read, where `Session.ahead` and the server's signed head allow it. What was made ready and
   never left is no longer in doubt.
6. An answer that could not be written down counts as none: the next try waits, longer each time.
7. What an exchange was like is kept in the transaction that keeps what came of it.
8. Updates are looked for where nothing else is left to do, and never make a round fail (`device.updates`).
9. A device that is shut out (revoked, or forked) has brought what it sent for review: that is what the screen says,
   but for what the server names as not taken.
10. Documents come and are read in the background, never while somebody waits for a round (`device.library`).
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import metadata
from itertools import accumulate

from device.core.belief import Believed, all_settled, believe
from device.core.clocks import is_doubtful
from device.core.session import Act, Ask, Close, Push, Queue, Rest, Session
from device.core.transfers import may_move
from device.core.trust import Trust
from device.errors import RemoteError, StoreError, TransportError
from device.intake import Intake
from device.keys import DeviceKeys
from device.library.librarian import Librarian
from device.store import DeviceStore, Identity, Issue, Outgoing
from device.transfers import Transfers
from device.transport import Answered, Begun, Body, SyncClient, read_ending, read_reply
from device.updates.refresher import Refresher
from shared.outcomes import Hold
from shared.ports import Ports, RunBlocking
from shared.problems import Code, problem
from shared.sync import BODY_BYTES_MAX, PROTOCOL, DeviceReport, EpochEnd, SyncRequest

#: What an envelope adds to its payload on the wire, rounded up.
VERSION = metadata.version("tailboard")
ENVELOPE_BYTES = 512
_SHUT_OUT = frozenset({Code.DEVICE_FORKED, Code.DEVICE_REVOKED})


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `update`: it was about updates, and what went wrong is a sentence.

    `asked` and `sent` are command ids, `file` is the sha256 of a file that moved; `library` says what was done about
    a document; `error` is a sentence if no usable answer came.
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
    update: bool | str = False
    library: str | None = None


@dataclass(frozen=True, slots=True)
class _Round:
    """A round on its way: what it does, what it carries, the cursor that it shows, and the answer to come."""

    action: Act
    items: list[Outgoing]
    shown: str | None
    queue: Queue
    answer: Awaitable[bytes]


@dataclass(frozen=True, slots=True)
class _Draft:
    """The next round while another is on its way: marked as sent and packed, but for the cursor that it will show.

    `trust` and `incarnation` are what the answer to the one before is held against.
    """

    action: Push
    items: list[Outgoing]
    request: Begun
    trust: Trust
    incarnation: int


def one_body(items: Sequence[Outgoing]) -> list[Outgoing]:
    """The first items that fit into one request body, at least one. Base64 and JSON make bytes a third longer."""
    sizes = accumulate(map(_wire_bytes, items))
    fit = [item for item, size in zip(items, sizes, strict=True) if size < BODY_BYTES_MAX * 0.9]
    return fit or list(items[:1])


def _wire_bytes(item: Outgoing) -> int:
    payloads = len(item.envelope.payload) + (len(item.withdrawal.payload) if item.withdrawal else 0)
    return payloads * 4 // 3 + (2 if item.withdrawal else 1) * ENVELOPE_BYTES


def issue_now(ports: Ports) -> Issue:
    """The device's clocks as they stand."""
    return Issue(ports.clock.boot_id(), ports.clock.monotonic_s(), ports.clock.now())


def carrying(items: Sequence[Outgoing], now: Issue) -> dict[str, object]:
    """What a request carries of `items`: the commands, the withdrawals beside them, whose clocks are in doubt."""
    return {
        "commands": tuple(item.envelope.to_wire() for item in items),
        "withdrawals": tuple(item.withdrawal.to_wire() for item in items if item.withdrawal),
        "doubtful": tuple(item.id for item in items if is_doubtful(item.issue, now)),
    }


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
        updates: Refresher,
        librarian: Librarian | None = None,
    ) -> None:
        self.session = Session()
        self._transfers, self._updates, self.librarian = transfers, updates, librarian
        self._store, self._client, self._keys = store, client, keys
        self._ports, self._run = ports, run_blocking
        self._intake = Intake(store, identity)
        self._on_way: asyncio.Future[bytes] | None = None
        self._next: _Round | None = None

    async def step(self) -> Step:
        """Do the next thing, which may be nothing.

        Raises:
            StoreError: the device's database failed; nothing that was saved is lost.
        """
        step = await self._step(hasty=False)
        if not step.rested or self.librarian is None or not self.librarian.wanted:
            return step
        return await self._tend(self.librarian) or step

    async def _tend(self, librarian: Librarian) -> Step | None:
        """One step of the library, when nothing smaller is left to do; None if it has none."""
        queue = await self._run(self._store.queue)
        may_fetch = may_move(queue, online=self.session.online, failures=self.session.failures)
        did = await librarian.step(may_fetch=may_fetch)
        if did is None:
            return None
        if sentence := did.error:
            self.session.failed(self._ports.clock.now(), self._spread())
            await self._run(lambda: self._note_failure(sentence))
        return Step(self._ports.clock.now(), library=did.said, error=did.error)

    async def _step(self, *, hasty: bool) -> Step:
        """`hasty`: the next round may leave before this one's answer is read."""
        now = self._ports.clock.now()
        if following := self._next:
            self._next = None
            return await self._perform(now, following, hasty=hasty)
        await self._look_at_link()
        queue = await self._run(self._store.queue)
        action = self.session.next_action(now, queue)
        if isinstance(action, Rest):
            moved = await self._look_for_updates(now, queue) or await self._move_files(now, queue)
            return moved or Step(now, rest_until=action.until, rested=True)
        items: list[Outgoing] = []
        if not isinstance(action, Close):
            ids = action.ids
            items = await self._run(lambda: self._store.outgoing(ids))
        if isinstance(action, Push):
            items = one_body(items)
            action = Push(tuple(item.id for item in items))
        shown = await self._run(lambda: self._store.meta("cursor"))
        request = await self._run(lambda: self._request(action, items, shown))
        return await self._perform(now, _Round(action, items, shown, queue, self._send(request)), hasty=hasty)

    async def _look_at_link(self) -> None:
        """Whether the person works online may have changed with every round."""
        self.session.online = await self._run(lambda: self._store.meta("link")) != "offline"

    async def _perform(self, now: datetime, this: _Round, *, hasty: bool) -> Step:
        action, items = this.action, this.items
        draft: _Draft | None = None
        try:
            if hasty:
                self._on_way = asyncio.ensure_future(this.answer)
                draft = await self._draft(this)
                raw = await self._on_way
                await self._follow(this, draft, raw)
            else:
                raw = await this.answer
            answered = await self._run(lambda: read_reply(raw))
            trust = await self._run(self._intake.trust)
            believed = await self._run(lambda: believe(answered.reply, items, trust))
            believed.check_complete(items)
        except (TransportError, RemoteError) as error:
            await self._keep_back(draft)
            await self._failed(error, action)
            return _step(now, action, error=str(error))
        await self._keep_back(draft)
        reply, changes = answered.reply, answered.changes
        at = self._ports.clock.now()
        try:
            ended = await self._run(lambda: self._take(answered, believed, this.shown, at))
        except StoreError:
            self.session.failed(at, self._spread())
            raise
        wait = timedelta(seconds=reply.retry_after_s) if reply.retry_after_s else None
        self.session.answered(at, more=reply.more, act=action, ended=ended, retry_after=wait)
        settled = tuple(receipt.command for receipt, *_ in believed.settled)
        return _step(now, action, settled=settled, changes=len(changes))

    def _take(self, answered: Answered, believed: Believed, shown: str | None, at: datetime) -> EpochEnd | None:
        with self._keeping_exchanges():
            return self._intake.take(answered.reply, answered.changes, believed, shown, at.isoformat())

    @contextmanager
    def _keeping_exchanges(self) -> Iterator[None]:
        """One transaction, in which what is known of the link is kept too."""
        waiting = self._client.met
        met = tuple(waiting)
        with self._store.transaction():
            yield
            self._store.add_exchanges(met)
        for each in met:
            if waiting and waiting[0] is each:  # so many may have come meanwhile that it was forgotten
                waiting.popleft()

    def _note_failure(self, sentence: str) -> None:
        with self._keeping_exchanges():
            self._store.set_meta("last_error", sentence)

    async def _draft(self, this: _Round) -> _Draft | None:
        """The round that may follow `this`, made ready while the server works."""
        await self._look_at_link()
        following = self.session.ahead(this.action, this.queue, more=True)
        return await self._run(lambda: self._drafted(following)) if following else None

    def _drafted(self, following: Push) -> _Draft:
        with self._store.transaction():
            items = one_body(self._store.outgoing(following.ids))
            action = Push(tuple(item.id for item in items))
            request = Begun(self._request(action, items, None))
            return _Draft(action, items, request, self._intake.trust(), self._store.incarnation())

    async def _follow(self, this: _Round, draft: _Draft | None, raw: bytes) -> None:
        """Let the next round leave, if the answer to `this` ends with nothing that must be looked at first."""
        ending = read_ending(raw) if draft else None
        if draft is None or ending is None or ending.retry_after_s or not (draft.items or ending.more):
            return
        if not all_settled(ending, this.items, draft.trust, draft.incarnation):
            return
        request = draft.request.ended(ending.cursor, self._ports.clock.now())
        left = asyncio.Event()
        self._on_way = asyncio.ensure_future(self._send(request, left))
        queue = _without(this.queue, this.action)
        self._next = _Round(draft.action, draft.items, ending.cursor, queue, self._on_way)
        await left.wait()  # the server works while this answer is read, and not after it

    async def _keep_back(self, draft: _Draft | None) -> None:
        """What was made ready and did not leave was not sent."""
        if draft and draft.items and self._next is None:
            await self._run(lambda: self._store.mark_unknown(draft.action.ids))

    async def _look_for_updates(self, now: datetime, queue: Queue) -> Step | None:
        """One request for updates, when nothing smaller is left to do; None if it is not time to look."""
        if not may_move(queue, online=self.session.online, failures=self.session.failures):
            return None
        looked = await self._updates.step()
        return Step(now, update=looked.error or True) if looked else None

    async def _move_files(self, now: datetime, queue: Queue) -> Step | None:
        """One piece of one file, when nothing smaller is left to do; None if no file waits."""
        if not may_move(queue, online=self.session.online, failures=self.session.failures):
            return None
        moved = await self._transfers.upload_step()
        if moved is None:
            return None
        if sentence := moved.error:
            self.session.failed(self._ports.clock.now(), self._spread())
            await self._run(lambda: self._note_failure(sentence))
        if moved.up:
            self.session.send_now()  # what waited for the bytes is settled now: ask
        return Step(now, file=moved.sha256, error=moved.error)

    async def settle(self, *, rounds_max: int = 1000) -> list[Step]:
        """Step until there is nothing left to do now, or a round fails. At most `rounds_max` steps.

        Being shut out ends it only when everything that can still be brought for review was brought.
        """
        steps: list[Step] = []
        try:
            while len(steps) < rounds_max:
                known = self.session.shut_out
                step = await self._step(hasty=len(steps) + 1 < rounds_max)
                if step.rested:
                    break
                steps.append(step)
                told_now = self.session.shut_out and (not known or bool(step.sent))
                if step.error and not told_now:
                    break
        finally:
            self._forget_ahead()
        return steps

    def _forget_ahead(self) -> None:
        """Nobody waits any more for a round that is on its way: what it carries is in doubt, as the outbox says."""
        if self._on_way is not None:
            self._on_way.cancel()
        self._on_way = self._next = None

    async def _failed(self, error: TransportError | RemoteError, action: Act) -> None:
        sentence, at = str(error), self._ports.clock.now()
        await self._run(lambda: self._note_failure(sentence))
        if isinstance(error, RemoteError) and error.problem.code in _SHUT_OUT:
            await self._run(lambda: self._shut_out(error, action))
            self.session.turned_out(at, action)
            return
        self.session.failed(at, self._spread(), error.retry_after)
        if isinstance(error, RemoteError) and error.problem.code is Code.CURSOR_INVALID:
            await self._run(self._store.forget_cursor)
            self.session.send_now()

    def _shut_out(self, error: RemoteError, action: Act) -> None:
        """What was pushed is kept there for review, but for what is named; what was asked about stays in doubt."""
        turned = {each.index: problem(each.code, each.detail) for each in error.problem.not_taken or ()}
        with self._store.transaction():
            self._store.set_meta("shut_out", str(error))
            if isinstance(action, Push):
                kept = error.problem.model_copy(update={"not_taken": None})
                for index, command_id in enumerate(action.ids):
                    if why := turned.get(index):
                        self._store.mark_turned(command_id, why)
                    else:
                        self._store.mark_held(command_id, Hold.QUARANTINED, kept)

    async def _send(self, request: SyncRequest | Body, left: asyncio.Event | None = None) -> bytes:
        try:
            return await self._client.sync(request, self._keys.device, left)
        except RemoteError as error:
            refused = error
        if refused.problem.code is not Code.CLOCK_SKEW or not await self._run(lambda: self._set_time(refused)):
            raise refused
        return await self._client.sync(request, self._keys.device)

    def _request(self, action: Act, items: list[Outgoing], cursor: str | None) -> SyncRequest:
        """The round's request; what it carries is marked as sent."""
        now, greeting = issue_now(self._ports), not self.session.greeted
        request = SyncRequest(
            protocol=PROTOCOL,
            cursor=cursor,
            head=self._intake.newest_head() if greeting else None,
            report=self._report() if greeting else None,
            sent_at=now.wall,
        )
        match action:
            case Ask(ids):
                return request.model_copy(update={"in_doubt": ids})
            case Close(ended):
                return request.model_copy(update={"ended": ended})
            case Push(()):
                return request
            case Push(ids):
                self._store.mark_sent(ids, now.wall)
                return request.model_copy(update=carrying(items, now))

    def _report(self) -> DeviceReport:
        kept, oldest = self._store.kept(), self._store.oldest_unsettled()
        return DeviceReport(
            app=VERSION,
            model=self._store.meta("model") or "",
            bundle=self._store.meta("bundle") or "",
            waiting=kept.count,
            waiting_bytes=kept.bytes,
            oldest_at=oldest.issued_at if oldest else None,
        )

    def _set_time(self, error: RemoteError) -> bool:
        """Sign at the server's time from now on; whether it was told under its signature, for our request."""
        told = self._intake.trust().time_told(error.problem, error.nonce)
        if told is None:
            return False
        self._client.offset = told - self._ports.clock.now()
        self._store.set_meta("clock_offset_s", str(self._client.offset.total_seconds()))
        return True

    def _spread(self) -> float:
        return int.from_bytes(self._ports.randomness.draw(2), "big") / 65536


def _without(queue: Queue, done: Act) -> Queue:
    """The queue when all that `done` pushed is settled."""
    sent = frozenset(done.ids) if isinstance(done, Push) else frozenset()
    return replace(queue, saved=tuple(each for each in queue.saved if each not in sent))


def _step(
    at: datetime,
    action: Act,
    *,
    settled: tuple[str, ...] = (),
    changes: int = 0,
    error: str | None = None,
) -> Step:
    asked = action.ids if isinstance(action, Ask) else ()
    sent = action.ids if isinstance(action, Push) else ()
    return Step(at, asked, sent, settled, changes, error)
