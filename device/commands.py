"""What the verbs of `tailboard` do: from parsed arguments to a `Report`."""

import argparse
import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from device import about, bootstrap
from device.agent import Step
from device.attachments import safe_name
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.errors import LocalError
from device.guessed import guesses
from device.pin import pin_of
from device.plain import plain
from device.readiness import Course
from device.sending import SendResult, result_of
from device.settings import from_environment
from device.store import UNSETTLED, Item
from device.updates.bundles import Ruling
from device.words import changes, instead, moment, named, number, troubles, value_of, why
from device.workbench import Asked, Shown, Status
from shared.commandline import Report, UsageError, in_ascii, words_or_input
from shared.ids import id_of, record_ref
from shared.outcomes import Standing
from shared.ports import system_ports
from shared.records import Record, WorkOrder, record_to_json
from shared.typed_command import Mistyped, typed_payload, typed_record

T = TypeVar("T")


def enrol(arguments: argparse.Namespace) -> Report:
    """Make keys and exchange the code."""
    try:
        bootstrap.check_url(arguments.url)
    except LocalError as error:
        raise UsageError(str(error)) from error
    if not 8 <= len(arguments.code) <= 64:
        raise UsageError("That is not an enrolment code. It looks like ABCD-EFGH-JKMN; ask the office.")
    settings = from_environment(home=arguments.home)
    name = arguments.name or platform.node() or "laptop"
    pin = pin_of(arguments, new=not settings.keys.exists())
    identity = asyncio.run(
        bootstrap.enrol(settings, arguments.url.rstrip("/"), arguments.code, pin, name, system_ports())
    )
    code = bootstrap.code_to_compare(settings, pin)
    said = [
        f"This laptop is {identity.device} of {identity.tenant_name}, for {identity.actor_name}.",
        f"If the office asks before it approves this laptop, its code is {code}. Next: tailboard sync",
    ]
    return Report("tailboard.enrolled.v1", {**identity.model_dump(mode="json"), "code": code}, said)


def jobs(arguments: argparse.Namespace) -> Report:
    """The work orders."""

    def work(device: Device) -> Report:
        records = device.workbench.jobs()
        lines = [_job_line(record) for record in records]
        data = {"jobs": [record_to_json(record) for record in records]}
        return Report("tailboard.jobs.v1", data, lines or ["No work orders on this laptop yet. Run: tailboard sync"])

    return with_device(arguments, work)


def job(arguments: argparse.Namespace) -> Report:
    """One work order."""

    def work(device: Device) -> Report:
        ref = _ref(arguments.job)
        record, history = device.workbench.record(ref), device.workbench.history(ref)
        single = {name: value for name, value in record.fields.items() if not isinstance(value, list)}
        lines = [id_of(ref), *(f"  {named(name):<16} {value_of(name, value)}" for name, value in single.items()), ""]
        items = WorkOrder.model_validate(record.fields).checklist
        lines += [plain(f"  [{'x' if item.ticks else ' '}] {item.text}") for item in items]
        lines += [plain(f"  {h.at:%Y-%m-%d %H:%M} {h.who}: {h.what}{_tag(h.standing)}") for h in history]
        told = [{"at": h.at, "who": h.who, "what": h.what, "standing": h.standing} for h in history]
        return Report("tailboard.job.v1", {"job": record_to_json(record), "history": told}, lines)

    return with_device(arguments, work)


def propose(arguments: argparse.Namespace) -> Report:
    """Ask the assistant, and save what was proposed if that was asked for."""

    def work(device: Device) -> Report:
        device.load_model()
        bench, ref = device.workbench, _ref(arguments.job)
        shown = bench.show(bench.propose(arguments.sentence, ref).proposals)
        odd = [bench.odd(each.proposal) for each in shown]
        fit = [each.proposal for each in shown if not each.preview.obstacle]
        saved = bench.confirm(fit, sentence=arguments.sentence, source="cli") if arguments.confirm else ()
        lines = [line for each, what in zip(shown, odd, strict=True) for line in _proposed(each, what)]
        lines.append(
            f"{len(saved)} saved on this device." if saved else "Nothing has happened yet. To save: --confirm"
        )
        data = {
            "proposals": [
                {
                    "kind": each.proposal.kind,
                    "payload": each.proposal.payload,
                    "words": each.proposal.words,
                    "guesses": guesses(each.proposal),
                    "odd": what,
                }
                for each, what in zip(shown, odd, strict=True)
            ],
            "saved": [command.id for command in saved],
        }
        return Report("tailboard.proposals.v1", data, lines)

    return with_device(arguments, work)


