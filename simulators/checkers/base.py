"""What a checker is: a promise of `docs/invariants.md`, and a pure judgement of what was seen of one world.

Rules
1. Evidence is what people did and were shown, and what lies on the disks, read with SQL alone. No counter, cache or
   status of the code that is judged.
2. A checker says nothing about a world in which its promise holds, whatever went wrong there.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.commands.base import OFFICE
from simulators.cluster import Reached
from simulators.crossings import Event as Crossing
from simulators.evidence import DeviceFile, Received, Said, ServerFile


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one world when all is done.

    Args:
        said: what people confirmed and saw called saved, by command id, in the order of confirmation.
        tried: what people confirmed without hearing what became of it: the laptop died at that moment.
        start: the server before the first of it.
        server: the server in the end.
        devices: each laptop in the end, by name.
        shown: command id → every final word that a screen ever showed of it, in order, without repetition.
        taken: the commands of which a screen ever showed that the server has them.
        heads: the ends of the audit that were seen on the way (position, hash), in order.
        unsettled: what still waited hours after everything healed, in words.
        asked_at: when each laptop sent a request, in seconds of the world, in order.
        healed_at_s: when everything healed.
        healed_for_s: how long everything had been healed in the end.
        taken_back: commands that their authors withdrew before they left, and saw withdrawn.
        redone: commands whose outcome went with a server that was set back; they are settled anew.
        booked: command id → how often the system of record did what it was asked under that key, by its own
            books; None where there is no such system.
        ordered: what the system of record was asked for, each time: the key and the order.
        failed_late: errors of each laptop's store after everything healed.
        were_full: the machines whose disk was full at some time.
        forgotten: commands that the server dropped for their age, by id, as its ledger had them before.
        lives: the server as it was whenever it was about to be set back to an older copy of itself.
        crossings: what was said about questions and what crossed a boundary, in order.
        set_back: laptops whose disk was set back or copied at some time, so that they forgot, or are two.
        reached: every question that reached the cluster, in order, by the cluster's own books.
    """

    said: Mapping[str, Said]
    start: ServerFile
    server: ServerFile
    devices: Mapping[str, DeviceFile]
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    heads: tuple[tuple[int, str], ...] = ()
    unsettled: tuple[str, ...] = ()
    asked_at: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    healed_at_s: float = 0.0
    healed_for_s: float = 0.0
    failed_late: Mapping[str, int] = field(default_factory=dict)
    were_full: frozenset[str] = frozenset()
    tried: tuple[Said, ...] = ()
    booked: Mapping[str, int] | None = None
    ordered: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    redone: frozenset[str] = frozenset()
    taken_back: frozenset[str] = frozenset()
    forgotten: Mapping[str, Received] = field(default_factory=dict)
    lives: tuple[ServerFile, ...] = ()
    reached: tuple[Reached, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    set_back: frozenset[str] = frozenset()

    def here(self, command: str) -> Received | None:
        """What the ledger has of a command, or had until it was old enough to be forgotten."""
        return self.server.received.get(command) or self.forgotten.get(command)

    def everything(self) -> dict[str, Received]:
        """Every command that counts in the end, the office's and the forgotten ones too."""
        return {**self.forgotten, **self.server.received}

    def brought(self) -> Iterator[Received]:
        """What laptops sent, not the office."""
        return (each for each in self.everything().values() if each.device != OFFICE)

    def stand_ins(self) -> dict[str, str]:
        """The office's command that a reviewer gave in the place of another → that other one, as the audit says."""
        notes = (json.loads(link.body) for link in self.server.audit if '"released"' in link.body)
        return {note["given_as"]: note["command"] for note in notes if note.get("given_as")}

    def set_apart(self) -> frozenset[str]:
        """The commands that were ever kept for a person's review, as the audit says."""
        notes = (json.loads(link.body) for link in self.server.audit if '"quarantined"' in link.body)
        return frozenset(note["command"] for note in notes if note["act"] == "held")

    def meant(self) -> dict[str, Said]:
        """What people confirmed, by command id: what they saw called saved, and what they tried and is there."""
        found, tried = dict(self.said), list(self.tried)
        for each in self.brought():
            match = None if each.id in found else next((said for said in tried if _fits(each, said)), None)
            if match:
                found[each.id] = match
                tried.remove(match)
        return found

    def effective(self) -> dict[str, Said]:
        """What people meant and what took effect."""
        found = {command: (self.here(command), said) for command, said in self.meant().items()}
        return {command: said for command, (each, said) in found.items() if each and each.effective}


def _fits(each: Received, said: Said) -> bool:
    return fits(each.command, said)


def fits(command: Mapping[str, Any], said: Said) -> bool:
    """Whether a command's signed bytes are what somebody said."""
    return (command["kind"], command["record"]) == (said.kind, said.record) and says(command["payload"], said)


def says(payload: Mapping[str, Any], said: Said) -> bool:
    """Whether a payload says what its author did; a kind may add its defaults."""
    return all(payload.get(name) == value for name, value in said.payload.items())


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: of which command or record, and what is seen of it."""

    what: str
    words: str
    checker: str = ""

    def __str__(self) -> str:
        return f"{self.checker}: {self.what}: {self.words}"


@dataclass(frozen=True, slots=True)
class Checker:
    """A promise, by its name in `docs/invariants.md`, and its judge."""

    promise: str
    judge: Callable[[Evidence], Iterator[Finding]]

    def findings(self, evidence: Evidence) -> list[Finding]:
        """What breaks the promise, each under its name."""
        return [Finding(each.what, each.words, self.promise) for each in self.judge(evidence)]
