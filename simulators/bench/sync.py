"""The sync road: a real server process over loopback, one real laptop, every figure beside its floor.

| figure | value | floor |
|---|---|---|
| `save` | confirm-to-saved, median | a bare durable commit of the same bytes |
| `save_late` | the same on a laptop with the backlog behind it | the same |
| `apply` | commands a second from a backlog until the laptop holds every receipt | one core's Ed25519 verifications |
| `processors` | what two processes verify at once, in what one does alone | the processors there are |
| `apply_caught_up` | the same until it has also taken every change and told its evidence | the same |
| `resync` | seconds to settle 500 records edited on both sides | verifying and committing the same bytes bare |
| `pull` | records a second into a fresh laptop | `json.loads` of the same records |
| `wire_…` | bytes a command, headers included | the commands' own bytes |

What was lost or doubled is found by reading both databases, never by what a program counted on the way.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from device import bootstrap
from device.agent import Step
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.settings import Settings
from device.store import Item, State
from shared.commands.base import Command, Payload
from shared.commands.field_updated import FieldUpdated
from shared.ids import record_ref
from shared.outcomes import Outcome
from shared.ports import system_ports
from shared.records import Record, record_to_json
from simulators.bench import floors, save
from simulators.bench.figures import Figures, figure, say, scratch, seconds_of
from simulators.bench.organisation import DISPATCHER, TECHNICIAN, Organisation, all_records, found, mix, settle_in
from simulators.bench.rows import more_records
from simulators.bench.wire import Counting, Tally
from simulators.processes import server

TENANT, PIN = "bench", "2468"
#: Commands that one confirmation brings: a sentence often gives several.
TOGETHER = 5
FIELD_OF_THE_OTHER, FIELD_OF_BOTH = "priority", "description"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything. `edits` is even: half of them meet in the same field.

    A backlog is of `commands` over `jobs` work orders, and sent in each of `turns` (an odd number).
    """

    saves: int = 200
    commands: int = 5000
    jobs: int = 400
    edits: int = 500
    records: int = 20_000
    turns: int = 3

    @property
    def all_jobs(self) -> int:
        """The work orders of all backlogs."""
        return self.turns * self.jobs


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures, what was counted in both databases, and whether nothing was lost or doubled."""

    figures: Figures
    counts: Mapping[str, Mapping[str, int]]

    @property
    def whole(self) -> bool:
        """Nothing lost, nothing doubled, both sides alike."""
        wrong = ("lost", "doubled", "unsettled", "different")
        return not any(counted.get(name, 0) for counted in self.counts.values() for name in wrong)


def measure(sizes: Sizes) -> Measured:
    """Everything that fits into a coffee break."""
    say(f"save: {sizes.saves} confirmations")
    saved = save.measure(sizes.saves)
    with scratch() as folder:
        say(f"a server with {sizes.all_jobs + sizes.edits} work orders")
        organisation = found(folder / "server")
        try:
            settle_in(organisation, TENANT, sizes.all_jobs + sizes.edits + 1)  # one is never touched
            with server(folder / "server") as url:
                measured = asyncio.run(_road(organisation, folder, url, sizes))
        finally:
            organisation.close()
    return Measured({"save": saved["save_p50"], **measured.figures}, measured.counts)


async def _road(organisation: Organisation, folder: Path, url: str, sizes: Sizes) -> Measured:
    bench = _Bench(organisation, folder, url, sizes)
    laptop, figures, counts = await bench.backlogs()
    try:
        late = bench.save_late(laptop)
        await laptop.agent.settle()
        resync, edited = await bench.resync(laptop)
    finally:
        await laptop.close()
    pull, pulled = await bench.pull()
    figures |= {"save_late": late, "resync": resync, "pull": pull}
    return Measured(figures, {"apply": counts, "resync": edited, "pull": pulled})


@dataclass(slots=True)
class _Turn:
    """One backlog: how long it took, the floor beside it, the bytes on the way, and the processors there were."""

    number: int
    taken_s: float
    caught_up_s: float
    floor: float
    payload: float
    tally: Tally
    processors: float = 0.0

    @property
    def ratio(self) -> float:
        """Of `apply`."""
        return self.number / self.taken_s / self.floor

    @property
    def figures(self) -> Figures:
        """What it gives."""
        number, tally = self.number, self.tally
        return {
            "apply": figure(number / self.taken_s, "commands/s", self.floor),
            "apply_caught_up": figure(number / self.caught_up_s, "commands/s", self.floor),
            "processors": figure(self.processors, "", os.cpu_count() or 1),
            "wire_bytes": figure(tally.up / number, "B/command", self.payload),
            "wire_bytes_deflated": figure(tally.compressed() / number, "B/command", self.payload),
            "wire_bytes_down": figure(tally.down / number, "B/command", self.payload),
        }


class _Bench:
    """One server, and the laptops that are measured against it."""

    def __init__(self, organisation: Organisation, folder: Path, url: str, sizes: Sizes) -> None:
        self._organisation, self._office = organisation, organisation.office
        self._folder, self._url, self._sizes = folder, url, sizes
        self.link = Counting(httpx.AsyncHTTPTransport())

    async def laptop(self, name: str) -> Device:
        """A freshly enrolled laptop; nothing has been synced yet."""
        settings, ports = Settings(self._folder / name), system_ports()
        code = self._office.enrol_code(TENANT, TECHNICIAN)
        await bootstrap.enrol(settings, self._url, code, PIN, name, ports)
        self.link = Counting(httpx.AsyncHTTPTransport())
        return bootstrap.open_device(settings, PIN, ports, transport=self.link)

    def standing(self) -> dict[str, Record]:
        """What the server's database holds now."""
        return all_records(self._organisation, TENANT)

    # -- apply

    async def backlogs(self) -> tuple[Device, Figures, dict[str, int]]:
        """Confirm a backlog, send it, and look at what arrived: again and again, each on a laptop of its own.

        The figures are those of the turn with the median ratio, the counts those of all turns. The last laptop is
        given back for what is measured beside a backlog.
        """
        turns: list[_Turn] = []
        counts: Counter[str] = Counter()
        commands: list[Command] = []
        laptop = None
        for turn in range(self._sizes.turns):
            if laptop:
                await laptop.close()
            laptop = await self.laptop(f"laptop-{turn}")
            await laptop.agent.settle()
            taken, confirmed = await self._backlog(laptop, turn * self._sizes.jobs)
            commands += confirmed
            turns.append(taken)
            counts.update(self._arrived(laptop, confirmed, commands))
        assert laptop, "at least one turn"
        middle = sorted(turns, key=lambda each: each.ratio)[len(turns) // 2]
        return laptop, middle.figures, dict(counts)

    async def _backlog(self, laptop: Device, first: int) -> "tuple[_Turn, list[Command]]":
        number = self._sizes.commands
        say(f"apply: {number} commands are confirmed")
        commands = _confirm(laptop, number, self._sizes.jobs, first)
        envelopes = [item.envelope for item in laptop.store.items()]
        public = laptop.keys.technician.public
        before = floors.verification_rate(envelopes, public)
        say(f"apply: {number} commands are sent")
        self.link.tally = Tally()
        taken, caught_up = await _settled(laptop, number)
        floor = median([before, floors.verification_rate(envelopes, public)])
        payload = sum(len(each.payload) for each in envelopes) / number
        turn = _Turn(number, taken, caught_up, floor, payload, self.link.tally)
        turn.processors = floors.processors(floor, envelopes, public)
        say(f"apply: {turn.ratio:.3f} of {floor:.0f}/s, with {turn.processors:.1f} processors")
        return turn, commands

    def _arrived(self, laptop: Device, commands: list[Command], so_far: list[Command]) -> dict[str, int]:
        standing, items = self.standing(), laptop.store.items()
        effects = [_effects_of(command, standing) for command in commands]
        return {
            "sent": len(commands),
            "unsettled": sum(item.state is not State.SETTLED for item in items),
            "lost": sum(found == 0 for found in effects),
            "doubled": sum(found > 1 for found in effects) + _missing_stock(so_far, standing),
            "different": _different(standing, laptop.store.replica()),
        }

    # -- save, with a history

    def save_late(self, laptop: Device) -> dict[str, Any]:
        """Confirm-to-saved on a laptop that has sent the backlog."""
        say(f"save_late: {self._sizes.saves} confirmations beside a backlog")
        size = len(laptop.store.items(limit=1)[0].envelope.payload)
        turns = count()

        def confirm() -> None:
            laptop.workbench.note(record_ref("work_order", f"WO-{next(turns) % self._sizes.jobs:05d}"), save.WORDS)

        return save.measure_on(confirm, size, self._sizes.saves)

    # -- resync

    async def resync(self, laptop: Device) -> tuple[dict[str, Any], dict[str, int]]:
        """Both sides edit the same records apart; then one round, or as many as it takes."""
        first, half = self._sizes.all_jobs, self._sizes.edits // 2
        refs = [record_ref("work_order", f"WO-{first + n:05d}") for n in range(2 * half)]
        say(f"resync: {len(refs)} records edited on both sides")
        proposals = [Proposal("field.updated", ref, _field(FIELD_OF_BOTH, f"Laptop: {ref}"), {}) for ref in refs]
        laptop.workbench.confirm(proposals, sentence="resync", source="form")
        by_office: list[tuple[str, Payload]] = [
            (ref, FieldUpdated(**_field(FIELD_OF_THE_OTHER, "high"))) for ref in refs[:half]
        ]
        by_office += [(ref, FieldUpdated(**_field(FIELD_OF_BOTH, f"Office: {ref}"))) for ref in refs[half:]]
        self._office.service.office(TENANT, DISPATCHER, by_office)
        sent = laptop.store.items(states=[State.SAVED])
        taken = await seconds_of(laptop.agent.settle)
        rate = floors.verification_rate([item.envelope for item in sent], laptop.keys.technician.public)
        floor = len(sent) / rate + floors.commit_s(self._folder, [item.envelope.payload for item in sent] * 2)
        return figure(taken, "s", floor), self._met(laptop, sent, refs, half)

    def _met(self, laptop: Device, sent: list[Item], refs: list[str], half: int) -> dict[str, int]:
        standing = self.standing()
        settled = {item.command.record: item for item in laptop.store.items_of([item.command.id for item in sent])}
        merged = [ref for ref in refs[:half] if _both_stand(standing[ref], settled[ref])]
        conflicts = [ref for ref in refs[half:] if _both_kept(standing, settled[ref])]
        return {
            "edited": len(refs),
            "merged": len(merged),
            "conflicts": len(conflicts),
            "lost": len(refs) - len(merged) - len(conflicts),
            "different": _different(standing, laptop.store.replica()),
        }

    # -- pull

    async def pull(self) -> tuple[dict[str, Any], dict[str, int]]:
        """A fresh laptop takes everything."""
        say(f"pull: {self._sizes.records} more records, and a fresh laptop")
        untouched = record_ref("work_order", f"WO-{self._sizes.all_jobs + self._sizes.edits:05d}")
        more_records(self._folder / "server" / "server.db", TENANT, untouched, self._sizes.records)
        laptop = await self.laptop("fresh")
        try:
            taken = await seconds_of(laptop.agent.settle)
            standing, replica = self.standing(), laptop.store.replica()
        finally:
            await laptop.close()
        documents = [json.dumps(record_to_json(record)) for record in standing.values()]
        rate = len(standing) / taken
        size = sum(map(len, documents)) // len(documents)
        counts = {"records": len(standing), "bytes_each": size, "different": _different(standing, replica)}
        return figure(rate, "records/s", floors.parse_rate(documents)), counts


async def _settled(laptop: Device, number: int) -> tuple[float, float]:
    """Seconds until the laptop held `number` receipts, and until it had nothing left to do."""
    missing, held_s = number, 0.0
    began = time.perf_counter()

    def told(step: Step) -> None:
        nonlocal missing, held_s
        missing -= len(step.settled)
        if missing <= 0 and not held_s:
            held_s = time.perf_counter() - began

    await laptop.agent.settle(told=told)
    over_s = time.perf_counter() - began
    return held_s or over_s, over_s


def _confirm(laptop: Device, number: int, jobs: int, first: int) -> list[Command]:
    work = islice(mix(jobs, first), number)
    commands: list[Command] = []
    while together := [Proposal(kind, ref, payload, {}) for kind, ref, payload in islice(work, TOGETHER)]:
        commands += laptop.workbench.confirm(together, sentence="backlog", source="form")
    return commands


def _field(name: str, value: str) -> dict[str, Any]:
    return {"field": name, "value": value}


def _effects_of(command: Command, standing: Mapping[str, Record]) -> int:
    """How often the command's effect stands in the records. A value that a later command replaced counts once."""
    order = standing[command.record]
    match command.kind:
        case "note.added":
            return _entries(order, "notes", command.id)
        case "part.consumed":
            return _entries(order, "parts_used", command.id)
        case "reading.recorded":
            return int(record_ref("reading", command.id) in standing)
        case _:
            name = str(command.payload.get("field", "status"))
            return int(order.stamp(name).command >= command.id)  # ids are in the order of confirmation


def _entries(record: Record, name: str, entry: str) -> int:
    entries: Any = record.fields[name]
    return sum(each["id"] == entry for each in entries)


def _missing_stock(commands: list[Command], standing: Mapping[str, Record]) -> int:
    """How many pieces too many or too few left the shelves."""
    taken = sum(int(str(c.payload["quantity"])) for c in commands if c.kind == "part.consumed")
    shelves = [record for record in standing.values() if record.kind == "stock_item"]
    left = sum(1_000_000 - int(str(record.fields["on_hand"])) for record in shelves)
    return abs(left - taken)


def _both_stand(record: Record, item: Item) -> bool:
    values = (record.fields[FIELD_OF_THE_OTHER], record.fields[FIELD_OF_BOTH])
    merged = item.receipt is not None and item.receipt.outcome is Outcome.MERGED
    return merged and values == ("high", f"Laptop: {record.ref}")


def _both_kept(standing: Mapping[str, Record], item: Item) -> bool:
    """The office's value stands, and the conflict holds both, as server and laptop say alike."""
    ref, conflict = item.command.record, standing.get(record_ref("conflict", item.command.id))
    if conflict is None or item.receipt is None or item.receipt.conflict != conflict.ref:
        return False
    clashes: Any = conflict.fields["clashes"]
    told = [(clash["mine"]["value"], clash["theirs"]["value"]) for clash in clashes]
    return told == [(f"Laptop: {ref}", f"Office: {ref}")] and standing[ref].fields[FIELD_OF_BOTH] == f"Office: {ref}"


def _different(standing: Mapping[str, Record], replica: Mapping[str, Record]) -> int:
    """How many records are not the same on both sides."""
    return sum(standing.get(ref) != replica.get(ref) for ref in standing.keys() | replica.keys())