def _proposed(shown: Shown, odd: str) -> Iterator[str]:
    """One proposal, and below it what a person should look at."""
    yield f"{'!' if shown.preview.obstacle else '+'} {shown.summary}  {shown.preview.obstacle or ''}".rstrip()
    if guessed := guesses(shown.proposal):
        yield f"    ? guessed, not in your words: {', '.join(guessed)}"
    if odd:
        yield f"    ? {odd}"


def typed(arguments: argparse.Namespace) -> Report:
    """Any kind of command: what it would change, and, if that was asked for, save it."""
    try:
        payload = typed_payload(arguments.kind, words_or_input(arguments.payload))
    except Mistyped as error:
        raise UsageError(str(error)) from error

    def work(device: Device) -> Report:
        try:
            ref = typed_record(payload, arguments.record, device.ports.new_id())
        except Mistyped as error:
            raise UsageError(str(error)) from error
        bench = device.workbench
        proposal = Proposal(payload.kind.name, ref, payload.to_json(), {})
        (shown,) = bench.show([proposal])
        if shown.preview.obstacle:
            raise LocalError(f"This cannot be saved: {shown.preview.obstacle}")
        saved = bench.confirm([proposal], sentence=shown.summary, source="cli") if arguments.yes else ()
        said = "Saved on this device." if saved else "Nothing has happened yet. To save exactly this: --yes"
        lines = [plain(shown.summary), *(f"    {line}" for line in changes(shown.preview.changes)), said]
        data = {
            "kind": payload.kind.name,
            "record": ref,
            "payload": proposal.payload,
            "changes": [asdict(change) for change in shown.preview.changes],
            "saved": [command.id for command in saved],
        }
        return Report("tailboard.typed.v1", data, lines)

    return with_device(arguments, work)


def questions(arguments: argparse.Namespace) -> Report:
    """What the office asks."""

    def work(device: Device) -> Report:
        asked = device.workbench.questions()
        lines = [line for place, each in enumerate(asked, start=1) for line in _question_lines(place, each)]
        data = {
            "questions": [
                {
                    "record": each.record,
                    **each.question.model_dump(mode="json"),
                    "answers": [answer.model_dump(mode="json") for answer in each.answers],
                }
                for each in asked
            ]
        }
        return Report("tailboard.questions.v1", data, lines or ["The office asks nothing."])

    return with_device(arguments, work)


def _question_lines(place: int, asked: Asked) -> list[str]:
    said = asked.question
    about = f" about {said.about.field} of {id_of(said.about.record)}" if said.about else ""
    lines = [f"{place}  {asked.record}: {said.author} asks{about}: “{said.text}”"]
    lines += [f"    {each.author} answered: “{each.text}”" for each in asked.answers]
    return [plain(line) for line in lines]


def answer(arguments: argparse.Namespace) -> Report:
    """Answer the office."""

    def work(device: Device) -> Report:
        numbered = {str(place): each.question.id for place, each in enumerate(device.workbench.questions(), start=1)}
        wanted = numbered.get(arguments.question, arguments.question)
        (command,) = device.workbench.answer(wanted, arguments.text)
        return Report("tailboard.saved.v1", {"saved": [command.id]}, ["Saved on this device."])

    return with_device(arguments, work)


def note(arguments: argparse.Namespace) -> Report:
    """Save a sentence."""

    def work(device: Device) -> Report:
        (command,) = device.workbench.note(_ref(arguments.job), arguments.sentence)
        return Report("tailboard.saved.v1", {"saved": [command.id]}, ["Saved on this device."])

    return with_device(arguments, work)


def attach(arguments: argparse.Namespace) -> Report:
    """Save a file."""

    def work(device: Device) -> Report:
        (command,) = device.workbench.attach(_ref(arguments.job), Path(arguments.file))
        said = "Saved on this device. The file is sent after everything smaller."
        return Report("tailboard.saved.v1", {"saved": [command.id]}, [said])

    return with_device(arguments, work)


