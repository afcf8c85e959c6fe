"""A database of an earlier release goes on: its tables become today's, and what was pending in it is settled.

The dump was made by the first release's own code (commit 691b541); `tests/data/README.md` says what is in it.
"""

import json
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from shared.envelope import Envelope, wire_from
from shared.outcomes import Outcome
from shared.ports import Ports
from shared.problems import Refused
from shared.receipts import read_receipt, verify_root
from shared.records import WAITING_STATES, Choice, state_of
from shared.sync import Held, Proofs, Settled
from sync_server.api.app import build_app
from sync_server.bootstrap import build_office, build_service, migrate
from sync_server.settings import Settings
from sync_server.store import Store, schema
from sync_server.store.base import Table
from tests.builders import Counting, StillClock
from tests.served import TENANT, Laptop, Server, in_place, new_laptop, receipt

DATA = Path(__file__).parents[1] / "data"
OLD = json.loads((DATA / "server-0001.json").read_text(encoding="utf-8"))
IDS = OLD["ids"]
JOB, OTHER = "work_order/WO-1", "work_order/WO-2"


def load(url: str) -> None:
    """Put the dump into an empty database. It is SQLite's; the two differ in how they write bytes."""
    dump = (DATA / "server-0001.sql").read_text(encoding="utf-8")
    store = Store(url)
    if store.engine.dialect.name == "postgresql":
        dump = dump.replace(" BLOB ", " BYTEA ").replace("X'", r"'\x")
    with store.connected() as connection:
        for statement in dump.splitlines():
            connection.connection.cursor().execute(statement)
    store.close()


@pytest.fixture
def settings(tmp_path: Path, bare_database: str) -> Settings:
    home = tmp_path / "server"
    home.mkdir()
    made = Settings(home, bare_database)
    made.secret.write_bytes(bytes.fromhex(OLD["secret"]))
    load(made.database)
    return made


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    migrate(settings)
    randomness = Counting()
    randomness.drawn = 1000
    clock = StillClock(datetime.fromisoformat(OLD["at"]))
    office = build_office(settings, Ports(clock, randomness))
    transport = httpx.ASGITransport(app=build_app(office.service, in_place), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield Server(office, clock, http)
    office.service.store.close()


@pytest.fixture
async def laptops(server: Server) -> list[Laptop]:
    """The two laptops, as they were when the server was stopped."""
    made = []
    for old in OLD["laptops"]:
        laptop = new_laptop(server, bytes.fromhex(old["seed"]), old["actor"])
        laptop.name, laptop.seq, laptop.prev = old["name"], old["seq"], old["prev"]
        laptop.receipt_key = bytes.fromhex(old["receipt_key"])
        laptop.cursor = old["cursor"]
        made.append(laptop)
    return made


def differences(store: Store) -> list[Any]:
    with store.connected() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Table.metadata))


def test_a_migrated_schema_is_the_schema_of_the_models(settings: Settings) -> None:
    assert migrate(settings) == ("0001", schema.revisions()[-1])
    store = Store(settings.database)
    assert differences(store) == []
    store.close()


def test_a_new_schema_is_the_schema_of_the_models(bare_database: str, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir(exist_ok=True)
    store = Store(bare_database)
    assert schema.migrate(store) == (None, schema.revisions()[-1])
    assert differences(store) == []
    assert schema.migrate(store) == (schema.revisions()[-1],) * 2
    store.close()


def test_both_ways_lead_to_the_same_indexes_and_keys(settings: Settings, another_database: str) -> None:
    """What the comparison with the models overlooks: conditions of indexes, and keys."""
    migrate(settings)
    stores = [Store(settings.database), Store(another_database)]
    schema.migrate(stores[1])
    migrated, new = map(indexes, stores)
    assert migrated == new
    for store in stores:
        store.close()


def indexes(store: Store) -> set[str]:
    catalogue = {
        "sqlite": "SELECT replace(sql, '\"', '') FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    }
    with store.connected() as connection:
        return {row[0] for row in connection.execute(text(catalogue[store.engine.dialect.name]))}


def test_lists_find_what_was_there_before(settings: Settings) -> None:
    migrate(settings)
    store = Store(settings.database)
    with store.reading() as tx:
        found = 0
        for kind in WAITING_STATES:
            for record in tx.records_of(TENANT, kind):
                state = state_of(kind, record.fields)
                assert record in tx.records_page(TENANT, kind, state, limit=1000)
                found += 1
        assert found
        assert tx.waiting_counts(TENANT)["conflict"] == len(
            [each for each in tx.records_of(TENANT, "conflict") if each.fields["status"] == "open"]
        )
    store.close()


def test_revisions_are_numbered_one_after_the_other() -> None:
    folder = Path(schema.__file__).parents[1] / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    script = ScriptDirectory.from_config(config)
    assert [step.revision for step in script.walk_revisions()][::-1] == list(schema.revisions())
    assert list(schema.revisions()) == [f"{number:04d}" for number in range(1, len(schema.revisions()) + 1)]


def test_a_program_over_an_older_schema_says_what_to_run(settings: Settings) -> None:
    with pytest.raises(Refused, match="backup, then run: tailboard-server migrate"):
        build_service(settings)
    migrate(settings)
    build_service(settings).store.close()


def test_a_newer_schema_is_refused_and_left_alone(settings: Settings) -> None:
    migrate(settings)
    store = Store(settings.database)
    with store.connected() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (build_service, migrate):
        with pytest.raises(Refused, match="newer than this program"):
            attempt(settings)
    with store.connected() as connection:
        assert schema.revision_of(connection) == "9999"
    store.close()


def test_an_empty_database_is_not_served(tmp_path: Path, bare_database: str) -> None:
    settings = Settings(tmp_path / "server", bare_database)
    settings.home.mkdir(exist_ok=True)
    settings.secret.write_bytes(bytes(32))
    with pytest.raises(Refused, match="tailboard-server init"):
        build_service(settings)


def test_two_processes_migrate_once(settings: Settings) -> None:
    barrier, seen = threading.Barrier(2), []

    def run() -> None:
        barrier.wait()
        seen.append(migrate(settings)[0])

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, seen)) == ["0001", schema.revisions()[-1]]


