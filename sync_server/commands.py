"""What the verbs of `tailboard-server` do: from parsed arguments to a `Report`."""

import argparse
import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError, words_or_input
from shared.commands.base import Role
from shared.commands.conflict_resolved import Place, place_of
from shared.ids import id_of, kind_of, record_ref
from shared.outcomes import Outcome, Receipt
from shared.problems import Refused
from shared.records import Choice, Conflict, Record, record_to_json
from shared.typed_command import Mistyped, typed_payload, typed_record, typed_value
from sync_server.asked_of import office_of
from sync_server.bootstrap import initialise
from sync_server.imports import ImportPlan
from sync_server.office import Office, Pick
from sync_server.settings import Settings, from_environment
from sync_server.store import Person

FILE_BYTES_MAX = 64 << 20


def init(arguments: argparse.Namespace) -> Report:
    """Make the server, or add a tenant."""
    settings = _settings(arguments)
    made = initialise(settings).add_tenant(arguments.tenant, arguments.name)
    said = f"{arguments.name} is ready in {settings.home}" if made else f"{arguments.tenant} was there already"
    return Report("tailboard.init.v1", {"tenant": arguments.tenant, "made": made, "home": str(settings.home)}, [said])


def person_add(arguments: argparse.Namespace) -> Report:
    """Add or change a person."""
    office, tenant = office_of(arguments)
    roles = frozenset(Role(role) for role in arguments.role)
    known = next((each for each in office.people(tenant) if each.id == arguments.person), None)
    teams = known.teams if known else None
    if arguments.all_teams or arguments.team:
        teams = None if arguments.all_teams else frozenset(arguments.team)
    office.put_person(tenant, Person(arguments.person, arguments.name, roles, teams), arguments.actor)
    data = {"person": arguments.person, "roles": sorted(roles), "teams": _teams(teams)}
    said = f"{arguments.person}: {', '.join(sorted(roles))}; sees {_scope(teams)}"
    return Report("tailboard.person.v1", data, [said])


def person_list(arguments: argparse.Namespace) -> Report:
    """Everybody."""
    office, tenant = office_of(arguments)
    people = office.people(tenant)
    data = {
        "people": [{"id": p.id, "name": p.name, "roles": sorted(p.roles), "teams": _teams(p.teams)} for p in people]
    }
    lines = [f"{p.id:<16} {p.name:<24} {', '.join(sorted(p.roles))}; sees {_scope(p.teams)}" for p in people]
    return Report("tailboard.people.v1", data, lines or ["Nobody yet. Run: tailboard-server person add"])


def enrol_code(arguments: argparse.Namespace) -> Report:
    """Print a one-time code."""
    office, tenant = office_of(arguments)
    code = office.enrol_code(tenant, arguments.person, waits=arguments.wait)
    lines = [code, f"For {arguments.person}, good for 24 hours, once. On the laptop: tailboard enrol URL {code}"]
    if arguments.wait:
        lines.append("Its laptop then waits for: tailboard-server device approve DEVICE --code CODE")
    data = {"person": arguments.person, "code": code, "waits": arguments.wait}
    return Report("tailboard.enrol-code.v1", data, lines)


def import_file(arguments: argparse.Namespace) -> Report:
    """Plan an import, and apply it if that was asked for."""
    office, tenant = office_of(arguments)
    text = _read_text(Path(arguments.file))
    plan = office.plan_import(tenant, arguments.kind, text, overwrite=arguments.overwrite)
    if arguments.apply and not plan.bad:
        office.apply_import(tenant, arguments.actor, plan)
    applied = bool(arguments.apply and not plan.bad)
    bad = [{"line": row.line, "why": row.why} for row in plan.bad]
    data = {"kind": plan.kind, "applied": applied, **_plan_counts(plan), "kept": plan.kept, "bad": bad}
    return Report("tailboard.import.v1", data, _import_lines(plan, applied), ok=not plan.bad)


