"""Brings documents to this laptop and into its index, one small step after the other, when nothing else is to do.

Rules
1. Bytes come last: after commands, changes, updates and the files of jobs, the smallest document first, one piece
   at a time; what came before a break counts. They are used when all of them were verified.
2. A document that the server does not have or does not give rests, and the others go on.
3. Reading needs no network.

Not handled here: when it is time for a step (`device.agent`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from device.core.transfers import next_range
from device.errors import RemoteError, TransportError
from device.keys import DeviceKeys
from device.library.library import Library
from device.library.shelf import Document
from device.store import DeviceStore
from device.transport import SyncClient
from shared.ports import Ports, RunBlocking

#: How long a document rests that did not come.
REST_AFTER_REFUSAL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Did:
    """What a step did, in words; `error` is a sentence if the link did not carry it."""

    said: str
    error: str | None = None


class Librarian:
    """Tends the library of one laptop."""

    def __init__(
        self,
        library: Library,
        store: DeviceStore,
        client: SyncClient,
        keys: DeviceKeys,
        ports: Ports,
        run_blocking: RunBlocking,
    ) -> None:
        """Raises `StoreError`."""
        self.library = library
        self._store, self._client, self._key = store, client, keys.device
        self._ports, self._run = ports, run_blocking
        self._resting: dict[str, datetime] = {}
        self._seen = -1 if library.documents() or library.index.there() else store.documents_moved
        self._busy = False

    @property
    def wanted(self) -> bool:
        """Whether there may be something to do. A laptop without documents never asks further."""
        return self._busy or self._seen != self._store.documents_moved

    async def step(self, *, may_fetch: bool) -> Did | None:
        """Do the next thing; None if there is none now.

        Raises:
            StoreError: the device's database failed.
        """
        moved = self._store.documents_moved
        if self._seen != moved:
            await self._run(self.library.forget_others)
            self._seen, self._busy = moved, True
        lacking = await self._run(lambda: self.library.shelf.lacking(self.library.documents()))
        ready = [each for each in lacking if not self._rests(each)] if may_fetch else []
        if ready:
            return await self._fetch(ready[0])
        progress = await self._run(self.library.index_step)
        if progress is None:
            self._busy = bool(lacking)
            return None
        return Did(f"{progress.document.id}: page {progress.now.following} of {progress.now.total} is read")

    async def _fetch(self, document: Document) -> Did:
        file, shelf = document.file, self.library.shelf.attachments
        here = await self._run(lambda: shelf.fetched(file))
        wanted = next_range(file.size, here)
        if not here:
            await self._run(lambda: self.library.expect(document))
        try:
            if wanted is not None:
                start, length = wanted
                piece = await self._client.fetch_piece(file.sha256, start, length, self._key)
                await self._run(lambda: shelf.take(file, start, piece))
                here += len(piece)
        except TransportError as error:
            return Did(f"{document.id}: no answer", str(error))
        except RemoteError as error:
            self._rest(document)
            return Did(f"{document.id}: {error}")
        if here < file.size:
            return Did(f"{document.id}: {here} of {file.size} bytes are here")
        if await self._run(lambda: shelf.finish(file)):
            return Did(f"{document.id}: it is here")
        self._rest(document)
        return Did(f"{document.id}: what came is not what the office added; it was thrown away")

    def _rest(self, document: Document) -> None:
        self._resting[document.sha256] = self._ports.clock.now() + REST_AFTER_REFUSAL

    def _rests(self, document: Document) -> bool:
        # a clock that was set back must not keep a document away for ever
        now, until = self._ports.clock.now(), self._resting.get(document.sha256)
        return until is not None and now < until <= now + REST_AFTER_REFUSAL
