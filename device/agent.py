"""The sync agent: performs what `device.core.session` decides, one action at a time, and never sleeps.

Rules
1. Commands are marked as sent, durably, before the first byte leaves.
2. A reply counts only as far as it can be believed (`device.core.belief`); otherwise the whole of it is disbelieved,
   and everything sent stays in doubt.
3. Outcomes and changes of one reply are taken in one transaction (`device.intake`).
4. If the server tells its signed time because this device's clock is too far off, the same request is signed again at
   that time, once.
5. A settling device makes its next round ready while the server works on this one, and sends it when the answer is
   here, where `Session.ahead` and the server's signed head allow it: before it is read, and while the answer before
   it, which is believed, is being written down. What was made ready and never left is no longer in doubt.
6. An answer that could not be written down counts as none: the next try waits, longer each time.
7. What an exchange was like is kept in the transaction that keeps what came of it.
8. Updates are looked for where nothing else is left to do, and never make a round fail (`device.updates`).
9. The server hears with every round that asks about nothing which consents were taken back, until one is answered.
10. What was decided and done is told after everything smaller, and before files (`device.telling`).
11. A device that is shut out (revoked, forked, or with a key that ran out) has brought what it sent: it is in review,
    but for what the server names as not taken.
12. Documents come and are read in the background, never while somebody waits for a round (`device.library`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import metadata

from device.ahead import Ahead, Draft, Round
from device.core.belief import Believed, all_settled, believe
from device.core.clocks import is_doubtful
from device.core.rounds import one_round
from device.core.session import Act, Ask, Close, Push, Queue, Rest, Session
from device.core.transfers import may_move
from device.errors import RemoteError, StoreError, TransportError
from device.intake import Intake
from device.keys import DeviceKeys
from device.library.librarian import Librarian
from device.standing import refused
from device.store import DeviceStore, Identity, Issue, Outgoing
from device.telling import Telling
from device.transfers import Transfers
from device.transport import Answered, Begun, Body, SyncClient, read_ending, read_reply
from device.updates.refresher import Looked, Refresher
from shared.envelope import WireEnvelope
from shared.outcomes import Hold
from shared.ports import Ports, RunBlocking
from shared.problems import Code, problem
from shared.sync import PROTOCOL, DeviceReport, EpochEnd, SyncRequest

VERSION = metadata.version("tailboard")
#: So many consents that were taken back go along with one round.
REVOCATIONS_MAX = 16
#: Refusals of a round whose commands were kept all the same, and what those are from then on.
_SHUT_OUT = {
    Code.DEVICE_FORKED: Hold.QUARANTINED,
    Code.DEVICE_REVOKED: Hold.QUARANTINED,
    Code.KEY_EXPIRED: Hold.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `update`: it was about updates, and what went wrong is a sentence; `evidence` likewise.

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
    evidence: bool | str = False
    library: str | None = None


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
        telling: Telling,
        librarian: Librarian | None = None,
    ) -> None:
        self.session = Session()
        self._transfers, self._updates, self._telling = transfers, updates, telling
        self.librarian = librarian
        self._store, self._client, self._keys = store, client, keys
        self._ports, self._run = ports, run_blocking
        self._intake = Intake(store, identity)
        self._ahead = Ahead()

    async def step(self) -> Step:
        """Do the next thing, which may be nothing.

        Raises:
            StoreError: the device's database failed; nothing that was saved is lost.
        """
        step = await self._step(further=0)
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

    async def _step(self, *, further: int) -> Step:
        """`further`: so many rounds may leave before this one's answer is dealt with."""
        now = self._ports.clock.now()
        if following := self._ahead.next():
            return await self._perform(now, following, further=further)
        await self._look_at_link()
        queue = await self._run(self._store.queue)
        action = self.session.next_action(now, queue)
        if isinstance(action, Rest):
            done = await self._look_for_updates(now, queue, self._updates.step)
            done = done or await self._tell_evidence(now, queue) or await self._move_files(now, queue)
            done = done or await self._look_for_updates(now, queue, self._updates.fetch_step)
            return done or Step(now, rest_until=action.until, rested=True)
        items: list[Outgoing] = []
        if not isinstance(action, Close):
            ids = action.ids
            items = await self._run(lambda: self._store.outgoing(ids))
        if isinstance(action, Push):
            items = one_round(items)
            action = Push(tuple(item.id for item in items))
        shown = await self._run(lambda: self._store.meta("cursor"))
        request = await self._run(lambda: self._request(action, items, shown))
        taken_back, request = await self._run(lambda: self._with_revocations(action, request))
        this = Round(action, items, shown, queue, self._send(request), taken_back=taken_back)
        return await self._perform(now, this, further=further)

    def _with_revocations(self, action: Act, request: SyncRequest) -> tuple[int, SyncRequest]:
        """The request with the consents that were taken back, unless it may carry nothing; the last one's place."""
        if isinstance(action, Ask):
            return 0, request
        place, wires = self._store.untold_revocations(REVOCATIONS_MAX)
        statements = tuple(WireEnvelope.model_validate_json(each) for each in wires)
        return place, request.model_copy(update={"withdrawals": request.withdrawals + statements})

    async def _look_at_link(self) -> None:
        """Whether the person works online may have changed with every round."""
        self.session.online = await self._run(lambda: self._store.meta("link")) != "offline"

    async def _perform(self, now: datetime, this: Round, *, further: int) -> Step:
        action, items, is_believed = this.action, this.items, asyncio.Event()
        try:
            raw = await self._answer(this, further, is_believed)
            answered = await self._run(lambda: read_reply(raw))
            trust = await self._run(self._intake.trust)
            believed = await self._run(lambda: believe(answered.reply, items, trust))
            believed.check_complete(items)
        except (TransportError, RemoteError) as error:
            await self._keep_back(this)
            await self._failed(error, action)
            return _step(now, action, error=str(error))
        is_believed.set()
        if self._ahead.first is None:
            await self._keep_back(this)
        reply, changes = answered.reply, answered.changes
        at = self._ports.clock.now()
        try:
            ended = await self._run(lambda: self._take(answered, believed, this, at))
        except StoreError:
            with suppress(StoreError):  # what cannot be written down either is in doubt, and will be asked about
                await self._keep_back(this)
            self.session.failed(at, self._spread())
            raise
        wait = timedelta(seconds=reply.retry_after_s) if reply.retry_after_s else None
        self.session.answered(at, more=reply.more, act=action, ended=ended, retry_after=wait)
        settled = tuple(receipt.command for receipt, *_ in believed.settled)
        return _step(now, action, settled=settled, changes=len(changes))

    def _take(self, answered: Answered, believed: Believed, this: Round, at: datetime) -> EpochEnd | None:
        with self._keeping_exchanges():
            self._store.told_revocations(this.taken_back)
            return self._intake.take(answered.reply, answered.changes, believed, this.shown, at.isoformat())

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

    def _note_failure(self, sentence: str, code: Code | None = None) -> None:
        """Why no usable answer came; what the refusal `code` says of this laptop is remembered with it."""
        with self._keeping_exchanges():
            self._store.set_meta("last_error", sentence)
            if code is not None:
                refused(self._store, code, self._ports.clock.now())

    async def _answer(self, this: Round, further: int, is_believed: asyncio.Event) -> bytes:
        """The answer to `this`. What may follow it has left by then, and what may follow that is ready.

        The latter leaves only when this answer `is_believed`.
        """
        if further and not this.leads:
            await self._lead(this, None)
        raw = await this.answer
        if further > 1 and (following := self._ahead.first):
            await self._lead(following, is_believed)
        return raw

    async def _lead(self, this: Round, after: asyncio.Event | None) -> None:
        """Make the round ready that may follow `this`, and let it leave when the answer is here, and `after`."""
        on_way = this.answer = self._ahead.awaiting(this.answer)
        this.draft, this.leads = await self._draft(this), True
        this.answer = self._ahead.awaiting(self._led(this, on_way, after))

    async def _led(self, this: Round, answer: Awaitable[bytes], after: asyncio.Event | None) -> bytes:
        raw = await answer
        if after is not None:
            await after.wait()
        await self._follow(this, raw)
        return raw

    async def _draft(self, this: Round) -> Draft | None:
        """The round that may follow `this`, made ready while the server works."""
        await self._look_at_link()
        following = self.session.ahead(this.action, this.queue, more=True)
        return await self._run(lambda: self._drafted(this, following)) if following else None

    def _drafted(self, this: Round, following: Push) -> Draft:
        queue = _without(this.queue, this.action)
        with self._store.transaction():
            items = one_round(self._store.outgoing(following.ids))
            action = Push(tuple(item.id for item in items))
            request = Begun(self._request(action, items, None))
            return Draft(action, items, queue, request, self._intake.trust(), self._store.incarnation())

    async def _follow(self, this: Round, raw: bytes) -> None:
        """Let the next round leave, if the answer to `this` ends with nothing that must be looked at first."""
        draft = this.draft
        ending = read_ending(raw) if draft else None
        if draft is None or ending is None or ending.retry_after_s or not (draft.items or ending.more):
            return
        if not self.session.steady or not all_settled(ending, this.items, draft.trust, draft.incarnation):
            return
        request = draft.request.ended(ending.cursor, self._ports.clock.now())
        left = asyncio.Event()
        answer = self._ahead.awaiting(self._send(request, left))
        self._ahead.add(Round(draft.action, draft.items, ending.cursor, draft.queue, answer))
        await left.wait()  # the server works while this answer is read, and not after it

    async def _keep_back(self, this: Round) -> None:
        """What was made ready to follow `this`, or what has followed it, does not leave any more: it was not sent."""
        last = self._ahead.last or this
        draft, last.draft = last.draft, None
        if draft and draft.items:
            await self._run(lambda: self._store.mark_unknown(draft.action.ids))

    async def _look_for_updates(
        self, now: datetime, queue: Queue, step: Callable[[], Awaitable[Looked | None]]
    ) -> Step | None:
        """One request for updates, when nothing smaller is left to do; None if it is not time to look."""
        if not may_move(queue, online=self.session.online, failures=self.session.failures):
            return None
        looked = await step()
        return Step(now, update=looked.error or True) if looked else None

    async def _tell_evidence(self, now: datetime, queue: Queue) -> Step | None:
        """One request with evidence, when nothing smaller is left to do; None if there is nothing to tell."""
        if not may_move(queue, online=self.session.online, failures=self.session.failures):
            return None
        told = await self._telling.step()
        return Step(now, evidence=told.error or True) if told else None

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

    async def settle(self, *, rounds_max: int = 1000, told: Callable[[Step], None] | None = None) -> list[Step]:
        """Step until there is nothing left to do now, or a round fails. At most `rounds_max` steps.

        Being shut out ends it only when everything that can still be brought for review was brought. `told` hears of
        each step when what came of it is written down.
        """
        steps: list[Step] = []
        try:
            while len(steps) < rounds_max:
                known = self.session.shut_out
                step = await self._step(further=rounds_max - len(steps) - 1)
                if step.rested:
                    break
                steps.append(step)
                if told:
                    told(step)
                told_now = self.session.shut_out and (not known or bool(step.sent))
                if step.error and not told_now:
                    break
        finally:
            self._ahead.forget()
        return steps

    async def _failed(self, error: TransportError | RemoteError, action: Act) -> None:
        sentence, at = str(error), self._ports.clock.now()
        code = error.problem.code if isinstance(error, RemoteError) else None
        await self._run(lambda: self._note_failure(sentence, code))
        if isinstance(error, RemoteError) and code in _SHUT_OUT:
            await self._run(lambda: self._shut_out(error, action))
            self.session.turned_out(at, action)
            return
        self.session.failed(at, self._spread(), error.retry_after, action)
        if code is Code.CURSOR_INVALID:
            await self._run(self._store.forget_cursor)
            self.session.send_now()

    def _shut_out(self, error: RemoteError, action: Act) -> None:
        """What was pushed is kept there, but for what is named; what was asked about stays in doubt."""
        turned = {each.index: problem(each.code, each.detail) for each in error.problem.not_taken or ()}
        with self._store.transaction():
            self._store.set_meta("shut_out", str(error))
            if isinstance(action, Push):
                kept = error.problem.model_copy(update={"not_taken": None})
                for index, command_id in enumerate(action.ids):
                    if why := turned.get(index):
                        self._store.mark_turned(command_id, why)
                    else:
                        self._store.mark_held(command_id, _SHUT_OUT[kept.code], kept)

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