def record_list(arguments: argparse.Namespace) -> Report:
    """Every record of a kind."""
    office, tenant = office_of(arguments)
    records = office.records(tenant, arguments.kind)
    lines = [f"{id_of(r.ref):<40} v{r.version:<4} {_headline(r)}" for r in records]
    data = {"records": [record_to_json(record) for record in records]}
    return Report("tailboard.records.v1", data, lines or [f"There is no {arguments.kind}."])


def record_show(arguments: argparse.Namespace) -> Report:
    """One record."""
    office, tenant = office_of(arguments)
    record = office.record(tenant, _ref(arguments.record))
    lines = [f"{record.ref} version {record.version}"]
    for name, value in record.fields.items():
        stamp = record.stamp(name)
        lines.append(f"  {name:<16} {json.dumps(value, ensure_ascii=False)}   ({stamp.actor}, {_when(stamp.at)})")
    return Report("tailboard.record.v1", {"record": record_to_json(record)}, lines)


def record_set(arguments: argparse.Namespace) -> Report:
    """Set a field."""
    office, tenant = office_of(arguments)
    ref = _ref(arguments.record)
    value = typed_value(kind_of(ref), arguments.field, arguments.value)
    return _receipt_report(office.set_field(tenant, arguments.actor, ref, arguments.field, value))


def command(arguments: argparse.Namespace) -> Report:
    """Any kind of command."""
    try:
        payload = typed_payload(arguments.kind, words_or_input(arguments.payload))
        office, tenant = office_of(arguments)
        ref = typed_record(payload, arguments.record, office.service.ports.new_id())
    except Mistyped as error:
        raise UsageError(str(error)) from error
    receipt = office.give(tenant, arguments.actor, ref, payload, seen=arguments.seen)
    told = _receipt_report(receipt)
    lines = [payload.summary(id_of(ref)), *told.lines]
    return Report(told.schema, {**told.data, "record": ref}, lines, ok=told.ok)


def conflict_list(arguments: argparse.Namespace) -> Report:
    """Open conflicts, each with both values, what is settled of it, and what was asked and answered."""
    office, tenant = office_of(arguments)
    conflicts = office.conflicts(tenant, everything=arguments.all)
    lines = [line for conflict in conflicts for line in conflict_lines(conflict)]
    data = {"conflicts": [record_to_json(conflict) for conflict in conflicts]}
    return Report("tailboard.conflicts.v1", data, lines or ["No open conflict. Everything fits together."])


def conflict_lines(conflict: Record) -> list[str]:
    """A conflict for a person's eyes."""
    body = Conflict.model_validate(conflict.fields)
    lines = [f"{id_of(conflict.ref)}  {id_of(body.record)}  {body.status}"]
    settled = body.standing()
    for clash in body.clashes:
        lines.append(f"    {clash.field}: was {clash.base!r}")
        for side, told in (("mine", clash.mine), ("theirs", clash.theirs)):
            lines.append(f"      {side:<7} {told.value!r} by {told.actor} on {told.device}, {told.at:%Y-%m-%dT%H:%M}")
        if entry := settled.get(place_of(clash)):
            lines.append(f"      settled {entry.value!r} by {entry.author} ({entry.choice.replace('_', ' ')})")
        taken_back = [each for each in body.settled if each.undone and place_of(each) == place_of(clash)]
        for each in taken_back:
            why = f": {each.reason}" if each.reason else ""
            lines.append(f"      taken back {each.value!r} by {each.author}{why}")
    lines += [f"    asked    {each.text} ({each.author})" for each in body.questions]
    lines += [f"    answered {each.text} ({each.author})" for each in body.answers]
    return lines


