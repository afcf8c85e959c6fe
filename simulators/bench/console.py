"""The console's pages over a large organisation: server time of a first page, beside the bare queries of its rows.

Rules
1. The conflicts are real ones that a laptop brought, copied until there are as many as are asked for; so are the
   links of the audit. Copies are as large and as indexed as the originals. The newest `BEHIND` links are not gone
   through, and none is counted: pages do their share of that while they are measured.
2. A page is asked for as a browser does, through the whole application, without a socket between. Its time is
   processor time: what others do on the machine is not the page's. Where the database is another process, what the
   page waits for it is the page's, too. The time by the clock stands beside it, for machines where nothing else runs.
3. The floor is one bare query of rows like the page's own, with the JSON read. The weight's floor is what a page may
   weigh, with its files; that of the slowest page is what a first page may take.
4. Filling takes minutes and measuring seconds. An organisation that is kept is filled once and measured as often as
   somebody likes; one of another size is refused.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TypeVar

import httpx
from sqlalchemy import Engine, event, text

from shared.commandline import UsageError
from shared.commands.base import Role
from simulators.bench.figures import Figure, Figures, figure, processor_seconds, say, scratch, skipped
from simulators.bench.rows import more_conflicts, more_links
from simulators.postgresql import find_programs, postgresql
from sync_server.api.app import build_app
from sync_server.bootstrap import build_console, build_office, initialise
from sync_server.mentioning import mention
from sync_server.office import Office
from sync_server.sample.large import Size, fill
from sync_server.settings import Settings
from sync_server.store import Person

T = TypeVar("T")
TENANT, ADMIN, PASSWORD = "bench", "root", "a gate behind the mill"
#: name of the figure, and the page
PAGES = (
    ("inbox", "/console/conflicts"),
    ("inbox_later", "/console/conflicts?after=conflict/8"),
    ("conflict", "/console/conflicts/{conflict}"),
    ("audit", "/console/audit"),
    ("audit_deep", "/console/audit?before=1000"),
    ("audit_of_record", "/console/audit?record={record}"),
    ("audit_of_person", "/console/audit?person=d.park"),
    ("history", "/console/orders/{order}"),
    ("home", "/console/"),
    ("devices", "/console/devices"),
    ("health", "/console/health"),
)
#: What a first page may take, of the 95th of 100, in milliseconds.
LIMIT_MS = 150.0
FILES = ("/console/static/console.css", "/console/static/console.js")
#: So many of the newest links are not gone through when the pages are asked for first, as after a burst.
BEHIND = 25_000
#: What a page may weigh in all, its own files included.
WEIGHT_KB = 250.0
_FLOORS = {
    "inbox": "SELECT body FROM record WHERE tenant = :t AND kind = 'conflict' AND state = 'open' ORDER BY ref "
    "LIMIT 51",
    "audit": "SELECT position, body FROM audit WHERE tenant = :t ORDER BY position DESC LIMIT 51",
}


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is, and how often each page is asked for."""

    conflicts: int = 10_000
    links: int = 500_000
    rounds: int = 40


def measure(load: Load, kept: Path | None = None) -> Figures:
    """Milliseconds of the 95th of 100 first pages, on each database; and the largest page in kilobytes.

    Args:
        load: how much there is.
        kept: where the filled databases stay, and are found by the next run; None if they go.

    Raises:
        UsageError: what is kept there is of another size.
    """
    with _home(kept, "sqlite") as home:
        figures = _measured("sqlite", home, None, load)
    programs = find_programs()
    if programs is None:
        return figures | {"postgresql": skipped("PostgreSQL is not installed (initdb and postgres)")}
    with _home(kept, "of_postgresql") as home, postgresql(programs, kept=kept and kept / "postgresql") as url:
        return figures | _measured("postgresql", home, url, load)


@contextmanager
def _home(kept: Path | None, name: str) -> Iterator[Path]:
    """The server's folder, which stays if somebody keeps it."""
    if kept is not None:
        home = kept.absolute() / name
        home.mkdir(parents=True, exist_ok=True)
        yield home
        return
    with scratch() as folder:
        yield folder


def _measured(name: str, home: Path, url: str | None, load: Load) -> Figures:
    office, named = _organisation(Settings(home, url or f"sqlite:///{home / 'server.db'}"), load)
    with closing(office.service.store), Waited(office.service.store.engine if url else None) as waited:
        say(f"{name}: {load.conflicts} conflicts, {load.links} links; {load.rounds} times each of {len(PAGES)} pages")
        return {f"{name}_{key}": value for key, value in asyncio.run(_pages(office, named, load, waited)).items()}


