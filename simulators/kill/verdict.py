"""Was anything lost, or done twice? Judged from what a person was told and from what is on the disk.

Shares no code with what it judges, but for verifying signatures (`shared`): no store, no rules, no session.

Rules
1. What was called saved is in the outbox, in the ledger with a receipt, and stands in the records, with its content.
2. Every effect is counted by the versions of the records and by the shelf, which would show what an entry's own id
   hides: an effect that came twice under one id.
3. Nothing stands there that nobody confirmed.
4. Right after a death, the disk holds whole units only: records and ledger fit each other, what may have left the
   device is marked, and outcomes are not taken without the changes that come with them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulators.checkers.audit_verifies import breaks, outcomes_in
from simulators.checkers.entries import entries_of, entry_wanted
from simulators.checkers.receipts_are_proof import unproved
from simulators.evidence import EFFECTIVE, DeviceFile, Said, ServerFile


class Harm(StrEnum):
    """What happened to somebody's work, or to what proves it."""

    LOST = "lost"
    DOUBLED = "doubled"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One harm: to which command or record, and what is seen of it."""

    harm: Harm
    what: str
    words: str

    def __str__(self) -> str:
        return f"{self.harm}: {self.what}: {self.words}"


@dataclass(frozen=True, slots=True)
class Start:
    """How things stood before the first command: every record, and the raw key that the laptop pinned."""

    records: Mapping[str, Mapping[str, Any]]
    receipt_key: bytes


def after_death(said: Mapping[str, Said], start: Start, server: ServerFile, device: DeviceFile) -> list[Finding]:
    """What must hold on the two disks before anything is started again. `said` is in the order of confirmation."""
    return [
        *_kept_on_device(said, device),
        *_marked(server, device),
        *_whole_rounds(device),
        *_effects(said, start, server),
        *_audit(server),
    ]


def after_all(said: Mapping[str, Said], start: Start, server: ServerFile, device: DeviceFile) -> list[Finding]:
    """What must hold once both sides run again and nothing is waiting."""
    return [
        *after_death(said, start, server, device),
        *_settled(said, server),
        *_same_receipts(start, server, device),
        *_same_records(server, device),
    ]


# -- the device


def _kept_on_device(said: Mapping[str, Said], device: DeviceFile) -> Iterator[Finding]:
    there = [sent.id for sent in device.outbox]
    for command in said.keys() - set(there):
        yield Finding(Harm.LOST, command, "was called saved and is not in the outbox")
    for command in set(there) - said.keys():
        yield Finding(Harm.BROKEN, command, "is in the outbox though it was never confirmed")
    if [command for command in said if command in set(there)] != [each for each in there if each in said]:
        yield Finding(Harm.BROKEN, "outbox", "the order of confirmation is not kept")


def _marked(server: ServerFile, device: DeviceFile) -> Iterator[Finding]:
    for sent in device.outbox:
        if sent.state == "saved" and sent.id in server.ledger:
            yield Finding(Harm.BROKEN, sent.id, "left the device without being marked: it would be sent unasked")


def _whole_rounds(device: DeviceFile) -> Iterator[Finding]:
    """Every round of this campaign fits into one page, so an outcome never runs ahead of its changes."""
    for sent in device.outbox:
        if sent.receipt is not None and json.loads(sent.receipt)["change_seq"] > device.reached:
            yield Finding(Harm.BROKEN, sent.id, "its outcome was taken without the changes of its round")


# -- the server


def _settled(said: Mapping[str, Said], server: ServerFile) -> Iterator[Finding]:
    for command in said:
        receipt = server.receipt(command)
        if receipt is None:
            held = "is held" if command in server.ledger else "never reached the ledger"
            yield Finding(Harm.LOST, command, f"{held}, though nothing stands in its way")
        elif receipt["outcome"] not in EFFECTIVE:
            yield Finding(Harm.LOST, command, f"was settled as {receipt['outcome']} ({receipt['reason']})")


def _effects(said: Mapping[str, Said], start: Start, server: ServerFile) -> Iterator[Finding]:
    """The records hold exactly what the ledger calls settled."""
    done = {command: each for command, each in said.items() if _took_effect(server, command)}
    for stranger in server.ledger.keys() - said.keys():
        yield Finding(Harm.BROKEN, stranger, "is in the ledger though nobody confirmed it")
    yield from _entries(done, start, server)
    yield from _versions(done, start, server)
    yield from _shelf(done, start, server)
    yield from _fields(done, server)


def _took_effect(server: ServerFile, command: str) -> bool:
    receipt = server.receipt(command)
    return receipt is not None and receipt["outcome"] in EFFECTIVE


def _entries(done: Mapping[str, Said], start: Start, server: ServerFile) -> Iterator[Finding]:
    """Notes, parts and readings, each once, by the id of the command behind it and by what it says."""
    there = Counter(entries_of(server.records)) - Counter(entries_of(start.records))
    wanted = Counter(told for command, each in done.items() if (told := entry_wanted(command, each)))
    for told in wanted - there:
        yield Finding(Harm.LOST, told[1], f"its {told[0]} does not stand there as it was confirmed")
    for told in there - wanted:
        again = Harm.DOUBLED if told in wanted else Harm.BROKEN
        yield Finding(again, told[1], f"a {told[0]} too many")


def _versions(done: Mapping[str, Said], start: Start, server: ServerFile) -> Iterator[Finding]:
    """Each command that touches a record makes one version of it."""
    touched = Counter(ref for each in done.values() for ref in _touched(each))
    for ref, before in start.records.items():
        is_now, should_be = server.records[ref]["version"], before["version"] + touched[ref]
        if is_now > should_be:
            yield Finding(Harm.DOUBLED, ref, f"changed {is_now - should_be} times more than was confirmed")
        elif is_now < should_be:
            yield Finding(Harm.LOST, ref, f"{should_be - is_now} of its changes are missing")


def _touched(each: Said) -> tuple[str, ...]:
    if each.kind == "reading.recorded":
        return ()
    item = each.payload.get("stock_item")
    return (each.record, item) if item else (each.record,)


def _shelf(done: Mapping[str, Said], start: Start, server: ServerFile) -> Iterator[Finding]:
    used: Counter[str] = Counter()
    for each in done.values():
        if each.kind == "part.consumed":
            used[each.payload["stock_item"]] += each.payload["quantity"]
    for ref, before in start.records.items():
        if not ref.startswith("stock_item/"):
            continue
        off = server.records[ref]["fields"]["on_hand"] - (before["fields"]["on_hand"] - used[ref])
        if off:
            harm = Harm.DOUBLED if off < 0 else Harm.LOST
            yield Finding(harm, ref, f"{-off:+d} taken from the shelf beyond what was confirmed")


def _fields(done: Mapping[str, Said], server: ServerFile) -> Iterator[Finding]:
    """Of the commands that set a field, the last one stands."""
    last = {place: value for each in done.values() if (set_ := _sets(each)) for place, value in [set_]}
    for (ref, field), value in last.items():
        if (stands := server.records[ref]["fields"][field]) != value:
            yield Finding(Harm.LOST, f"{ref} {field}", f"is {stands!r} instead of {value!r}")


def _sets(each: Said) -> tuple[tuple[str, str], Any] | None:
    match each.kind:
        case "field.updated":
            return (each.record, each.payload["field"]), each.payload["value"]
        case "status.changed":
            return (each.record, "status"), each.payload["to"]
        case _:
            return None


def _audit(server: ServerFile) -> Iterator[Finding]:
    """Every link covers the one before, the head is the end, and every command has one outcome in it."""
    for broken in breaks(server.audit, (server.audit_position, server.audit_hash)):
        yield Finding(Harm.BROKEN, broken.what, broken.words)
    outcomes = Counter(body["command"] for body in outcomes_in(server.audit))
    for command, receipt in server.ledger.items():
        count = outcomes[command]
        if count > 1:
            yield Finding(Harm.DOUBLED, command, f"has {count} outcomes in the audit")
        elif count != (receipt is not None):
            yield Finding(Harm.BROKEN, command, "ledger and audit disagree about its outcome")


# -- both


def _same_receipts(start: Start, server: ServerFile, device: DeviceFile) -> Iterator[Finding]:
    verified: dict[str, Any] = {}
    for sent in device.outbox:
        if sent.state != "settled" or sent.receipt is None or sent.proof is None:
            yield Finding(Harm.LOST, sent.id, f"is {sent.state} on the device")
        elif sent.receipt != server.ledger.get(sent.id):
            yield Finding(Harm.BROKEN, sent.id, "device and server hold different receipts")
        elif why := unproved(sent.receipt, sent.proof, start.receipt_key, verified):
            yield Finding(Harm.BROKEN, sent.id, why)


def _same_records(server: ServerFile, device: DeviceFile) -> Iterator[Finding]:
    for ref in sorted(server.records.keys() | device.replica.keys()):
        if server.records.get(ref) != device.replica.get(ref):
            yield Finding(Harm.BROKEN, ref, "device and server hold different copies")
