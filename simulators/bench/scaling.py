"""What a long life does to a server: a full ledger, and a hundred thousand commands in one process."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from simulators.bench.figures import Figure, figure, say, scratch, seconds_of
from simulators.bench.organisation import TECHNICIAN, found, mix, settle_in
from simulators.bench.pusher import Pusher
from simulators.bench.rows import fill_ledger
from simulators.processes import resident_mb, running_server

TENANT = "bench"


@dataclass(frozen=True, slots=True)
class Ages:
    """A young and an old ledger in rows; `turns` measurements of `commands` each, taking turns."""

    young: int = 10_000
    old: int = 1_000_000
    commands: int = 2000
    turns: int = 3


def ledger_scaling(ages: Ages) -> Figure:
    """Commands a second into an old ledger; the floor is the same commands into a young one."""
    with scratch() as folder:
        return asyncio.run(_scaling(folder, ages))


async def _scaling(folder: Path, ages: Ages) -> Figure:
    young, old = folder / "young", folder / "old"
    pusher = await _first_steps(young, ages)
    fill_ledger(young / "server.db", TENANT, ages.young)
    shutil.copytree(young, old)
    say(f"ledger_scaling: filling a ledger with {ages.old} rows")
    fill_ledger(old / "server.db", TENANT, ages.old)
    work = mix(ages.commands)
    turns = [pusher.sign(work, ages.commands) for _ in range(ages.turns)]
    say(f"ledger_scaling: {ages.turns} times {ages.commands} commands into each")
    with running_server(young) as first, running_server(old) as second:
        rates = await _in_turns(pusher.again(first.url), pusher.again(second.url), turns)
    return figure(median(rates[1]), "commands/s", median(rates[0]))


async def _first_steps(home: Path, ages: Ages) -> Pusher:
    """A server whose ledger holds a few hundred real commands of one device."""
    organisation = found(home)
    try:
        settle_in(organisation, TENANT, ages.commands)
        code = organisation.office.enrol_code(TENANT, TECHNICIAN)
    finally:
        organisation.close()
    with running_server(home) as running:
        pusher = await Pusher.enrolled(running.url, code)
        await pusher.push(pusher.sign(mix(ages.commands), min(500, ages.young)))
    return pusher


async def _in_turns(first: Pusher, second: Pusher, turns: Sequence[list[bytes]]) -> tuple[list[float], list[float]]:
    rates: tuple[list[float], list[float]] = ([], [])
    for envelopes in turns:
        for each, told in zip((first, second), rates, strict=True):
            told.append(len(envelopes) / await seconds_of(lambda: each.push(envelopes)))  # noqa: B023 - awaited here
    return rates


def server_rss_growth(commands: int, block: int = 5000) -> Figure:
    """MiB that the server process grew by over `commands`; the floor is what it had after the first `block`."""
    with scratch() as folder:
        return asyncio.run(_growth(folder, commands, block))


async def _growth(folder: Path, commands: int, block: int) -> Figure:
    jobs = max(commands // 25, 1)
    organisation = found(folder)
    try:
        settle_in(organisation, TENANT, jobs)
        code = organisation.office.enrol_code(TENANT, TECHNICIAN)
    finally:
        organisation.close()
    work, resident = mix(jobs), list[float]()
    with running_server(folder) as running:
        pusher = await Pusher.enrolled(running.url, code)
        for done in range(0, commands, block):
            await pusher.push(pusher.sign(work, min(block, commands - done)))
            resident.append(resident_mb(running.pid))
            say(f"server_rss_growth: {done + block} commands, {resident[-1]:.1f} MiB")
    return figure(resident[-1] - resident[0], "MiB", resident[0])
