"""Lists of the office: what each page asks the databases for, which go through an index whatever there is."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from shared.records import WAITING_STATES, record_to_json, state_of
from sync_server.mentioning import mention
from sync_server.office import Office
from sync_server.store import Store, Tx, lists, mentions
from sync_server.store.devices import _WANTED
from sync_server.store.ledger import LEDGER
from tests.builders import JOB
from tests.served import TENANT, Laptop, Server, both_databases

__all__ = ["both_databases"]

VALUES: dict[str, Any] = {
    "of": TENANT,
    "of_kind": "conflict",
    "in_state": "open",
    "after": "",
    "before": "~",
    "limit": 51,
    "about": f"record {JOB}",
    "through": "conflict/5",
}
ASKED = {
    "the inbox": lists._IN_STATE,
    "all of a kind": lists._IN_KIND,
    "the one before": lists._BACK_IN_STATE,
    "how many wait": lists._WAITING,
    "states of a kind": lists._STATES,
    "held, by laptop": lists._HELD,
    "the place of one among them": lists._THROUGH,
    "forked laptops": _WANTED,
    "the audit": mentions._NEWEST,
    "the audit of something": mentions._MENTIONING,
}
#: Where the next page begins is a condition of the index, not of what was read.
BEGINS = {
    "the inbox": "ref",
    "all of a kind": "ref",
    "the one before": "ref",
    "the audit": "position",
    "the audit of something": "position",
}
#: Few rows, one for each laptop or person: read as they lie.
SMALL = {"device"}


@pytest.fixture
def fully_loaded(office: Office) -> Office:
    """Some thousand records and links, so that a planner has something to choose about."""
    with office.service.store.transaction() as tx:
        _many(tx)
    with office.service.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return office


def _many(tx: Tx) -> None:
    numbers = {"sqlite": "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000)"}.get(
        tx._dialect, "WITH n(n) AS (SELECT generate_series(1, 4000))"
    )
    padded = {"sqlite": "printf('%05d', n)"}.get(tx._dialect, "lpad(n::text, 5, '0')")
    for kind, state in (("conflict", "'open'"), ("conflict", "'resolved'"), ("work_order", "'open'")):
        tx._connection.execute(
            text(
                f"INSERT INTO record (tenant, ref, kind, version, change_seq, body, state) {numbers} SELECT "
                f"'{TENANT}', '{kind}/' || {state} || {padded}, '{kind}', 1, 1000000 + n, '{{}}', {state} FROM n"
            )
        )
    tx._connection.execute(
        text(
            f"INSERT INTO audit (tenant, position, prev, hash, body) {numbers} "
            f"SELECT '{TENANT}', 1000 + n, '', '', '{{}}' FROM n"
        )
    )
    tx._connection.execute(
        text(
            f"INSERT INTO audit_mention (tenant, named, position) {numbers} "
            f"SELECT '{TENANT}', 'record x/' || (n % 50), 1000 + n FROM n"
        )
    )


def plan(store: Store, query: Any) -> str:
    """How the database would go about it; PostgreSQL is kept from reading a whole table while any index serves."""
    words = getattr(query, "statement", query).compile(store.engine)
    asked = {name: VALUES.get(name, value) for name, value in words.params.items()}
    if "audit" in str(words):
        asked["before"] = 4000
    sqlite = store.engine.dialect.name == "sqlite"
    values: Any = tuple(asked[name] for name in words.positiontup) if sqlite else asked
    with store.engine.connect() as connection:
        if not sqlite:
            connection.execute(text("SET enable_seqscan = off"))
        explained = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{words}", values)
        return "\n".join(str(row[-1]) for row in explained)


@pytest.mark.parametrize("asked", ASKED)
def test_a_list_is_read_through_an_index_and_never_whole(fully_loaded: Office, asked: str) -> None:
    found = plan(fully_loaded.service.store, ASKED[asked])
    scans = [line for line in found.splitlines() if line.strip().startswith("SCAN") or "Seq Scan" in line]
    whole = [line for line in scans if not any(table in line for table in SMALL) and "SCAN CONSTANT" not in line]
    assert whole == [], found
    assert "TEMP B-TREE FOR ORDER BY" not in found, found
    if begins := BEGINS.get(asked):
        used = [line for line in found.splitlines() if "USING" in line or "Index Cond" in line]
        assert any(re.search(rf"\b{begins}\W*(::text\)* )?[<>]", line) for line in used), found


def test_a_query_without_an_index_would_be_seen(fully_loaded: Office) -> None:
    from sqlalchemy import select

    found = plan(fully_loaded.service.store, select(LEDGER.c.id).where(LEDGER.c.offset_s > 3))
    assert "SCAN" in found.upper()


async def test_what_waits_is_counted_as_it_comes_and_goes(server: Server, laptop: Laptop) -> None:
    office = server.office
    assert office.waiting(TENANT).conflicts == 0
    office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await laptop.round(laptop.say("field.updated", JOB, field="priority", value="urgent"))
    assert office.waiting(TENANT).conflicts == 1
    (found,) = office.page_of(TENANT, "conflict", "open")
    assert record_to_json(found) == record_to_json(office.conflicts(TENANT)[0])
    office.resolve(TENANT, "m.reyes", found.ref, "keep_mine", "")  # type: ignore[arg-type]
    assert (office.waiting(TENANT).conflicts, office.page_of(TENANT, "conflict", "open")) == (0, [])
    assert office.state_counts(TENANT, "conflict") == {"resolved": 1}


async def test_the_audit_is_asked_for_by_record_person_and_laptop(server: Server, laptop: Laptop) -> None:
    office = server.office
    await laptop.round(laptop.say("note.added", JOB, text="one"), laptop.say("note.added", JOB, text="two"))
    office.set_field(TENANT, "m.reyes", JOB, "priority", "low")

    def asked(about: str) -> list[str]:
        links, left = office.audit_page(TENANT, about)
        assert left == 0
        return [str(each.body.get("kind")) for each in links]

    assert asked(f"record {JOB}")[:3] == ["field.updated", "note.added", "note.added"]
    assert asked(f"device {laptop.name}")[:2] == ["note.added", "note.added"]
    assert asked("person m.reyes")[:1] == ["field.updated"]
    assert asked("person nobody") == []
    first, _ = office.audit_page(TENANT, f"record {JOB}", limit=1)
    second, _ = office.audit_page(TENANT, f"record {JOB}", before=first[0].position, limit=1)
    assert second[0].position < first[0].position


async def test_going_through_the_audit_twice_is_going_through_it_once(server: Server, laptop: Laptop) -> None:
    office = server.office
    await laptop.round(laptop.say("note.added", JOB, text="one"))
    mention(office.service.store, TENANT)
    before, _ = office.audit_page(TENANT, f"record {JOB}")
    with office.service.store.transaction() as tx:
        tx.set_server_value(f"mentions:{TENANT}", "0")
    mention(office.service.store, TENANT)
    after, _ = office.audit_page(TENANT, f"record {JOB}")
    assert [each.position for each in after] == [each.position for each in before]


def test_reading_keeps_no_writer_waiting_and_is_as_of_one_instant(office: Office) -> None:
    with office.service.store.reading() as reading:
        before = reading.records_seen(TENANT, [JOB])
        office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
        assert reading.records_seen(TENANT, [JOB]) == before
    assert office.record(TENANT, JOB).fields["priority"] == "low"


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("conflict", {"status": "open"}, "open"),
        ("external_write", {"status": "refused", "decided_by": None}, "refused_unsettled"),
        ("external_write", {"status": "refused", "decided_by": "m.reyes"}, "refused"),
        ("external_write", {"status": "parked", "decided_by": None}, "parked"),
        ("asset", {"name": "x"}, None),
    ],
)
def test_the_state_by_which_a_list_asks(kind: str, fields: dict[str, Any], state: str | None) -> None:
    assert state_of(kind, fields) == state
    assert (kind in WAITING_STATES) == (state is not None)
