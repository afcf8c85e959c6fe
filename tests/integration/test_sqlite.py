"""What the server's SQLite must do, and what devices are told when it cannot."""

import json
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from shared import log_room
from shared.outcomes import Outcome
from shared.problems import Code, Refused
from sync_server import store as stores
from sync_server.store import Store
from tests.served import TENANT, Laptop, Server, receipt, received

JOB = "work_order/WO-1"


@pytest.fixture
def store(server: Server) -> Store:
    return server.office.service.store


def pragma(store: Store, name: str) -> Any:
    with store.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_every_connection_writes_ahead_and_waits_for_the_disk(store: Store) -> None:
    with store.engine.connect() as one:
        raw = one.connection.driver_connection
        assert raw is not None
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA synchronous").fetchone() == (2,)
        assert raw.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_disk_that_does_not_write_ahead_is_refused() -> None:
    store = Store("sqlite://")  # in memory there is nothing to write ahead to
    with pytest.raises(Refused, match="local disk"), store.transaction():
        pass
    store.close()


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database, only some bytes in a file" * 100)
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(Refused, match="restore"), store.transaction():
        pass
    store.close()


def test_two_writers_take_turns_and_neither_fails_half_way(store: Store) -> None:
    together = threading.Barrier(2)

    def count_up() -> None:
        for _ in range(25):
            if not together.broken:
                together.wait(30)
            with store.transaction() as tx:
                before = int(tx.server_value("count") or 0)
                tx.set_server_value("count", str(before + 1))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(count_up), pool.submit(count_up)]:
            done.result(timeout=60)
    with store.transaction() as tx:
        assert tx.server_value("count") == "50"


def test_a_transaction_holds_the_writers_turn_from_its_beginning(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "BUSY_TIMEOUT_MS", 1)
    other = Store(str(store.engine.url))
    with store.transaction() as tx:
        tx.tenants()
        with pytest.raises(Refused) as refused, other.transaction():
            pass
    assert refused.value.problem.code is Code.BUSY
    other.close()


async def test_a_locked_database_is_answered_with_a_time_to_come_back(
    server: Server, laptop: Laptop, store: Store
) -> None:
    envelope = laptop.say("part.consumed", JOB, stock_item="stock_item/SEAL-1", quantity=2)
    body = json.dumps({"protocol": 2, "commands": [envelope.to_wire().model_dump()]}).encode()
    store.close()
    event.listen(store.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 1").close())
    other = sqlite3.connect(str(store.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = await laptop.post(body)
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert int(response.headers["retry-after"]) > 0
    other.execute("ROLLBACK")
    other.close()
    assert receipt((await laptop.round(envelope)).answers[0]).outcome is Outcome.APPLIED
    assert server.records("stock_item")["stock_item/SEAL-1"].fields["on_hand"] == 3


async def test_a_full_disk_is_answered_with_a_time_to_come_back_and_nothing_is_half_done(
    server: Server, laptop: Laptop, store: Store
) -> None:
    envelopes = [laptop.say("note.added", JOB, text="x" * 900) for _ in range(100)]
    body = json.dumps({"protocol": 2, "commands": [each.to_wire().model_dump() for each in envelopes]}).encode()
    pages = pragma(store, "page_count")
    store.close()

    def at_most(raw: Any, _record: Any) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages + 5}").close()

    event.listen(store.engine, "connect", at_most)
    response = await laptop.post(body)
    assert (response.status_code, response.json()["code"]) == (507, "store_full")
    assert int(response.headers["retry-after"]) > 0
    with store.transaction() as tx:
        assert received(tx, laptop.name) == 0
        assert tx.epochs(TENANT, laptop.name)[1].head_seq == 0
    store.close()
    event.remove(store.engine, "connect", at_most)
    reply = await laptop.round(*envelopes)
    assert {receipt(answer).outcome for answer in reply.answers} == {Outcome.APPLIED}


def log_of(store: Store) -> Path:
    return Path(f"{store.engine.url.database}-wal")


def as_if_killed_now(store: Store, to: Path) -> list[str]:
    """The notes on the job in a copy of the files."""
    path = Path(str(store.engine.url.database))
    for file in (path, log_of(store)):
        shutil.copy(file, to / file.name)
    again = Store(f"sqlite:///{to / path.name}")
    try:
        with again.transaction() as tx:
            notes: Any = tx.records(TENANT, [JOB])[JOB].fields["notes"]
            return [note["text"] for note in notes]
    finally:
        again.close()


async def test_a_log_with_room_keeps_what_was_acknowledged_before_and_after(
    server: Server, laptop: Laptop, store: Store, tmp_path: Path
) -> None:
    await laptop.round(laptop.seal(laptop.command("note.added", JOB, text="before")))
    there = bytes_of(log_of(store))
    store.make_room()
    assert bytes_of(log_of(store)) == there.ljust(log_room.bytes_of(stores.LOG_PAGES_ROOM), b"\0")
    assert as_if_killed_now(store, tmp_path) == ["before"]
    await laptop.round(laptop.seal(laptop.command("note.added", JOB, text="after")))
    store.make_room()
    assert len(bytes_of(log_of(store))) == log_room.bytes_of(stores.LOG_PAGES_ROOM)
    assert as_if_killed_now(store, tmp_path) == ["before", "after"]


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def test_without_room_on_the_disk_the_log_stays_as_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.transaction() as tx:
        tx.tenants()
    log = log_of(store)
    size = log.stat().st_size

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    store.make_room()
    assert log.stat().st_size == size
