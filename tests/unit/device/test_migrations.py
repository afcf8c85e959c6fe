"""A database that the first release left behind, with work in it, opened by this program."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from device.store import DeviceStore, Issue, JournalEntry, State
from device.store.exchange import Exchange
from shared.envelope import COMMAND_TYPE, BadSignature, SigningKey, seal, wire_from
from shared.ids import sha256_hex
from shared.outcomes import Outcome, Standing
from shared.receipts import Proof, read_receipt, verify_root
from tests.builders import JOB, NOW, new_id

KEY, SERVER = b"k" * 32, SigningKey(b"\x07" * 32)
DUMP = Path(__file__).with_name("schema_1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "device.db"
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    return path


@pytest.fixture
def store(old: Path) -> Iterator[DeviceStore]:
    opened = DeviceStore.open(old, KEY)
    yield opened
    opened.close()


def test_everything_that_was_in_an_old_database_is_there(store: DeviceStore) -> None:
    items = store.items()
    states = [State.SETTLED, State.SENT, State.HELD, State.TURNED, State.SAVED]
    assert [item.state for item in items] == states
    assert [item.command.seq for item in items] == [1, 2, 3, 4, 5]
    assert [item.command.payload["text"] for item in items][::4] == ["settled one", "saved one"]
    assert (store.epoch(), store.incarnation(), store.meta("cursor")) == (1, 1, "1:3")
    assert (len(store.replica()), len(store.journal())) == (3, 1)
    assert store.head(1).next_seq == 6
    assert store.queue().turned == (items[3].command.id,)
    assert store.kept().count == 4
    assert store.kept().bytes == sum(len(item.envelope.payload) for item in items[1:])
    assert store.missing(1, 0) == ()
    assert store.lost() == ()


def test_an_old_database_goes_on_where_it_was(store: DeviceStore) -> None:
    before = store.journal()
    last = store.items()[-1]
    assert store.hash_at(1, 5) == last.envelope.hash
    assert store.end().head == store.head(1)
    given = last.command.model_copy(update={"id": new_id(), "seq": 6, "prev": last.envelope.hash})
    said = JournalEntry(NOW, "a.okafor", "form", "the next", (given.id,))
    store.append(given, seal(COMMAND_TYPE, given.to_bytes(), SERVER), "the next", None, "normal", said)
    assert store.journal() == [*before, said]
    assert (store.missing(1, 0), store.items()[-1].position) == ((), last.position + 1)


def test_an_old_receipt_is_still_proof(store: DeviceStore) -> None:
    import json

    with store.transaction() as connection:
        query = "SELECT receipt, proof, incarnation, settled_at FROM outbox WHERE seq = 1"
        payload, proof, incarnation, settled_at = connection.execute(query).fetchone()
    kept = json.loads(proof)
    assert kept["place"] is None
    envelope = wire_from(kept["envelope"])
    receipt = read_receipt(payload, Proof(envelope), verify_root(envelope, SERVER.public))
    assert (receipt.outcome, incarnation, settled_at) == (Outcome.APPLIED, 1, receipt.settled_at.isoformat())
    with pytest.raises(BadSignature):
        verify_root(envelope, SigningKey(b"\x08" * 32).public)
    assert store.proof(store.items()[0].command.id) == (payload, Proof(envelope))
    assert store.items()[0].standing is Standing.ACCEPTED
    assert store.pending(store.replica())[0][0].record == JOB


def test_the_signed_bytes_are_the_same(old: Path) -> None:
    connection = dbapi2.connect(str(old))
    connection.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    before = [sha256_hex(row[0]) for row in connection.execute("SELECT envelope FROM outbox ORDER BY position")]
    connection.close()
    store = DeviceStore.open(old, KEY)
    assert [sha256_hex(item.envelope.payload) for item in store.items()] == before
    store.close()
    again = DeviceStore.open(old, KEY)
    assert [sha256_hex(item.envelope.payload) for item in again.items()] == before
    again.close()


def test_a_migration_that_fails_leaves_the_old_database(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from device.store import migrations

    def half(connection: object) -> None:
        migrations._protocol_2(connection)
        raise RuntimeError

    monkeypatch.setattr(migrations, "STEPS", (half,))
    with pytest.raises(RuntimeError):
        DeviceStore.open(old, KEY)
    monkeypatch.undo()
    store = DeviceStore.open(old, KEY)
    assert len(store.items()) == 5
    store.close()


def test_an_old_database_has_the_indexes_of_a_new_one(store: DeviceStore, tmp_path: Path) -> None:
    new = DeviceStore.open(tmp_path / "new.db", KEY)
    assert indexes(store) == indexes(new)
    new.close()


def test_an_old_database_has_the_tables_of_a_new_one(store: DeviceStore, tmp_path: Path) -> None:
    new = DeviceStore.open(tmp_path / "new.db", KEY)
    assert columns(store) == columns(new)
    new.close()


def columns(store: DeviceStore) -> set[tuple[str, str, str, int, int]]:
    query = """
        SELECT t.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table'"""
    with store.transaction() as connection:
        return set(connection.execute(query).fetchall())


def indexes(store: DeviceStore) -> dict[str, list[str]]:
    """The columns of every index on the outbox."""
    with store.transaction() as connection:
        names = connection.execute("SELECT name FROM pragma_index_list('outbox')").fetchall()
        column = "SELECT name FROM pragma_index_info(?)"
        return {name: [held for (held,) in connection.execute(column, (name,)).fetchall()] for (name,) in names}


def test_the_link_is_remembered_in_an_old_database_too(store: DeviceStore, old: Path) -> None:
    met = Exchange(Issue("boot", 1.5, NOW), 0.25, 10, 20, "answered")
    assert store.exchanges() == []
    store.add_exchanges([met])
    store.close()
    again = DeviceStore.open(old, KEY)
    assert again.exchanges() == [met]
    again.close()
