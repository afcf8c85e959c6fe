"""What was decided and done, in a chain in which every entry names the one before.

Rules
1. An entry's hash covers its number, its time, what it is, what it says, and the hash of the entry before: nothing in
   the middle can be changed, taken out or put in without breaking the chain there.
2. Where the chain begins and ends is told by a head that the laptop's own key signed, so that the last entries cannot
   be cut off unnoticed either.
3. No entry holds a word that anybody said; what is uploaded is less still (`for_upload`).

Not seen from the laptop alone: somebody who has its keys and writes everything anew, or puts yesterday's database
back. An upload is what that is held against.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contract import Contract, Hash
from shared.ids import sha256_hex
from shared.routing import Count, Decision

#: What the first entry of all names.
NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was decided or done. `at` is ISO 8601, `body` JSON; both are kept as they were hashed."""

    number: int
    prev: str
    hash: str
    at: str
    kind: str
    body: str


class EvidenceHead(Contract):
    """What the chain goes from and to: the entry before the first that is kept, and the last (signed)."""

    base: Count = 0
    base_hash: Hash = NOTHING
    number: Count = 0
    hash: Hash = NOTHING


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place that does not hold, and why."""

    number: int
    why: str


def entry_hash(number: int, prev: str, at: str, kind: str, body: str) -> str:
    """SHA-256 of everything in an entry; no part can be read as the end of another."""
    return sha256_hex(json.dumps([number, prev, at, kind, body], ensure_ascii=False).encode())


def linked(number: int, prev: str, at: str, kind: str, body: str) -> Entry:
    """The entry that follows `prev`."""
    return Entry(number, prev, entry_hash(number, prev, at, kind, body), at, kind, body)


def old_digest(bodies: Iterable[str]) -> str:
    """One hash for the decisions that were recorded before there was a chain."""
    return sha256_hex(json.dumps(list(bodies), ensure_ascii=False).encode())


def first_broken(entries: Sequence[Entry], head: EvidenceHead, old: Sequence[str]) -> Broken | None:
    """The first place at which the evidence does not hold; None if it holds.

    Args:
        entries: what is kept, in the order of their numbers.
        head: what the laptop signed last.
        old: the decisions that were recorded before there was a chain.
    """
    number, prev = head.base, head.base_hash
    for entry in entries:
        if entry.number != number + 1:
            return Broken(number + 1, "it is missing")
        if why := _wrong(entry, prev, old):
            return Broken(entry.number, why)
        number, prev = entry.number, entry.hash
    if number < head.number:
        return Broken(number + 1, "it is missing")
    return None if (number, prev) == (head.number, head.hash) else Broken(number, "it is not the one that was signed")


def _wrong(entry: Entry, prev: str, old: Sequence[str]) -> str | None:
    if entry.prev != prev:
        return "it does not follow the entry before"
    if entry.hash != entry_hash(entry.number, entry.prev, entry.at, entry.kind, entry.body):
        return "it was changed"
    if entry.kind == "before" and json.loads(entry.body) != told_before(old):
        return "the decisions from before the chain were changed"
    return None


def told_before(old: Sequence[str]) -> dict[str, Any]:
    """What the entry about the decisions before the chain says."""
    return {"count": len(old), "sha256": old_digest(old)}


def for_upload(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What of the evidence may be told to the organisation: the chain, and the words of closed lists and numbers.

    No person, no job, no id of anything; decisions are named by their hashes, which the server's audit knows.
    """
    return [
        {"number": each.number, "prev": each.prev, "hash": each.hash, "at": each.at, "kind": each.kind, **_meta(each)}
        for each in entries
    ]


_TOLD = {
    "attempt": ("decision", "route", "problem", "bytes_up", "bytes_down", "data_class", "took_s"),
    "consent": ("act", "target", "data_class", "purpose", "reach"),
    "before": ("count", "sha256"),
}


def _meta(entry: Entry) -> Mapping[str, Any]:
    said = json.loads(entry.body)
    if entry.kind == "decision":
        return _decided(Decision.model_validate(said))
    if entry.kind == "shadow":
        return {"followed": said["followed"], **_decided(Decision.model_validate(said["decision"]))}
    return {name: said[name] for name in _TOLD.get(entry.kind, ()) if name in said}


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "decision": decision.hash,
        "purpose": decision.request.purpose,
        "data_class": decision.data_class,
        "input_chars": decision.request.input_chars,
        "link": decision.request.link,
        "route": decision.route,
        "fallbacks": list(decision.fallbacks),
        "waits_for": list(decision.waits_for),
        "bundle_version": decision.bundle_version,
        "policies": list(decision.policies),
        "why_not": {str(each.route): each.obstacle for each in decision.why_not},
        "consents": len(decision.consents),
    }
