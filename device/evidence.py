"""Keeps the evidence of what was decided and done, and says whether it still holds.

Rules
1. An entry is added in the transaction of what it is about, and so is the signed word of where the chain ends.
2. What is older than the settings say goes, from the oldest on, together with the signed word that it went.
3. Verifying needs nothing but this laptop.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from device.core.evidence import Broken, Said, decided, first_broken, for_upload, noted, shadowed
from device.keys import DeviceKeys
from device.store import DeviceStore
from shared.contract import to_instant
from shared.envelope import EVIDENCE_TYPE, BadSignature, Envelope, seal, verify, wire_from
from shared.evidence import Blind, EvidenceHead, Trace, read_told
from shared.ports import Clock
from shared.routing import Decision, Route
from shared.spans import Span
from shared.trace_spans import Known, spans_of

_HEAD = "evidence_head"


@dataclass(frozen=True, slots=True)
class Tried:
    """One try at one place, as the evidence has it; `problem` is a word, empty if it gave the answer."""

    at: datetime
    decision: str
    place: Route
    problem: str
    took_s: float
    bytes_up: int
    bytes_down: int
    model: str
    runtime: str


class Evidence:
    """The chain of one laptop."""

    def __init__(self, store: DeviceStore, keys: DeviceKeys, clock: Clock) -> None:
        self._store, self._keys, self._clock = store, keys, clock
        #: How many entries this program added.
        self.added = 0
        self.blind = Blind(hmac.new(keys.database, b"tailboard evidence", hashlib.sha256).digest())

    def decided(self, decision: Decision) -> None:
        """Record a decision, before anything is done about it."""
        self._add(decided(decision, self.blind))

    def shadowed(self, decision: Decision, followed: Decision) -> None:
        """Record what a bundle in shadow would have decided, beside the decision that is followed."""
        self._add(shadowed(decision, followed, self.blind))

    def note(self, kind: str, **said: Any) -> None:
        """Record what was done: words of closed lists, numbers, ids and hashes, nothing that anybody said."""
        self._add(noted(kind, said, self.blind))

    def _add(self, said: Said) -> None:
        self.added += 1
        with self._store.transaction():
            head = self.head() or EvidenceHead()
            base = (head.base, head.base_hash)
            entry = self._store.add_evidence(self._clock.now().isoformat(), said, self.blind, base=base)
            self._sign(head.model_copy(update={"number": entry.number, "hash": entry.hash}))

    def tried(self, decision: str) -> list[Tried]:
        """Every try of the task that a decision, given by its hash, was about."""
        found = ((at, json.loads(body)) for at, body in self._store.attempts(decision))
        return [
            Tried(
                at=to_instant(at),
                decision=said["decision"],
                place=Route(said["route"]),
                problem=said["problem"],
                took_s=said["took_s"],
                bytes_up=said["bytes_up"],
                bytes_down=said["bytes_down"],
                model=said.get("model", ""),
                runtime=said.get("runtime", ""),
            )
            for at, said in found
        ]

    def traces(self, after: int, most: int) -> list[Trace]:
        """What may be told of the entries behind number `after`, at most so many of them."""
        return for_upload(self._store.evidence(after, most), self.blind)

    def spans(self) -> list[Span]:
        """What was decided and done, as spans; with the names of models, which are told to nobody."""
        entries = [each for each in self._store.evidence() if each.told]
        known = [Known(each.hash, each.at, each.kind, read_told(each.kind, each.told)) for each in entries]
        models = {
            each.hash: str(json.loads(each.body).get("model", "")) for each in entries if each.kind == "attempt"
        }
        return spans_of(known, models)

    def forget_old(self, days: int) -> None:
        """Drop what is older than that, but for the newest entry, which carries the chain on."""
        with self._store.transaction():
            head = self.head()
            last = self._store.last_evidence_before((self._clock.now() - timedelta(days=days)).isoformat())
            if head is None or last is None or last[0] <= head.base or last[0] >= head.number:
                return
            self._store.forget_evidence(last[0])
            self._sign(head.model_copy(update={"base": last[0], "base_hash": last[1]}))

    def broken(self) -> Broken | None:
        """The first place that does not hold; None if all does."""
        with self._store.transaction():
            entries, old = self._store.evidence(), self._store.old_decisions()
            kept = self._store.meta(_HEAD)
            head = self.head()
        if kept is not None and head is None:
            return Broken(0, "where it ends is not signed by this laptop")
        if head is None:  # nothing was added since the decisions from before the chain
            first = next((each for each in entries if each.kind == "before" and each.number == 1), None)
            head = EvidenceHead(number=1, hash=first.hash) if first else EvidenceHead()
        return first_broken(entries, head, old, self.blind)

    def count(self) -> int:
        """How many entries are kept."""
        return self._store.evidence_count()

    def head(self) -> EvidenceHead | None:
        """Where the chain begins and ends, as this laptop signed it; None if it signed nothing, or something else."""
        envelope = self.signed_head()
        return EvidenceHead.model_validate_json(envelope.payload) if envelope else None

    def signed_head(self) -> Envelope | None:
        """The same, with the signature."""
        kept = self._store.meta(_HEAD)
        try:
            envelope = wire_from(json.loads(kept)) if kept else None
            if envelope is None:
                return None
            verify(envelope, EVIDENCE_TYPE, self._keys.device.public)
            EvidenceHead.model_validate_json(envelope.payload)
        except (BadSignature, ValueError):
            return None
        return envelope

    def _sign(self, head: EvidenceHead) -> None:
        self._store.set_meta(_HEAD, seal(EVIDENCE_TYPE, head.to_bytes(), self._keys.device).wire_json)
