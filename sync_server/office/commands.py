"""What the verbs about decisions, files and keys do: from parsed arguments to a `Report`."""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciliation.decide import draft_of
from shared.commandline import Report, UsageError
from shared.commands import UnknownKind
from shared.envelope import Envelope, wire_from
from shared.outcomes import EFFECTIVE, Hold, Outcome, Reason
from shared.records import Approval, ApprovalChoice, Conflict, Record, record_to_json
from sync_server.asked_of import office_of
from sync_server.bootstrap import build_service
from sync_server.commands import conflict_lines
from sync_server.office import Office
from sync_server.office.transfer import FILE_BYTES_MAX
from sync_server.office.waiting import Matter
from sync_server.settings import Settings, from_environment
from sync_server.store import Entry

_ASKED_AGAIN = (
    "{record} changed since this was asked, so it is asked again. Look, then answer: "
    "tailboard-server approval show {approval}"
)

# -- quarantine


def quarantine_list(arguments: argparse.Namespace) -> Report:
    """What waits for review."""
    office, tenant = office_of(arguments)
    entries = office.quarantine(tenant, arguments.device)
    lines = [line for entry in entries for line in _entry_lines(entry)]
    data = {"quarantine": [_entry(entry) for entry in entries]}
    return Report("tailboard.quarantine.v1", data, lines or ["Nothing waits for review."])


def quarantine_show(arguments: argparse.Namespace) -> Report:
    """One quarantined command, what it would do, and what waits on it."""
    office, tenant = office_of(arguments)
    found = office.quarantined(tenant, arguments.command)
    command = found.entry.command
    times = f"  confirmed {_when(command.issued_at)}, received {_when(found.entry.received_at)}"
    seen = [f"  saw {b.field} of {b.record} as {_said(b.value)}, version {b.version}" for b in command.bases]
    lines = [*_entry_lines(found.entry), times, *seen]
    lines += ["  its author took it back"] if found.withdrawn else []
    lines += [f"  released as {found.released_as}, which is not settled yet"] if found.released_as else []
    data = {
        **_entry(found.entry),
        "bases": [base.model_dump(mode="json") for base in command.bases],
        "released_as": found.released_as,
        "withdrawn": found.withdrawn,
        "waiting": [_entry(entry) for entry in found.waiting],
    }
    return Report("tailboard.quarantined.v1", data, [*lines, *_waiting_lines(found.waiting)])


def quarantine_release(arguments: argparse.Namespace) -> Report:
    """Give quarantined commands their effect."""
    office, tenant = office_of(arguments)
    entries = office.release(tenant, arguments.command, arguments.actor, arguments.reason)
    fine = all(entry.receipt and entry.receipt.outcome in {*EFFECTIVE, Outcome.CONFLICT} for entry in entries)
    return _entries_report(entries, ok=fine)


def quarantine_dismiss(arguments: argparse.Namespace) -> Report:
    """Reject quarantined commands."""
    office, tenant = office_of(arguments)
    entries = office.dismiss(tenant, arguments.command, arguments.actor, arguments.reason)
    return _entries_report(entries, ok=all(e.receipt and e.receipt.reason is Reason.DISMISSED for e in entries))


def _entries_report(entries: list[Entry], *, ok: bool) -> Report:
    data = {"commands": [_entry(entry) for entry in entries]}
    return Report("tailboard.reviewed.v1", data, [_state_line(entry) for entry in entries], ok=ok)


# -- approvals and conflicts


def approval_list(arguments: argparse.Namespace) -> Report:
    """Questions that wait for an answer."""
    office, tenant = office_of(arguments)
    approvals = office.approvals(tenant, everything=arguments.all)
    lines = [line for each in approvals for line in _approval_lines(each)]
    data = {"approvals": [record_to_json(each) for each in approvals]}
    return Report("tailboard.approvals.v1", data, lines or ["Nothing waits for an approval."])


def approval_show(arguments: argparse.Namespace) -> Report:
    """One question: what would happen, who asks, until when, and what waits on the answer."""
    office, tenant = office_of(arguments)
    matter = office.matter(tenant, "approval", arguments.approval)
    return _matter_report("tailboard.approval.v1", "approval", matter, _approval_lines(matter.record))