def conflict_resolve(arguments: argparse.Namespace) -> Report:
    """Settle a conflict, or some clashes of it."""
    office, tenant = office_of(arguments)
    if arguments.keep is not None:
        return _receipt_report(_resolve_all(arguments, office, tenant))
    if arguments.value is not None:
        raise UsageError("--value goes with --keep edit; for one field, use: --edit FIELD=VALUE")
    _, body = office.conflict(tenant, arguments.conflict)
    waiting = [place_of(clash) for clash in body.unsettled()]
    picks = {_place(waiting, name): Pick(Choice.KEEP_MINE) for name in arguments.mine}
    picks |= {_place(waiting, name): Pick(Choice.TAKE_THEIRS) for name in arguments.theirs}
    for name, _, text in (each.partition("=") for each in arguments.edit):
        ref, field = _place(waiting, name)
        picks[ref, field] = Pick(Choice.EDIT, typed_value(kind_of(ref), field, text))
    if len(picks) < len(arguments.mine) + len(arguments.theirs) + len(arguments.edit):
        raise UsageError("Each field is decided once.")
    if not picks:
        raise UsageError("Say --keep for the whole conflict, or --mine, --theirs, --edit for single fields.")
    seen = _looked_at(arguments.seen, body)
    receipt = office.settle(tenant, arguments.actor, arguments.conflict, picks, arguments.reason, seen=seen)
    return _receipt_report(receipt)


def _looked_at(told: list[str], body: Conflict) -> dict[str, int]:
    """Record → version, from ``RECORD=VERSION``, or ``VERSION`` for the record of the conflict itself."""
    seen: dict[str, int] = {}
    for each in told:
        ref, _, version = each.rpartition("=")
        if not version.isdecimal():
            raise UsageError(f"--seen takes a version, or RECORD=VERSION, not {each!r}")
        seen[ref or body.record] = int(version)
    return seen


def _resolve_all(arguments: argparse.Namespace, office: Office, tenant: str) -> Receipt:
    choices = {"mine": Choice.KEEP_MINE, "theirs": Choice.TAKE_THEIRS, "edit": Choice.EDIT}
    if arguments.mine or arguments.theirs or arguments.edit:
        raise UsageError("--keep is for the whole conflict; leave it out to decide single fields.")
    if (arguments.keep == "edit") != (arguments.value is not None):
        raise UsageError("--value goes with --keep edit, and only with it.")
    _, body = office.conflict(tenant, arguments.conflict)
    clash = next(iter(body.unsettled()), None)
    value = arguments.value
    if clash and value is not None:
        value = typed_value(kind_of(clash.record), clash.field, value)
    choice, reason = choices[arguments.keep], arguments.reason
    seen = _looked_at(arguments.seen, body)
    return office.resolve(tenant, arguments.actor, arguments.conflict, choice, reason, value, seen=seen)


def conflict_ask(arguments: argparse.Namespace) -> Report:
    """Ask the technician."""
    office, tenant = office_of(arguments)
    record, body = office.conflict(tenant, arguments.conflict)
    waiting = [place_of(clash) for clash in body.unsettled()]
    about = _place(waiting, arguments.field) if arguments.field else None
    return _receipt_report(office.ask(tenant, arguments.actor, record.ref, arguments.question, about))


def conflict_undo(arguments: argparse.Namespace) -> Report:
    """Take a decision back."""
    office, tenant = office_of(arguments)
    _, body = office.conflict(tenant, arguments.conflict)
    settled = list(body.standing())
    places = [_place(settled, name) for name in arguments.field] or None
    return _receipt_report(office.undo(tenant, arguments.actor, arguments.conflict, arguments.reason, places))


def _place(places: list[Place], name: str) -> Place:
    """The one of `places` that a person means by `name`: a field, or RECORD:FIELD where several have that field."""
    ref, colon, field = name.rpartition(":")
    found = [place for place in places if place[1] == field and (not colon or ref in (place[0], id_of(place[0])))]
    if len(found) != 1:
        there = ", ".join(f"{id_of(record)}:{each}" for record, each in places) or "none"
        raise UsageError(f"{name} names {len(found)} of the fields that this could be about: {there}.")
    return found[0]


