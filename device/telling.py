"""Tells the organisation what was decided and done, as `device.core.telling` says: one bounded request at a time.

Rules
1. What goes up is what the chain committed to when the entry was made (`shared.evidence`), and nothing else.
2. Up to where the server has it is kept here; it counts only as the server said it.
3. Nothing that goes wrong makes a round fail; it rests, and goes on from where the server is.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from device.core.telling import REST, From, Kept, next_from, one_upload
from device.errors import RemoteError, TransportError
from device.evidence import Evidence
from device.keys import DeviceKeys
from device.store import DeviceStore
from device.transport import SyncClient
from shared.evidence import ENTRIES_MAX, EvidencePlace, EvidenceUpload
from shared.ports import Ports, RunBlocking
from shared.problems import Code

_PLACE = "evidence_place"
_ANEW = frozenset({Code.EVIDENCE_GAP, Code.EVIDENCE_FORK})


@dataclass(frozen=True, slots=True)
class Told:
    """What one request did: how many entries went up, or a sentence why none did."""

    entries: int = 0
    error: str | None = None


class Telling:
    """The evidence's way from one laptop to its server."""

    def __init__(
        self,
        store: DeviceStore,
        evidence: Evidence,
        client: SyncClient,
        keys: DeviceKeys,
        ports: Ports,
        run_blocking: RunBlocking,
    ) -> None:
        self._store, self._evidence, self._client, self._keys = store, evidence, client, keys
        self._ports, self._run = ports, run_blocking
        self._rests_until: datetime | None = None
        self._asked = False
        self._looked: tuple[int, datetime] | None = None

    async def step(self) -> Told | None:
        """One request, if there is something to tell and it is time; None if not. Only a `StoreError` is raised."""
        now = self._ports.clock.now()
        if self._rests(now) or self._nothing_new(now):
            return None
        looked = self._evidence.added, now
        upload = await self._run(self._next)
        if upload is None:
            self._looked = looked
            return None
        try:
            place = await self._client.tell(upload, self._keys.device)
        except (TransportError, RemoteError) as error:
            code = error.problem.code if isinstance(error, RemoteError) else None
            await self._run(lambda: self._went_wrong(code))
            return Told(error=str(error))
        self._asked = not upload.entries
        await self._run(lambda: self._store.set_meta(_PLACE, place.model_dump_json()))
        return Told(len(upload.entries))

    def waiting(self) -> int:
        """How many entries the server does not have yet, as far as is known."""
        with self._store.transaction():
            kept, place = self._kept(), self._place() or EvidencePlace()
        return max(0, kept.number - max(kept.base, place.number)) if kept else 0

    def _next(self) -> EvidenceUpload | None:
        with self._store.transaction():
            kept, place = self._kept(), self._place()
            if kept is None:
                return None
            going: From | None = None
            if place is not None:
                going = next_from(place, kept, self._store.evidence_hash)
                if going is None:
                    return None
            head = self._evidence.signed_head()
            if head is None:  # what nobody signed is not told; `tailboard evidence verify` says so
                return None
            wire = head.to_wire()
            if going is None:
                return EvidenceUpload(head=wire)
            traces = one_upload(self._evidence.traces(going.after, ENTRIES_MAX))
        return EvidenceUpload(
            strand=going.strand,
            because=going.because,
            after=going.after,
            prev=going.prev,
            entries=traces,
            head=wire,
        )

    def _kept(self) -> Kept | None:
        """What can be told; None if there is nothing."""
        first, end = self._store.told_range()
        if first is None or end is None:
            return None
        return Kept(first[0] - 1, first[1], end)

    def _place(self) -> EvidencePlace | None:
        kept = self._store.meta(_PLACE)
        try:
            return EvidencePlace.model_validate_json(kept) if kept else None
        except ValidationError:  # of another program: the server says it again
            return None

    def _went_wrong(self, code: Code | None) -> None:
        anew = code in _ANEW
        if anew:
            self._store.drop_meta(_PLACE)
        if not anew or self._asked:  # what follows from the server's own word was refused: not at once again
            self._rests_until = self._ports.clock.now() + REST
        self._asked = False

    def _nothing_new(self, now: datetime) -> bool:
        """Whether nothing was left a moment ago, and this program added nothing since. Another one may have."""
        if self._looked is None:
            return False
        added, at = self._looked
        return added == self._evidence.added and at <= now < at + REST  # a clock that was set back must not stop it

    def _rests(self, now: datetime) -> bool:
        until = self._rests_until
        return until is not None and now < until <= now + REST  # a clock that was set back must not stop it for ever