def approval_approve(arguments: argparse.Namespace) -> Report:
    """Say yes."""
    return _decide(arguments, ApprovalChoice.APPROVE)


def approval_refuse(arguments: argparse.Namespace) -> Report:
    """Say no."""
    return _decide(arguments, ApprovalChoice.REFUSE)


def _decide(arguments: argparse.Namespace, choice: ApprovalChoice) -> Report:
    office, tenant = office_of(arguments)
    decided = office.decide_approval(
        tenant, arguments.actor, arguments.approval, choice, arguments.reason, seen=arguments.seen
    )
    receipt, subject = decided.receipt, decided.subject
    ok = receipt.outcome in EFFECTIVE
    lines = [_state_line(subject)] if ok else [f"{receipt.outcome}: {receipt.detail}"]
    ended = subject.receipt.outcome if subject.receipt else None
    if ok and choice is ApprovalChoice.APPROVE and ended in {Outcome.REJECTED, Outcome.EXPIRED}:
        ok = False
        lines.append("The answer is kept, and changed nothing.")
    if ok and subject.hold is Hold.DEFERRED:
        ok = False
        lines.append(_ASKED_AGAIN.format(record=subject.command.record, approval=subject.command.id))
    data = {"receipt": receipt.model_dump(mode="json"), "command": _entry(subject)}
    return Report("tailboard.approval-decided.v1", data, lines, ok=ok)


def conflict_show(arguments: argparse.Namespace) -> Report:
    """One conflict with both values, and what waits on the decision."""
    office, tenant = office_of(arguments)
    matter = office.matter(tenant, "conflict", arguments.conflict)
    lines = [*conflict_lines(matter.record), *_moved_on(office, tenant, matter.record)]
    return _matter_report("tailboard.conflict.v1", "conflict", matter, lines)


def _moved_on(office: Office, tenant: str, conflict: Record) -> Iterator[str]:
    """What stands now where it is not what the conflict shows; who decides says that they saw it."""
    for clash in Conflict.model_validate(conflict.fields).unsettled():
        record = office.record(tenant, clash.record)
        value, stamp = record.value(clash.field), record.stamp(clash.field)
        if value != clash.theirs.value:
            said = f"now {_said(value)} by {stamp.actor}; decide with --seen {record.ref}={record.version}"
            yield f"    {clash.field} of {record.ref} changed since: {said}"


def _matter_report(schema: str, name: str, matter: Matter, lines: list[str]) -> Report:
    data = {name: record_to_json(matter.record), "waiting": [_entry(entry) for entry in matter.waiting]}
    return Report(schema, data, [*lines, *_waiting_lines(matter.waiting)])


def _approval_lines(record: Record) -> list[str]:
    body = Approval.model_validate(record.fields)
    head = f"{body.command}  {body.record}  {body.status}  version {record.version}"
    until = (
        f"  asked by {body.requested_by}, {_when(body.requested_at)}; an answer counts until {_when(body.expires_at)}"
    )
    by = f" by {body.decided_by}" if body.decided_by else ""
    answer = [f"  {body.status}{by}" + (f": {body.reason}" if body.reason else "")] if by or body.reason else []
    changes = [f"  {each.field} of {each.record}: {_said(each.old)} -> {_said(each.new)}" for each in body.effect]
    return [head, *changes, until, *answer]


# -- files, keys, settings, proof


def outbox_import(arguments: argparse.Namespace) -> Report:
    """Do what a device's file says, and write the answer that goes back."""
    settings = _settings(arguments)
    path, answer = Path(arguments.file), Path(arguments.answer or f"{arguments.file}.answer")
    carried = Office(build_service(settings, pooled=False)).import_outbox(_read(path, FILE_BYTES_MAX))
    _write(answer, carried.answers.to_bytes())
    lines = [f"{carried.device}: {carried.settled} settled, {carried.held} held", *carried.refusals]
    lines.append(f"Carry {answer} back to the device.")
    data = {
        "tenant": carried.tenant,
        "device": carried.device,
        "settled": carried.settled,
        "held": carried.held,
        "refusals": carried.refusals,
        "answer": str(answer),
    }
    return Report("tailboard.outbox-import.v1", data, lines, ok=not carried.refusals)


