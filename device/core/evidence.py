"""What was decided and done, in a chain in which every entry names the one before.

Rules
1. An entry's hash covers its number, its time, what it is, what is told of it, a keyed digest of what it says, and
   the hash of the entry before: nothing in the middle can be changed, taken out or put in without breaking the chain
   there.
2. Where the chain begins and ends is told by a head that the laptop's own key signed, so that the last entries cannot
   be cut off unnoticed either.
3. No entry holds a word that anybody said; what may be told of it (`shared.evidence`) is less still, and is fixed
   when the entry is made, so that it cannot be put nicer later.
4. Entries of a program before these rules hash what they say itself, and nothing is told of them.

Not seen from the laptop alone: somebody who has its keys and writes everything anew, or puts yesterday's database
back. An upload is what that is held against.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from shared.evidence import (
    Attempted,
    Blind,
    Consenting,
    EvidenceHead,
    Kind,
    Probed,
    Told,
    Trace,
    link_hash,
    tell_decision,
    text_of,
)
from shared.ids import sha256_hex
from shared.routing import Decision


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was decided or done. `at` is ISO 8601, `body` and `told` JSON; all are kept as they were hashed.

    `told` is empty for an entry of a program before there was anything to tell.
    """

    number: int
    prev: str
    hash: str
    at: str
    kind: str
    body: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place that does not hold, and why."""

    number: int
    why: str


def entry_hash(entry: Entry, blind: Blind) -> str:
    """What the entry's hash has to be."""
    if not entry.told:
        return old_hash(entry.number, entry.prev, entry.at, entry.kind, entry.body)
    sealed = blind.sealed(entry.number, entry.body)
    return link_hash(entry.number, entry.prev, entry.at, entry.kind, entry.told, sealed)


def old_hash(number: int, prev: str, at: str, kind: str, body: str) -> str:
    """The hash of an entry of which nothing is told."""
    return sha256_hex(json.dumps([number, prev, at, kind, body], ensure_ascii=False).encode())


def linked(number: int, prev: str, said: "Said", at: str, blind: Blind) -> Entry:
    """The entry that follows `prev`."""
    sealed = blind.sealed(number, said.body)
    told_hash = link_hash(number, prev, at, said.kind, said.told, sealed)
    return Entry(number, prev, told_hash, at, said.kind, said.body, said.told)


@dataclass(frozen=True, slots=True)
class Said:
    """An entry that is not in the chain yet: what it is, what it says, and what may be told of that."""

    kind: str
    body: str
    told: str


def decided(decision: Decision, blind: Blind) -> Said:
    """The entry about a decision that is followed."""
    return Said("decision", decision.model_dump_json(), text_of(tell_decision(decision, blind)))


def shadowed(decision: Decision, followed: Decision, blind: Blind) -> Said:
    """The entry about what a bundle in shadow would have decided."""
    body = json.dumps({"followed": followed.hash, "decision": decision.model_dump(mode="json")})
    return Said("shadow", body, text_of(tell_decision(decision, blind, followed.hash)))


def noted(kind: str, said: dict[str, Any], blind: Blind) -> Said:
    """The entry about something that was done. What cannot be told is a fault of ours, and raises `ValueError`."""
    assert kind in _TOLD, "only what has a form can be told"
    return Said(kind, json.dumps(said, default=str), text_of(_TOLD[kind](said, blind)))


def _attempted(said: dict[str, Any], blind: Blind) -> Told:
    own = {"decision": blind(str(said["decision"])), "task": said["task"] if said.get("bytes_up") else None}
    return Attempted.model_validate(_of(Attempted, said) | own)


def _consenting(said: dict[str, Any], blind: Blind) -> Told:
    return Consenting.model_validate(_of(Consenting, said) | {"consent": blind(str(said["consent"]))})


def _probed(said: dict[str, Any], _: Blind) -> Told:
    return Probed.model_validate(_of(Probed, said))


_TOLD = {"attempt": _attempted, "consent": _consenting, "probe": _probed}


def _of(shape: type[Attempted] | type[Consenting] | type[Probed], said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in shape.model_fields if name in said}


def old_digest(bodies: Iterable[str]) -> str:
    """One hash for the decisions that were recorded before there was a chain."""
    return sha256_hex(json.dumps(list(bodies), ensure_ascii=False).encode())


def first_broken(entries: Sequence[Entry], head: EvidenceHead, old: Sequence[str], blind: Blind) -> Broken | None:
    """The first place at which the evidence does not hold; None if it holds.

    Args:
        entries: what is kept, in the order of their numbers.
        head: what the laptop signed last.
        old: the decisions that were recorded before there was a chain.
        blind: with the laptop's key.
    """
    number, prev = head.base, head.base_hash
    for entry in entries:
        if entry.number != number + 1:
            return Broken(number + 1, "it is missing")
        if why := _wrong(entry, prev, old, blind):
            return Broken(entry.number, why)
        number, prev = entry.number, entry.hash
    if number < head.number:
        return Broken(number + 1, "it is missing")
    return None if (number, prev) == (head.number, head.hash) else Broken(number, "it is not the one that was signed")


def _wrong(entry: Entry, prev: str, old: Sequence[str], blind: Blind) -> str | None:
    if entry.prev != prev:
        return "it does not follow the entry before"
    if entry.hash != entry_hash(entry, blind):
        return "it was changed"
    if entry.kind == "before" and json.loads(entry.body) != told_before(old):
        return "the decisions from before the chain were changed"
    return None


def told_before(old: Sequence[str]) -> dict[str, Any]:
    """What the entry about the decisions before the chain says."""
    return {"count": len(old), "sha256": old_digest(old)}


def for_upload(entries: Iterable[Entry], blind: Blind) -> list[Trace]:
    """What of the evidence the organisation is told: exactly this."""
    return [
        Trace(
            number=each.number,
            at=each.at,
            kind=_KINDS[each.kind],
            told=each.told,
            sealed=blind.sealed(each.number, each.body),
        )
        for each in entries
        if each.told
    ]


_KINDS: dict[str, Kind] = {each: each for each in get_args(Kind)}
