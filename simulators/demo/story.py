"""The headless demo: offline notes, a lost reply, a conflict, and the same records on both sides in the end.

The technician is scripted: proposals that fit are confirmed exactly as shown, everything else is filed as a plain
note. The dispatcher works meanwhile through the administrator's command line. The server is a process of its own.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from device.bootstrap import Device
from device.core.interpret import Interpretation, Proposal
from device.errors import LocalError
from device.model.port import Generation, LanguageModel, Watch
from device.store import State
from shared.commands import payload_class
from shared.commands.base import Command
from shared.ids import id_of
from shared.ports import Ports
from shared.records import KINDS
from simulators.demo.notes import Note, Notes
from simulators.demo.stage import DISPATCHER, PIN, Stage, enrol_laptop, open_laptop, prepare_server
from simulators.demo.verdict import Confirmed, Verdict, judge
from simulators.network import LosesFirstReply, Refusing, Switch
from simulators.processes import administer, server

Say = Callable[[str], None]
PLAIN = "note.added"
_NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


@dataclass
class Tally:
    """What the demo counts for itself while the story runs."""

    confirmed: list[Confirmed] = field(default_factory=list)
    notes: int = 0
    valid: int = 0
    forms: int = 0
    judged: int = 0
    right: int = 0
    ungrounded: int = 0
    in_doubt: int = 0
    generations: list[Generation] = field(default_factory=list)


class Watched:
    """A model whose every answer is kept for the figures."""

    def __init__(self, inner: LanguageModel, seen: list[Generation]) -> None:
        self._inner, self._seen = inner, seen
        self.name, self.sha256, self.context_tokens = inner.name, inner.sha256, inner.context_tokens

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        """Ask the model behind."""
        generation = self._inner.generate(prompt, schema, tokens_max=tokens_max, watch=watch)
        self._seen.append(generation)
        return generation


async def tell(stage: Stage, notes: Notes, ports: Ports, say: Say, model: Path | None = None) -> dict[str, Any]:
    """Run the whole story in an empty `stage`; its figures.

    Raises:
        ProcessFailed: a child process failed.
        StoreError: the disk is full or broken.
    """
    started = ports.clock.monotonic_s()
    say("Setting up a server with the sample organisation …")
    await asyncio.to_thread(prepare_server, stage)
    with server(stage.server) as url:
        await enrol_laptop(stage, url, ports)
        say(f"The server runs at {url}. The laptop is enrolled; its PIN in this demo is {PIN}.")
        cable = Switch(httpx.AsyncHTTPTransport())
        device = open_laptop(stage, ports, model=model, transport=cable)
        try:
            figures = await _play(stage, device, cable, notes, say)
        finally:
            await device.close()
    return {**figures, "wall_s": round(ports.clock.monotonic_s() - started, 1)}


async def _play(stage: Stage, device: Device, cable: Switch, notes: Notes, say: Say) -> dict[str, Any]:
    tally = Tally()
    await device.agent.settle()
    stock = {item.ref: _count(item.fields["on_hand"]) for item in device.workbench.of_kind("stock_item")}
    say(f"First sync: {len(device.workbench.jobs())} work orders are on the laptop.")
    model = _load_model(device, tally, say)
    cable.inner = Refusing()
    device.workbench.go(online=False)
    jobs = [job.ref for job in device.workbench.open_jobs()]
    say(f"Offline. {len(notes.notes)} notes against {len(jobs)} open work orders:")
    for number, note in enumerate(notes.notes):
        _write_down(device, tally, note, note.job or jobs[number % len(jobs)], say)
    merging, clashing = jobs[0], jobs[1]
    await _disagree(stage, device, tally, merging, clashing, say)
    await _reconnect(device, cable, tally, say)
    resolved = await _resolve(stage, device, say)
    verdict = judge(stage.database, tally.confirmed, stock)
    return _figures(device, tally, notes, verdict, resolved, model, say)


def _load_model(device: Device, tally: Tally, say: Say) -> dict[str, Any] | None:
    try:
        model = device.load_model()
    except LocalError as error:
        say(f"No assistant: {error} Every note goes through the forms.")
        return None
    device.workbench.model = Watched(model, tally.generations)
    say(f"The model {model.name} is loaded on this laptop.")
    return {"name": model.name, "sha256": model.sha256}


# -- the technician


def _write_down(device: Device, tally: Tally, note: Note, job: str, say: Say) -> None:
    tally.notes += 1
    steps = _steps(device, job)
    interpretation = _propose(device, note, job)
    shown = device.workbench.show(interpretation.proposals) if interpretation else []
    fitting = [each.proposal for each in shown if not each.preview.obstacle]
    commands = [proposal for proposal in fitting if proposal.kind != PLAIN]
    _grade(tally, note, commands, steps)
    if commands and not _grounded(note.text, commands, device):
        tally.ungrounded += 1
        commands = []
    if commands:
        tally.valid += 1
        saved = device.workbench.confirm(fitting, sentence=note.text, source="assistant")
    else:
        tally.forms += 1
        saved = device.workbench.note(job, note.text)
    _keep(tally, saved)
    if tally.notes <= 12:
        words = "; ".join(each.summary for each in shown if each.proposal in commands) or "plain note"
        say(f"  {id_of(job)}  “{note.text[:60]}”  →  {words}")
    elif tally.notes % 25 == 0:
        say(f"  … {tally.notes} notes, {len(tally.confirmed)} commands saved on the laptop")


def _propose(device: Device, note: Note, job: str) -> Interpretation | None:
    try:
        return device.workbench.propose(note.text, job)
    except LocalError:
        return None


def _keep(tally: Tally, saved: Sequence[Command]) -> None:
    tally.confirmed += [Confirmed(command.id, command.kind, command.record, command.payload) for command in saved]


def _steps(device: Device, job: str) -> str:
    return str(device.workbench.record(job).fields["status"])


def _grade(tally: Tally, note: Note, commands: Sequence[Proposal], status: str) -> None:
    """Right means exactly the expected commands. A step that the job has already taken is not expected again."""
    if note.expect is None:
        return
    done = {"done", "closed", "cancelled"}
    expected = [
        _key(each["kind"], each["payload"])
        for each in note.expect
        if not (each["kind"] == "status.changed" and (status in done or each["payload"]["to"] == status))
    ]
    tally.judged += 1
    tally.right += sorted(expected) == sorted(_key(each.kind, each.payload) for each in commands)


def _key(kind: str, payload: Mapping[str, Any]) -> tuple[str, str]:
    """An act in a form that compares: 4 and 4.0 are one value."""
    return kind, repr(sorted(payload_class(kind, 1).model_validate(payload).to_json().items()))


def _grounded(note: str, commands: Sequence[Proposal], device: Device) -> bool:
    """Every id is in the view, and every number in the note as digits or as a word (a single part needs none)."""
    figures = re.findall(r"\d+(?:[.,]\d+)?", note)
    numbers = {float(figure.replace(",", mark)) for figure in figures for mark in (".", "")} | {1.0}
    numbers |= {float(number) for number, word in enumerate(_NUMBER_WORDS) if re.search(rf"(?i)\b{word}\b", note)}
    known = device.workbench.view().records
    values = [value for command in commands for value in command.payload.values()]
    ids = [value for value in values if isinstance(value, str) and value.partition("/")[0] in KINDS]
    counted = [value for value in values if isinstance(value, int | float)]
    return all(each in known for each in ids) and all(float(each) in numbers for each in counted)


# -- meanwhile, and afterwards


async def _disagree(stage: Stage, device: Device, tally: Tally, merging: str, clashing: str, say: Say) -> None:
    """The dispatcher edits two work orders that the technician edits too: another field, and the same field."""
    access = "Key at the gatehouse; ask for the pump hall."
    _keep(tally, device.workbench.note(merging, "Waiting at the gate, the code has changed."))
    await _administer(stage, "record", "set", merging, "access", access, "--as", DISPATCHER)
    now = str(device.workbench.record(clashing).fields["priority"])
    mine, theirs = [each for each in ("urgent", "high", "low") if each != now][:2]
    form = Proposal("field.updated", clashing, {"field": "priority", "value": mine}, {})
    words = f"Priority should be {mine}."
    _keep(tally, device.workbench.confirm([form], sentence=words, source="form"))
    await _administer(stage, "record", "set", clashing, "priority", theirs, "--as", DISPATCHER)
    say(
        f"Meanwhile at the office, {DISPATCHER} sets access on {id_of(merging)}, and priority {theirs} on "
        f"{id_of(clashing)}, where the technician has set {mine}."
    )


async def _reconnect(device: Device, cable: Switch, tally: Tally, say: Say) -> None:
    lossy = LosesFirstReply(httpx.AsyncHTTPTransport())
    cable.inner = lossy
    device.workbench.go(online=True)
    await device.agent.settle()
    tally.in_doubt = len(device.store.items(states=[State.SENT]))
    say(f"Back online, and the first reply is lost after the server has done its work: {tally.in_doubt} in doubt.")
    device.agent.session.send_now()
    steps = await device.agent.settle()
    asked = sum(len(step.asked) for step in steps)
    say(f"The laptop asks about {asked} before it sends anything again. {len(steps)} rounds later all is answered.")


async def _resolve(stage: Stage, device: Device, say: Say) -> int:
    conflicts = (await _administer(stage, "conflict", "list"))["conflicts"]
    for conflict in conflicts:
        clash = conflict["fields"]["clashes"][0]
        said = f"{clash['field']}: {clash['mine']['value']!r} against {clash['theirs']['value']!r}"
        say(f"Conflict on {id_of(conflict['fields']['record'])}, {said}. The office keeps the technician's.")
        words = ("--keep", "mine", "--reason", "seen on site", "--as", DISPATCHER)
        await _administer(stage, "conflict", "resolve", id_of(conflict["ref"]), *words)
    device.agent.session.send_now()
    await device.agent.settle()
    return len(conflicts)


async def _administer(stage: Stage, *words: str) -> dict[str, Any]:
    return await asyncio.to_thread(administer, stage.server, *words)


# -- figures


def _figures(
    device: Device,
    tally: Tally,
    notes: Notes,
    verdict: Verdict,
    resolved: int,
    model: dict[str, Any] | None,
    say: Say,
) -> dict[str, Any]:
    outcomes = verdict.outcomes
    converged = _converged(device, verdict)
    lost, duplicated = len(verdict.lost), len(verdict.duplicated)
    say(
        f"{len(tally.confirmed)} commands: {outcomes['applied']} applied, {outcomes['merged']} merged, "
        f"{outcomes['conflict']} in conflict and resolved, {outcomes['rejected']} rejected, "
        f"{outcomes['expired']} expired. Lost: {lost}. Done twice: {duplicated}. "
        f"Laptop and server hold the same: {'yes' if converged else 'NO'}."
    )
    figures = {
        "notes": tally.notes,
        "notes_left_out": dict(notes.left_out),
        "proposals_valid": tally.valid,
        "proposals_ungrounded": tally.ungrounded,
        "forms_used": tally.forms,
        "commands": len(tally.confirmed),
        "applied": outcomes["applied"],
        "merged": outcomes["merged"],
        "conflicts": outcomes["conflict"],
        "rejected": outcomes["rejected"],
        "expired": outcomes["expired"],
        "resolved": resolved,
        "in_doubt": tally.in_doubt,
        "lost": lost,
        "duplicated": duplicated,
        "converged": converged,
        "bytes_left_device": device.meter.up["inference"],
        "sync_bytes_up": device.meter.up["sync"],
        "routes": dict(Counter(str(decision.route) for decision in device.workbench.decisions())),
        "model": {**model, **_speed(tally.generations)} if model else None,
    }
    if tally.judged:
        share = round(tally.right / tally.judged, 3)
        figures["assistant"] = {"exactly_right": tally.right, "of": tally.judged, "share": share}
        say(f"The assistant got {tally.right} of {tally.judged} shipped notes exactly right ({share:.0%}).")
    return figures


def _converged(device: Device, verdict: Verdict) -> bool:
    """Whether the laptop shows exactly what the server's file holds, with nothing pending on top."""
    shown = {ref: (record.version, dict(record.fields)) for ref, record in device.workbench.view().records.items()}
    pending = device.store.items(states=[State.SAVED, State.SENT, State.HELD, State.TURNED])
    return not pending and shown == {
        ref: (version, dict(fields)) for ref, (version, fields) in verdict.records.items()
    }


def _speed(generations: Sequence[Generation]) -> dict[str, float]:
    if not generations:
        return {"tokens_per_s": 0.0, "ttft_ms_p50": 0.0}
    spell_s = sum(each.total_s - each.ttft_s for each in generations)
    tokens = sum(max(each.tokens - 1, 0) for each in generations)
    ttft = median(each.ttft_s for each in generations)
    return {"tokens_per_s": round(tokens / spell_s, 1) if spell_s else 0.0, "ttft_ms_p50": round(1000 * ttft, 1)}


def _count(value: object) -> int:
    assert isinstance(value, int), "stock is counted in whole pieces"
    return value