def _organisation(settings: Settings, load: Load) -> tuple[Office, dict[str, str]]:
    """The organisation that is kept in the home, or a new one; and what its pages are about."""
    note, size = settings.home / "filled.json", {**asdict(load), "rounds": 0}
    if note.exists():
        told = json.loads(note.read_text("utf-8"))
        if told["size"] != size:
            raise UsageError(f"{settings.home} holds an organisation of another size; keep this one elsewhere.")
        return build_office(settings), told["named"]
    office = initialise(settings)
    named = _settle_in(office, load)
    note.write_text(json.dumps({"size": size, "named": named}), "utf-8")
    return office, named


def _settle_in(office: Office, load: Load) -> dict[str, str]:
    """The organisation, and what its pages are about."""
    office.add_tenant(TENANT, "Bench")
    everything = frozenset({Role.ADMIN, Role.RESOLVER, Role.DISPATCHER, Role.AUDITOR, Role.APPROVER})
    office.put_person(TENANT, Person(ADMIN, "Root", everything))
    office.set_password(TENANT, ADMIN, PASSWORD)
    office.apply_import(
        TENANT, ADMIN, office.plan_import(TENANT, "stock_item", "id,name,part_no,on_hand\nS-1,S,1,9\n")
    )
    fill(office, TENANT, ADMIN, replace(Size(), technicians=8, orders=200, conflicts=60, decisions=24))
    store, mentioned = office.service.store, max(0, load.links - BEHIND)
    mention(store, TENANT)
    with store.connected() as connection:
        more_conflicts(connection, TENANT, load.conflicts)
        more_links(connection, TENANT, load.links, mentioned)
    with store.transaction() as tx:
        tx.mentioned_through(TENANT, max(mentioned, tx.mentioned(TENANT)))
    with store.engine.connect() as connection, suppress(Exception):
        connection.execute(text("ANALYZE"))
        connection.commit()
    first = office.page_of(TENANT, "conflict", "open", limit=1)[0]
    record = str(first.fields["record"])
    return {"conflict": first.ref.partition("/")[2], "record": record, "order": record.partition("/")[2]}


async def _pages(office: Office, named: dict[str, str], load: Load, waited: "Waited") -> Figures:
    app = build_app(office.service, _run, console=lambda: build_console(office, _run))
    transport = httpx.ASGITransport(app=app)
    figures: Figures = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        form = {"person": ADMIN, "password": PASSWORD}
        await http.post("/console/sign-in", data=form)
        largest, slowest = 0, 0.0
        for name, path in PAGES:
            times, by_clock = [], []
            for _ in range(load.rounds):
                started = time.perf_counter()
                answer, taken = await _asked(http, path.format(**named), waited)
                by_clock.append(time.perf_counter() - started)
                largest = max(largest, len(answer.content))
                times.append(taken)
            floor = _floor(office, _FLOORS.get(name.partition("_")[0], _FLOORS["inbox"]), load.rounds)
            figures[name] = figure(_p95(times) * 1000, "ms p95", floor * 1000) | clocked(by_clock)
            slowest = max(slowest, _p95(times))
        own = [len((await http.get(path)).content) for path in FILES]
        figures["slowest_page"] = figure(slowest * 1000, "ms p95", LIMIT_MS)
        figures["page_weight"] = figure((largest + sum(own)) / 1000, "kB", WEIGHT_KB)
    return figures


def clocked(times: Sequence[float]) -> Figure:
    """What the clock said, of the 95th of 100 and of the one in the middle, in milliseconds."""
    return {"clock": round(_p95(times) * 1000, 3), "clock_median": round(median(times) * 1000, 3)}


async def _run(work: Callable[[], T]) -> T:
    return work()


class Waited:
    """How long this process waited for a database that is another process; nothing without one."""

    def __init__(self, engine: Engine | None) -> None:
        self.seconds = 0.0
        self._engine, self._started = engine, 0.0

    def __enter__(self) -> "Waited":
        if self._engine is not None:
            event.listen(self._engine, "before_cursor_execute", self._begin)
            event.listen(self._engine, "after_cursor_execute", self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            event.remove(self._engine, "before_cursor_execute", self._begin)
            event.remove(self._engine, "after_cursor_execute", self._end)

    def _begin(self, *_: object) -> None:
        self._started = time.perf_counter() - time.process_time()

    def _end(self, *_: object) -> None:
        self.seconds += max(0.0, time.perf_counter() - time.process_time() - self._started)


async def _asked(http: httpx.AsyncClient, path: str, waited: Waited) -> tuple[httpx.Response, float]:
    before, started = waited.seconds, time.process_time()
    answer = await http.get(path)
    taken = time.process_time() - started + waited.seconds - before
    answer.raise_for_status()
    return answer, taken


def _floor(office: Office, query: str, rounds: int) -> float:
    """The 95th of 100 bare queries of the page's rows, their JSON read."""

    def work() -> None:
        with office.service.store.engine.connect() as connection:
            for row in connection.execute(text(query), {"t": TENANT}).all():
                json.loads(row.body)

    return _p95([processor_seconds(work) for _ in range(rounds)])


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]