def test_a_migration_that_fails_leaves_everything_as_it_was(settings: Settings) -> None:
    store = Store(settings.database)
    with store.connected() as connection:
        connection.execute(text("UPDATE ledger SET receipt = '{}' WHERE device = 'TB-02' AND outcome IS NOT NULL"))
    with pytest.raises(KeyError):
        migrate(settings)
    with store.connected() as connection:
        assert schema.revision_of(connection) == "0001"
        assert connection.execute(text("SELECT count(envelope) FROM ledger")).scalar_one() == 14
    store.close()


# -- the work that was in it


async def test_receipts_of_before_still_prove(server: Server, laptops: list[Laptop]) -> None:
    assert len(OLD["receipts"]) > 4
    for laptop in laptops:
        reply = await laptop.round(in_doubt=tuple(OLD["receipts"]))
        roots = [Envelope.from_wire(root) for root in reply.roots]
        mine = [answer for answer in reply.answers if isinstance(answer, Settled)]
        assert mine
        for answer in mine:
            before = wire_from(OLD["receipts"][answer.id])
            assert answer.receipt.encode() == before.payload
            proof = Proofs(roots, reply.answers).of(answer.proof)
            told = read_receipt(before.payload, proof, verify_root(proof.envelope, laptop.receipt_key))
            assert told.command == answer.id


async def test_the_same_bytes_again_are_answered_from_the_old_ledger(server: Server, laptops: list[Laptop]) -> None:
    envelope = wire_from(OLD["settled"])
    before = server.records()[JOB]
    reply = await laptops[0].round(envelope)
    assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    assert server.records()[JOB] == before


async def test_what_waited_for_a_decision_is_settled_by_it(server: Server, laptops: list[Laptop]) -> None:
    server.office.resolve(TENANT, "m.reyes", IDS["conflict"], Choice.KEEP_MINE, "seen on site")
    (answer,) = (await laptops[0].round(in_doubt=(IDS["dependent"],))).answers
    assert receipt(answer).outcome in {Outcome.APPLIED, Outcome.MERGED}
    assert server.records()[JOB].fields["priority"] == "high"


async def test_what_waited_for_a_gap_is_settled_when_it_closes(server: Server, laptops: list[Laptop]) -> None:
    first = await laptops[0].round(wire_from(OLD["missing"]))
    assert receipt(first.answers[0]).outcome is Outcome.APPLIED
    (answer,) = (await laptops[0].round(in_doubt=(IDS["early"],))).answers
    assert receipt(answer).outcome is Outcome.APPLIED
    notes: Any = server.records()[OTHER].fields["notes"]
    assert [note["text"] for note in notes] == ["the missing one", "the early one"]


async def test_a_chain_goes_on_where_it_ended(server: Server, laptops: list[Laptop]) -> None:
    await laptops[1].round()
    reply = await laptops[1].round(laptops[1].say("note.added", JOB, text="after the update"))
    assert receipt(reply.answers[0]).outcome in {Outcome.APPLIED, Outcome.MERGED}


async def test_what_nobody_could_read_and_what_is_for_review_stays_held(
    server: Server, laptops: list[Laptop]
) -> None:
    server.office.service.sweep()
    for laptop, name, hold in ((laptops[0], "unreadable", "unreadable"), (laptops[1], "twin", "quarantined")):
        (answer,) = (await laptop.round(in_doubt=(IDS[name],))).answers
        assert isinstance(answer, Held)
        assert answer.hold == hold


async def test_a_code_from_before_still_enrols_and_the_audit_goes_on(server: Server, laptops: list[Laptop]) -> None:
    newcomer = new_laptop(server, b"\x03", "b.lind")
    assert (await newcomer.enrol(OLD["code"])).status_code == 200
    assert (await newcomer.round()).changes
    with server.office.service.store.transaction() as tx:
        links = list(tx.audit(TENANT))
    assert [link[0] for link in links] == list(range(1, len(links) + 1))
    assert all(later[1] == earlier[2] for earlier, later in pairwise(links))
    assert server.office.verify_audit(TENANT).why is None