def fetch(arguments: argparse.Namespace) -> Report:
    """Write a job's file out."""

    async def work(device: Device) -> Report:
        file = device.workbench.file(_ref(arguments.job), arguments.name)
        path = Path(arguments.to) / safe_name(arguments.name)
        if path.exists():
            raise LocalError(f"{path} is there already. Give another folder with --to DIR.")
        content = await device.transfers.fetch(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise LocalError(f"{path} cannot be written: {error.strerror}. Give another folder.") from error
        data = {"file": str(path), **file.model_dump()}
        return Report("tailboard.fetched.v1", data, [f"Verified and written to {path}."])

    return with_device_async(arguments, work)


def work(arguments: argparse.Namespace) -> Report:
    """Go offline or online."""

    def go(device: Device) -> Report:
        online = arguments.link == "online"
        device.workbench.go(online=online)
        said = (
            "Online: tailboard sync sends what is saved."
            if online
            else "Offline: nothing leaves until you go online."
        )
        return Report("tailboard.work.v1", {"link": arguments.link}, [said])

    return with_device(arguments, go)


def sync(arguments: argparse.Namespace) -> Report:
    """Rounds until nothing is left to do, with a result per command."""

    async def rounds(device: Device) -> Report:
        before = device.workbench.outbox()
        device.agent.session.send_now()
        tell, course = teller(arguments), Course(device)

        def heard(step: Step) -> None:
            if so_far := course.words(step):
                tell(so_far)

        steps = await device.agent.settle(told=heard)
        after = device.workbench.outbox()
        await _tend_library(device, tell, connected=not (steps and steps[-1].error))
        return _sync_report(device, result_of(before, after, steps, device.ports.clock.now()), steps, after)

    return with_device_async(arguments, rounds)


async def _tend_library(device: Device, tell: Callable[[str], None], *, connected: bool) -> None:
    """Fetch and read what manuals there are, each step said on standard error; may be stopped at any time."""
    librarian = device.agent.librarian
    while librarian and (did := await librarian.step(may_fetch=connected and device.agent.session.online)):
        tell(did.error or did.said)
        connected = connected and not did.error


def _sync_report(device: Device, result: SendResult, steps: list[Step], outbox: list[Item]) -> Report:
    asked = {command_id for step in steps for command_id in (*step.asked, *step.sent)}
    items = [item for item in outbox if item.command.id in asked]
    lines = [line for item in items for line in item_lines(device, item, outbox)]
    data = {
        "rounds": sum(not (step.update or step.evidence) for step in steps),
        "accepted": result.accepted,
        "kept": result.kept,
        "in_review": result.in_review,
        "refused": result.refused,
        "taken_back": result.taken_back,
        "changes": result.changes,
        "error": result.error,
        "items": [item_json(item) for item in items],
    }
    return Report("tailboard.sync.v1", data, [*lines, result.words()], ok=result.tried and not result.error)


def status(arguments: argparse.Namespace) -> Report:
    """How things stand."""

    def work(device: Device) -> Report:
        told = device.workbench.status()
        waiting = sum(not each.answers for each in device.workbench.questions())
        counts = {str(standing): count for standing, count in told.counts.items()}
        ruling = device.ruling()
        capability = device.workbench.routes.laptop.told()
        rows = about.rows(device)
        data: dict[str, Any] = {
            "device": told.identity.device,
            "actor": told.identity.actor,
            "tenant": told.identity.tenant,
            "link": "online" if told.online else "offline",
            "data_as_of": told.data_as_of,
            "last_error": told.last_error,
            "shut_out": told.shut_out,
            "expiring": {command_id: spell.total_seconds() for command_id, spell in told.expiring.items()},
            "lost": [{"id": each.id, "number": each.seq, "summary": each.summary} for each in told.lost],
            "counts": counts,
            "questions": waiting,
            "policy_version": device.workbench.policy_version,
            "policy_from": ruling.source,
            "policy_rollout": ruling.serial,
            "policy_expires_at": ruling.bundle.manifest.expires_at.isoformat(),
            "update_error": device.store.meta("update_error") or None,
            "capability": capability.model_dump(mode="json") if capability else None,
            "laptop": [asdict(row) for row in rows],
            "capability_envelope": device.workbench.routes.laptop.envelope(),
        }
        lines = [
            f"{told.identity.device} of {told.identity.tenant_name}, {told.identity.actor_name}",
            f"{'Online' if told.online else 'Offline'}; data as of {_as_of(device, told)}",
            "  ".join(f"{standing.glyph} {standing} {count}" for standing, count in told.counts.items()),
            _policy_line(ruling),
            *([ruling.trouble] if ruling.trouble else []),
            *troubles(told),
            *(f"{row.name:<11} {row.value}" for row in rows),
            *([f"The office asks {waiting}. See: tailboard question list"] if waiting else []),
        ]
        return Report("tailboard.status.v1", data, lines)

    return with_device(arguments, work)


def _policy_line(ruling: Ruling) -> str:
    came = "from the office" if ruling.source == "office" else "as it came with the program"
    return f"policy {ruling.bundle.version}, {came}"


def _as_of(device: Device, told: Status) -> str:
    return moment(told.data_as_of, device.ports.clock.now()) if told.data_as_of else "never; run: tailboard sync"


def with_device(arguments: argparse.Namespace, work: Callable[[Device], T]) -> T:
    """What `work` makes of the unlocked device, which is closed afterwards."""

    async def once(device: Device) -> T:
        return work(device)

    return with_device_async(arguments, once)


def with_device_async(arguments: argparse.Namespace, work: Callable[[Device], Awaitable[T]]) -> T:
    """As `with_device`, on an event loop."""
    device = _open(arguments)
    device.hear = teller(arguments)

    async def run() -> T:
        try:
            return await work(device)
        finally:
            await device.close()

    return asyncio.run(run())


def teller(arguments: argparse.Namespace) -> Callable[[str], None]:
    """What says a sentence on standard error while something goes on, as the person wants to read it."""
    said: Callable[[str], str] = in_ascii if arguments.plain else str
    return lambda sentence: print(said(plain(sentence)), file=sys.stderr, flush=True)


def _open(arguments: argparse.Namespace) -> Device:
    settings = from_environment(home=arguments.home)
    if not settings.keys.exists():
        raise LocalError("This laptop is not enrolled yet. Run: tailboard enrol URL CODE")
    return bootstrap.open_device(settings, pin_of(arguments), system_ports())


def _ref(job: str) -> str:
    return job if "/" in job else record_ref("work_order", job.upper())


def job_ref(job: str | None) -> str | None:
    """``WO-1042`` as a reference; None for none."""
    return _ref(job) if job else None


def _job_line(record: Record) -> str:
    fields = record.fields
    asset, due = id_of(str(fields["asset"])), fields["due_on"] or "-"
    return plain(f"{id_of(record.ref):<9} {due:<11} {asset:<9} {fields['status']:<12} {fields['title']}")


def _tag(standing: Standing | None) -> str:
    return f"  [{standing.glyph} {standing}]" if standing else ""


def item_lines(device: Device, item: Item, outbox: list[Item]) -> list[str]:
    """The item in one line, and below it why it stands there, unless it is accepted."""
    first = "SAFETY  " if item.safety and item.state in UNSETTLED else ""
    bench = device.workbench
    otherwise = instead(item, bench.of_kind("conflict")) if item.receipt and item.receipt.conflict else ""
    first += f"{otherwise}; " if otherwise else ""
    line = f"{number(item):<5} {item.standing.glyph} {item.standing:<14} {first}{plain(item.summary)}"
    if item.standing is Standing.ACCEPTED:
        return [line]
    tasks = bench.of_kind("assist_task")
    reasons = why(item, outbox, bench.of_kind("conflict"), bench.view().blocked, bench.expiring(), tasks)
    return [line, *(f"    {reason}" for reason in reasons)]


def item_json(item: Item) -> dict[str, Any]:
    """The item for programs."""
    return {
        "id": item.command.id,
        "kind": item.command.kind,
        "record": item.command.record,
        "summary": item.summary,
        "standing": item.standing,
        "state": item.state,
        "number": item.command.seq,
        "epoch": item.command.epoch,
        "withdrawn": item.withdrawal is not None,
        "dealt": item.dealt,
        "safety": item.safety,
        "expires_at": item.command.expires_at.isoformat(),
        "earlier": item.earlier.outcome if item.earlier else None,
        "outcome": item.receipt.outcome if item.receipt else None,
        "detail": item.receipt.detail if item.receipt else None,
        "problem": item.problem.model_dump(mode="json") if item.problem else None,
        "file": {"percent": item.file.percent, "size": item.file.size, "up": item.file.up} if item.file else None,
    }
