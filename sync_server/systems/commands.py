"""What the verbs `outgoing` and `parked` of `tailboard-server` do: from parsed arguments to a `Report`."""

import argparse
from dataclasses import asdict
from typing import Any

from shared.commandline import Report, UsageError
from shared.commands.external_decided import ExternalDecided
from shared.ids import id_of
from shared.outcomes import EFFECTIVE
from shared.records import Record, WriteVerdict, record_to_json
from sync_server.asked_of import open_office_of
from sync_server.store import OutgoingEntry


def outgoing_list(arguments: argparse.Namespace) -> Report:
    """What is on its way."""
    with open_office_of(arguments) as (office, tenant):
        entries = office.outgoing(tenant, everything=arguments.all)
    data = {"outgoing": [_entry_data(entry) for entry in entries]}
    return Report("tailboard.outgoing.v1", data, [_entry_line(e) for e in entries] or ["Nothing is on its way."])


def parked_list(arguments: argparse.Namespace) -> Report:
    """What waits for a person."""
    with open_office_of(arguments) as (office, tenant):
        writes = office.external_writes(tenant, everything=arguments.all)
    data = {"parked": [record_to_json(write) for write in writes]}
    lines = [line for write in writes for line in _write_lines(write)]
    return Report("tailboard.parked.v1", data, lines or ["No write waits for a person."])


def parked_decide(arguments: argparse.Namespace) -> Report:
    """Settle one."""
    decision = _decision(arguments)
    with open_office_of(arguments) as (office, tenant):
        receipt = office.decide_external(tenant, arguments.actor, arguments.command, decision, seen=arguments.seen)
    ok = receipt.outcome in EFFECTIVE
    said = f"{id_of(arguments.command) or arguments.command}: now {decision.status}"
    lines = [said if ok else f"{receipt.outcome}: {receipt.detail}"]
    return Report("tailboard.receipt.v1", {"receipt": receipt.model_dump(mode="json")}, lines, ok=ok)


def _decision(arguments: argparse.Namespace) -> ExternalDecided:
    said = {
        WriteVerdict.IT_HAPPENED: arguments.it_happened is not None,
        WriteVerdict.IT_DID_NOT: arguments.it_did_not,
        WriteVerdict.RETRY: arguments.retry,
    }
    verdicts = [verdict for verdict, chosen in said.items() if chosen]
    if len(verdicts) != 1:
        raise UsageError("Say one of --it-happened REF, --it-did-not and --retry.")
    try:
        return ExternalDecided(verdict=verdicts[0], reference=arguments.it_happened or "", reason=arguments.reason)
    except ValueError as error:
        raise UsageError(
            "--it-happened needs the system's reference (at most 200 characters), --reason at most 400."
        ) from error


def _entry_data(entry: OutgoingEntry) -> dict[str, Any]:
    told = asdict(entry)
    outgoing = told.pop("outgoing")
    return {"command": outgoing["command"], "system": outgoing["system"], "body": outgoing["body"], **told}


def _entry_line(entry: OutgoingEntry) -> str:
    doubt = ", in doubt" if entry.in_doubt else ""
    later = f", not before {entry.not_before:%Y-%m-%d %H:%M:%S}" if entry.not_before else ""
    head = f"{entry.outgoing.command}  {entry.outgoing.system:<10} {entry.state}, sent {entry.attempts} times"
    return f"{head}{doubt}{later}  {entry.detail}".rstrip()


def _write_lines(write: Record) -> list[str]:
    fields = write.fields
    done = " ".join(str(fields[name]) for name in ("reference", "reason") if fields[name])
    told = (fields["status"] == "done" and done) or fields["detail"] or done
    return [
        f"{id_of(write.ref)}  {fields['system']} {fields['status']}  v{write.version}  for {fields['record']}",
        f"    {told}",
    ]
