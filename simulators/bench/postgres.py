"""One server process on PostgreSQL beside one on SQLite, and two processes beside one."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from simulators.bench.figures import Figures, figure, say, scratch, seconds_of, skipped
from simulators.bench.organisation import TECHNICIAN, found, mix, settle_in
from simulators.bench.pusher import Pusher
from simulators.postgresql import find_programs, postgresql
from simulators.processes import Running, running_server


@dataclass(frozen=True, slots=True)
class Load:
    """`tenants` organisations; `commands` of each in every one of `turns` measurements."""

    tenants: int = 8
    commands: int = 500
    turns: int = 3


def postgres(load: Load) -> Figures:
    """Commands a second.

    `postgres` is one tenant on one process, its floor the same on SQLite; `postgres_two` is all tenants over two
    processes, its floor the same over one of the two.
    """
    programs = find_programs()
    if programs is None:
        why = "PostgreSQL is not installed (initdb and postgres)"
        return {"postgres": skipped(why), "postgres_two": skipped(why)}
    with scratch() as folder, postgresql(programs) as url:
        return asyncio.run(_compare(folder, url, load))


async def _compare(folder: Path, url: str, load: Load) -> Figures:
    alone = Load(1, load.commands * load.tenants // 2, load.turns)
    say(f"postgres: {alone.turns} times {alone.commands} commands on SQLite, then on PostgreSQL")
    sqlite = await _rates(folder / "sqlite", None, alone, [1])
    say(f"postgres_two: {load.tenants} tenants, {os.cpu_count()} cores, one process and two in turns")
    several = await _rates(folder / "postgresql", url, load, [1, 2])
    one = await _rates(folder / "alone", _fresh_database(url, "alone"), alone, [1])
    return {
        "postgres": figure(median(one[1]), "commands/s", median(sqlite[1])),
        "postgres_two": figure(median(several[2]), "commands/s", median(several[1])),
    }


async def _rates(home: Path, database: str | None, load: Load, processes: Sequence[int]) -> dict[int, list[float]]:
    """Commands a second with each number of `processes`, taking turns."""
    rates: dict[int, list[float]] = {number: [] for number in processes}
    codes = _settle_all(home, database, load)
    with _servers(home, database, max(processes)) as running:
        pushers = [await Pusher.enrolled(running[0].url, code) for code in codes]
        works = [mix(load.commands) for _ in pushers]
        for _ in range(load.turns):
            for number in processes:
                batches = [each.sign(work, load.commands) for each, work in zip(pushers, works, strict=True)]
                for index, each in enumerate(pushers):
                    each.url = running[index % number].url
                taken = await seconds_of(lambda: _push_all(pushers, batches))  # noqa: B023 - awaited here
                rates[number].append(load.tenants * load.commands / taken)
    return rates


async def _push_all(pushers: Sequence[Pusher], batches: Sequence[list[bytes]]) -> None:
    async with asyncio.TaskGroup() as group:
        for each, envelopes in zip(pushers, batches, strict=True):
            group.create_task(each.push(envelopes))


def _settle_all(home: Path, database: str | None, load: Load) -> list[str]:
    organisation = found(home, database)
    try:
        names = [f"bench-{number}" for number in range(load.tenants)]
        for name in names:
            settle_in(organisation, name, load.commands)
        return [organisation.office.enrol_code(name, TECHNICIAN) for name in names]
    finally:
        organisation.close()


@contextmanager
def _servers(home: Path, database: str | None, number: int) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running_server(home, database)) for _ in range(number)]


def _fresh_database(url: str, name: str) -> str:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rsplit('/', 1)[0]}/{name}"
