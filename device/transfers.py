"""Carries the bytes of files up and down, one piece at a time, as `device.core.transfers` decides.

Rules
1. Every piece that is sent begins where the server said it has got to; a piece that got no answer is not counted.
2. A file is marked as up only by the server's own word that it is complete.
3. What came down is usable only after all of it was verified.
"""

from dataclasses import dataclass

from device.attachments import Attachments
from device.core.transfers import AskPlace, Move, SendChunk, Uploads, next_range
from device.errors import RemoteError, TransportError
from device.keys import DeviceKeys
from device.transport import SyncClient
from shared.attachments import Attachment
from shared.blobs import Progress
from shared.ports import Ports, RunBlocking
from shared.problems import Code

#: Problems after which the same file may be offered again at once, with the server's place asked for anew.
_ASK_AGAIN = frozenset({Code.OFFSET_WRONG})
#: Problems that are not about the file: the next small round will meet them too.
_OF_THE_LINK = frozenset({Code.BUSY, Code.INTERNAL, Code.NOT_AUTHENTIC, Code.CLOCK_SKEW, Code.DEVICE_REVOKED})


@dataclass(frozen=True, slots=True)
class Moved:
    """What one move did: the file, whether it is up now, and a sentence if the link did not carry it.

    A file that the server does not take is no failure of the link: it rests, with the reason beside its command.
    """

    sha256: str
    up: bool = False
    error: str | None = None


class Transfers:
    """The bytes' way between one device and its server."""

    def __init__(
        self, attachments: Attachments, client: SyncClient, keys: DeviceKeys, ports: Ports, run_blocking: RunBlocking
    ) -> None:
        self.uploads = Uploads()
        self._attachments, self._client, self._key = attachments, client, keys.device
        self._ports, self._run = ports, run_blocking

    async def upload_step(self) -> Moved | None:
        """Move the next piece of the next file; None if there is nothing to move.

        Raises:
            StoreError: the device's database failed.
        """
        await self._run(self._attachments.offer_again)
        waiting = await self._run(self._attachments.waiting)
        move = self.uploads.next_move(self._ports.clock.now(), waiting)
        if move is None:
            return None
        try:
            progress = await self._perform(move)
        except TransportError as error:
            self.uploads.lost(move.sha256)
            return Moved(move.sha256, error=str(error))
        except RemoteError as error:
            return await self._refused(move, error)
        return await self._told(move, progress)

    async def _perform(self, move: Move) -> Progress:
        if isinstance(move, AskPlace):
            return await self._client.file_progress(move.sha256, self._key)
        piece = await self._run(lambda: self._attachments.piece(move.sha256, move.start, move.length))
        return await self._client.send_piece(move.sha256, move.start, piece, self._key)

    async def _told(self, move: Move, progress: Progress) -> Moved:
        self.uploads.told(move.sha256, progress, self._ports.clock.now())
        if progress.complete:
            await self._run(lambda: self._attachments.mark_up(move.sha256))
        else:
            await self._run(lambda: self._attachments.mark_sent(move.sha256, progress.offset))
        return Moved(move.sha256, up=progress.complete)

    async def _refused(self, move: Move, error: RemoteError) -> Moved:
        code, sentence = error.problem.code, str(error)
        self.uploads.lost(move.sha256)
        if code in _OF_THE_LINK:
            return Moved(move.sha256, error=sentence)
        if code in _ASK_AGAIN and isinstance(move, SendChunk):
            return Moved(move.sha256)
        self.uploads.refused(move.sha256, self._ports.clock.now())
        await self._run(lambda: self._attachments.mark_refused(move.sha256, sentence))
        return Moved(move.sha256)

    async def fetch(self, file: Attachment) -> bytes:
        """The bytes of a job's file: from this laptop, or from the server in pieces that survive a broken link.

        Raises:
            TransportError: no usable answer, or other bytes than the name says. What came before is kept.
            RemoteError: the server does not have it or does not give it.
            StoreError: the device's database failed.
        """
        content = await self._run(lambda: self._attachments.content(file.sha256))
        if content is not None:
            return content
        here = await self._run(lambda: self._attachments.fetched(file))
        while (wanted := next_range(file.size, here)) is not None:
            here += await self._fetch_piece(file, *wanted)
        if not await self._run(lambda: self._attachments.finish(file)):
            raise TransportError(
                "The file that came is not the one that the job names; it was thrown away. Try again."
            )
        whole = await self._run(lambda: self._attachments.content(file.sha256))
        assert whole is not None, "it was finished"
        return whole

    async def _fetch_piece(self, file: Attachment, start: int, length: int) -> int:
        piece = await self._client.fetch_piece(file.sha256, start, length, self._key)
        await self._run(lambda: self._attachments.take(file, start, piece))
        return len(piece)
