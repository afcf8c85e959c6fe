"""When this laptop looks for updates, one request at a time, after everything that matters more.

Rules
1. It looks when a sync round says that the office has another roll-out than the one that was looked at last, and once
   a day. Before anything was ever published it never looks.
2. It never hinders a sync round: no request of it is made while a command waits, and what goes wrong is noted, rests,
   and is tried again.
3. Whatever goes wrong, what is in force stays in force.
4. Files of models come last, piece by piece; a piece is one request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from device.core.trust import Trust
from device.errors import DeviceError, RemoteError, TransportError, UpdateRefused
from device.keys import DeviceKeys
from device.store import DeviceStore, Identity
from device.transport import SyncClient
from device.updates.shelf import Shelf
from policies.rollout import Rollout
from shared.ports import Ports, RunBlocking
from shared.problems import Code

if TYPE_CHECKING:
    from device.model.models import Models
    from device.updates.client import Got, Look, Want
    from device.updates.model_files import Fetch

EVERY = timedelta(days=1)
#: How long it rests after something went wrong.
REST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one request brought: a roll-out put in force, a sentence about what went wrong, or neither so far."""

    rollout: Rollout | None = None
    error: str | None = None


class Refresher:
    """The way of updates to one device."""

    def __init__(
        self,
        store: DeviceStore,
        client: SyncClient,
        keys: DeviceKeys,
        identity: Identity,
        ports: Ports,
        run_blocking: RunBlocking,
        accepts: Callable[[int, bytes], object],
        models: "Models | None" = None,
    ) -> None:
        """`accepts` as `device.updates.client.Laptop` says; `models` is where files of models go, if anywhere."""
        self.shelf = Shelf(store)
        #: Called with what was put in force, right after.
        self.installed: Callable[[Rollout], object] = lambda _: None
        self._store, self._client, self._key, self._identity = store, client, keys.device, identity
        self._ports, self._run, self._accepts = ports, run_blocking, accepts
        self._look: Look | None = None
        self._want: Want | None = None
        self._hint = ""
        self._models = models
        self._files: Fetch | None = None
        self._piece: Want | None = None
        self._files_due = models is not None
        self._rests_until: datetime | None = None

    async def refresh(self) -> Rollout | None:
        """Look now, to the end; what was put in force, None if there is nothing newer.

        Raises:
            UpdateRefused: something is not as it should be.
            TransportError: no answer.
            RemoteError: the server refused.
            StoreError: the device's database failed.
        """
        self._give_up()
        await self._begin(await self._run(lambda: self._store.meta("office_bundle") or ""))
        while True:
            done, rollout = await self._ask()
            if done:
                return rollout

    async def step(self) -> Looked | None:
        """Make the next request, if it is time to look; None if it is not. Nothing that goes wrong is raised."""
        now = self._ports.clock.now()
        if self._rests(now):
            return None
        try:
            if self._look is None:
                hint = await self._run(lambda: self._due(now))
                if hint is None:
                    return None
                await self._begin(hint)
            _, rollout = await self._ask()
        except DeviceError as error:
            self._rests_until = self._ports.clock.now() + REST
            return Looked(error=str(error))
        return Looked(rollout)

    async def fetch_step(self) -> Looked | None:
        """Ask for the next piece of a model's file; None if there is none to ask for. Nothing is raised."""
        if not self._files_due or self._rests(self._ports.clock.now()):
            return None
        try:
            return Looked() if await self._next_piece() else None
        except DeviceError as error:
            self._rests_until = self._ports.clock.now() + REST
            sentence = str(error)
            await self._run(lambda: self._note(sentence))
            return Looked(error=sentence)

    async def _next_piece(self) -> bool:
        if self._piece is None:
            self._files, self._piece = await self._run(self._first_piece)
        if self._files is None or self._piece is None:
            self._files_due = False
            return False
        files, piece = self._files, self._piece
        self._piece = None  # if this goes wrong, it begins anew with what is here
        got = await self._get(piece)
        following = await self._run(lambda: _sent(files, got))
        self._files_due = not isinstance(following, _Ended)
        self._piece = None if isinstance(following, _Ended) else following
        return True

    def _first_piece(self) -> "tuple[Fetch | None, Want | None]":
        if self._models is None or not self._models.missing():
            return None, None
        from device.updates.model_files import fetch  # noqa: PLC0415  # as for `client`

        files = fetch(self._models)
        return files, next(files, None)

    def _rests(self, now: datetime) -> bool:
        until = self._rests_until
        return until is not None and now < until <= now + REST  # a clock that was set back must not stop it for ever

    def _due(self, now: datetime) -> str | None:
        """The hint to follow; None if there is nothing to look for."""
        hint, checked = self._store.meta("office_bundle"), self.shelf.checked()
        if not hint:
            return None
        fresh = checked is not None and checked[0] == hint and checked[1] <= now < checked[1] + EVERY
        return None if fresh else hint

    async def _begin(self, hint: str) -> None:
        from device.updates.client import Laptop, look  # noqa: PLC0415  # heavy, and most starts of a command never look

        who = self._identity
        now = self._ports.clock.now() + self._client.offset

        def first() -> "tuple[Look, Want]":
            trust = Trust(who.tenant, who.device, self._store.receipt_keys())
            this = look(Laptop(trust, self.shelf, self._accepts), now)
            return this, next(this)

        try:
            self._look, self._want = await self._run(first)
        except UpdateRefused as error:
            sentence = str(error)
            await self._run(lambda: self._note(sentence))
            raise
        self._hint = hint

    async def _ask(self) -> tuple[bool, Rollout | None]:
        """One request; whether that was the last one, and what was put in force."""
        this, want = self._look, self._want
        assert this is not None, "it was begun"
        assert want is not None, "it wants something"
        try:
            got = await self._get(want)
            following = await self._run(lambda: _sent(this, got))
        except BaseException as error:
            self._give_up()
            if isinstance(error, TransportError | RemoteError | UpdateRefused):
                sentence = str(error)
                await self._run(lambda: self._note(sentence))
            raise
        if isinstance(following, _Ended):
            await self._run(self._finished)
            self._files_due = self._models is not None
            if following.rollout is not None:
                self.installed(following.rollout)
            return True, following.rollout
        self._want = following
        return False, None

    async def _get(self, want: "Want") -> "Got":
        from device.updates.client import Got  # noqa: PLC0415  # as above

        try:
            came = await self._client.fetch_update(want.path, self._key, want.bytes_max, want.first, want.length)
        except RemoteError as error:
            if error.problem.code is not Code.NOT_FOUND:
                raise
            return Got(None, error.nonce)
        return Got(came.content, came.nonce)

    def _finished(self) -> None:
        self._give_up()
        with self._store.transaction():
            self.shelf.note_checked(self._hint, self._ports.clock.now())
            self._note("")

    def _give_up(self) -> None:
        self._look = self._want = None

    def _note(self, sentence: str) -> None:
        self._store.set_meta("update_error", sentence)


@dataclass(frozen=True, slots=True)
class _Ended:
    rollout: Rollout | None


def _sent(this: "Look | Fetch", got: "Got") -> "Want | _Ended":
    try:
        return this.send(got)
    except StopIteration as end:
        return _Ended(end.value)