def tenant_set_newest(arguments: argparse.Namespace) -> Report:
    """Say which fields the later edit settles."""
    office, tenant = office_of(arguments)
    newest = sorted(office.set_newest(tenant, arguments.field, arguments.actor).newest)
    said = f"The later edit stands in: {', '.join(newest)}" if newest else "Two values of any field are a conflict."
    return Report("tailboard.tenant-settings.v1", {"tenant": tenant, "newest": newest}, [said])


def key_rotate(arguments: argparse.Namespace) -> Report:
    """Hand over to a new receipt key."""
    office, tenant = office_of(arguments)
    new = office.rotate_receipt_key(tenant, arguments.actor, arguments.reason)
    said = [f"Receipts are signed by {new} from now on.", "Devices learn it under the old key's signature."]
    return Report("tailboard.key.v1", {"tenant": tenant, "receipt_key_id": new}, said)


def verify_audit(arguments: argparse.Namespace) -> Report:
    """Walk the chain; compare it with a head that was remembered; remember the present one."""
    office, tenant = office_of(arguments)
    found = office.verify_audit(tenant, _head(Path(arguments.head)) if arguments.head else None)
    data = {"tenant": tenant, "links": found.links, "head": found.head}
    if found.why is not None:
        data |= {"broken_at": found.broken_at, "why": found.why}
        said = f"The audit of {tenant} is broken at position {found.broken_at}: {found.why}."
        return Report("tailboard.audit.v1", data, [said], ok=False)
    lines = [f"{found.links} links, all sound."]
    if arguments.remember:
        path = Path(arguments.remember)
        _write(path, office.signed_head(tenant).to_wire().to_bytes())
        lines.append(f"Keep {path} where nobody here can change it; later: verify-audit --head {path.name}")
    return Report("tailboard.audit.v1", data, lines)


def sweep(arguments: argparse.Namespace) -> Report:
    """Decide what was held until now."""
    service = build_service(_settings(arguments), pooled=False)
    service.sweep()
    return Report("tailboard.sweep.v1", {}, ["What was held until now is decided."])


# -- words


def _settings(arguments: argparse.Namespace) -> Settings:
    return from_environment(home=arguments.home, database=arguments.database)


def _entry(entry: Entry) -> dict[str, Any]:
    command, receipt = entry.command, entry.receipt
    return {
        "command": command.model_dump(mode="json"),
        "hash": entry.envelope.hash,
        "summary": _summary(entry),
        "received_at": entry.received_at,
        "hold": entry.hold,
        "problem": entry.problem and entry.problem.model_dump(mode="json", exclude_none=True),
        "receipt": receipt and receipt.model_dump(mode="json"),
    }


def _entry_lines(entry: Entry) -> list[str]:
    command = entry.command
    place = f"{command.device} {command.epoch}/{command.seq}" if command.seq else command.device
    why = f"{entry.problem.title}: {entry.problem.detail}" if entry.problem else str(entry.hold)
    return [f"{command.id}  {command.actor} on {place}", f"  {_summary(entry)}", f"  {why}"]


def _state_line(entry: Entry) -> str:
    if entry.receipt is None:
        why = f": {entry.problem.detail}" if entry.problem else ""
        return f"{entry.command.id}  still {entry.hold}{why}"
    detail = entry.receipt.detail
    return f"{entry.command.id}  {entry.receipt.outcome}" + (f": {detail}" if detail else "")


def _waiting_lines(waiting: Iterable[Entry]) -> list[str]:
    lines = [f"    {each.command.id}  {each.command.actor}: {_summary(each)}" for each in waiting]
    return [f"  {len(lines)} waiting on it:", *lines] if lines else ["  Nothing waits on it."]


def _summary(entry: Entry) -> str:
    try:
        said = draft_of(entry.command).payload.summary(entry.command.record)
    except (UnknownKind, ValueError):
        said = f"{entry.command.record}: {entry.command.kind}"
    return said


def _said(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _head(path: Path) -> Envelope:
    try:
        return wire_from(json.loads(_read(path, 1 << 20)))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no signed head; verify-audit --remember writes one.") from error


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        if path.stat().st_size > bytes_max:
            raise UsageError(f"{path} is larger than {bytes_max >> 20} MiB; that cannot be the right file.")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error


def _write(path: Path, content: bytes) -> None:
    """Whole and durable, or not at all: a stick is pulled out when the screen says that it is done."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error