def serve(arguments: argparse.Namespace) -> Report | None:
    """Listen until a signal."""
    import uvicorn

    from sync_server.api.app import build_app
    from sync_server.api.gathered import GatheredHttp
    from sync_server.bootstrap import (
        beside_on_threads,
        build_console,
        build_lifespan,
        build_service,
        cluster_of,
        on_thread,
        task_work,
    )
    from sync_server.logs import log_to_stderr

    log_to_stderr(arguments.log_level)
    settings = _settings(arguments)
    service = build_service(settings, beside=beside_on_threads())
    with suppress(Refused):  # somebody is writing just now: then the log grows as it is used
        service.store.make_room()
    cluster = cluster_of(arguments.cluster, service, on_thread) if arguments.cluster else None
    lifespan = build_lifespan(settings, service, on_thread, cluster=cluster, tasks=task_work(service, cluster))
    listener = _listen(arguments.host, arguments.port)
    host, port = listener.getsockname()[:2]
    url = f"http://{host}:{port}"
    print(
        json.dumps({"schema": "tailboard.serve.v1", "ok": True, "url": url})
        if arguments.json
        else f"Listening on {url}"
    )
    sys.stdout.flush()
    gateway = cluster.gateway if cluster else None

    def stopping() -> bool:
        return server.should_exit

    console = partial(build_console, Office(service), on_thread, gateway, stopping)
    app = build_app(service, on_thread, lifespan, cluster, console, settings.metrics_token)
    config = uvicorn.Config(app, http=GatheredHttp, ws="none", log_config=None, access_log=False, lifespan="on")
    server: uvicorn.Server = uvicorn.Server(config)
    with listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))
    service.store.close()
    return None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of libuv where there is one (not on Windows): half the time over a socket, and fewer writes."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _listen(host: str, port: int) -> socket.socket:
    """A listener whose connections send at once.

    An answer leaves in two writes. Without `TCP_NODELAY`, which asyncio does not set on a socket of this making, a
    second one of less than a packet waits until the first is acknowledged: 40 ms a round.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_IGN) if hasattr(signal, "SIGPIPE") else None
    try:
        listener = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _settings(arguments: argparse.Namespace) -> Settings:
    return from_environment(home=arguments.home, database=arguments.database)


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    if len(raw) > FILE_BYTES_MAX:
        raise UsageError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB; split it.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error


def _ref(record: str) -> str:
    """A record as people name it: a bare number is a work order's."""
    return record if "/" in record else record_ref("work_order", record)


def _teams(teams: frozenset[str] | None) -> list[str] | None:
    return None if teams is None else sorted(teams)


def _scope(teams: frozenset[str] | None) -> str:
    return "everything" if teams is None else f"the work of {', '.join(sorted(teams))}"


def _plan_counts(plan: ImportPlan) -> dict[str, int]:
    return {"new": len(plan.new), "changed": len(plan.changes), "same": plan.same}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.items())


def _import_lines(plan: ImportPlan, applied: bool) -> list[str]:
    lines = [f"line {row.line}: {row.why}" for row in plan.bad]
    lines += [f"new      {id_of(ref)}" for ref in plan.new]
    lines += [f"changed  {id_of(ref)}: {', '.join(fields)}" for ref, fields in plan.changes.items()]
    lines += [f"kept     {id_of(ref)}: {', '.join(names)} (--overwrite sets it)" for ref, names in plan.kept.items()]
    lines.append(_counts(_plan_counts(plan)) + (f", {len(plan.bad)} bad" if plan.bad else ""))
    if plan.bad:
        lines.append("Nothing was imported. Mend the lines above and run it again.")
    elif not applied and (plan.new or plan.changes):
        lines.append("Nothing was changed yet. Run it again with --apply.")
    return lines


def _receipt_report(receipt: Receipt) -> Report:
    ok = receipt.outcome in {Outcome.APPLIED, Outcome.MERGED}
    said = receipt.outcome if ok else f"{receipt.outcome}: {receipt.detail}"
    return Report("tailboard.receipt.v1", {"receipt": receipt.model_dump(mode="json")}, [said], ok=ok)


def _headline(record: Record) -> str:
    fields = record.fields
    words = (fields.get("status"), fields.get("title") or fields.get("name") or fields.get("quantity"))
    said = " ".join(str(word) for word in words if word)
    return f"{said}, {fields['on_hand']} {fields['unit']} on hand" if "on_hand" in fields else said


def _when(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
