"""What the server does when its own store fails it: a problem by name, and nothing half done."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine.default import DefaultDialect

from shared.problems import Code, Refused
from sync_server.backup import raise_incarnation
from sync_server.bootstrap import build_service, initialise
from sync_server.server_keys import RECEIPT_KEY
from sync_server.settings import Settings
from sync_server.store import Contended, Store, Tx
from sync_server.store.devices import NONCE
from tests.builders import NOW, still_ports


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, f"sqlite:///{tmp_path / 'server.db'}")


@pytest.fixture
def store(settings: Settings) -> Store:
    office = initialise(settings, still_ports())
    office.add_tenant("t", "T")
    return office.service.store


def test_a_locked_database_is_busy_and_a_later_try_works(store: Store, settings: Settings) -> None:
    other = sqlite3.connect(settings.home / "server.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.close()  # the one it keeps, too
    event.listen(store.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 10"))
    with pytest.raises(Refused) as refused, store.transaction():
        pass
    assert refused.value.problem.code is Code.BUSY
    other.execute("ROLLBACK")
    with store.transaction() as tx:
        assert tx.tenants() == {"t": "T"}


def test_the_log_is_worked_in_while_nobody_waits(store: Store, settings: Settings) -> None:
    store.work_log_in()
    before = (settings.home / "server.db").stat().st_size
    with store.transaction() as tx:
        tx.set_server_value("long", "x" * 500_000)
    assert (settings.home / "server.db").stat().st_size == before
    store.work_log_in()
    assert (settings.home / "server.db").stat().st_size > before + 400_000


def test_a_writer_is_not_in_the_way_of_working_the_log_in(store: Store) -> None:
    with store.transaction() as tx:
        tx.set_server_value("key", "value")
        store.work_log_in()
    with store.transaction() as tx:
        assert tx.server_value("key") == "value"


def test_a_full_disk_is_named_and_what_was_there_stays(store: Store) -> None:
    with store.connected() as connection:  # the limit is a connection's
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        with store.transaction() as tx:
            for number in range(20_000):
                tx.set_server_value(f"key {number}", "x" * 500)

    with pytest.raises(Refused) as refused:
        fill()
    assert refused.value.problem.code is Code.STORE_FULL
    with store.transaction() as tx:
        assert tx.server_value("key 0") is None
        assert tx.tenants() == {"t": "T"}


def test_a_copied_database_without_the_secret_signs_nothing(store: Store, settings: Settings) -> None:
    store.close()
    settings.secret.write_bytes(b"\x00" * 32)
    service = build_service(settings, still_ports())
    with service.store.transaction() as tx, pytest.raises(Refused, match="secret file"):
        service.ring.active(tx, "t", RECEIPT_KEY)


def test_the_secret_is_nobody_elses_to_read_and_a_second_init_keeps_it(store: Store, settings: Settings) -> None:
    before = settings.secret.read_bytes()
    assert settings.secret.stat().st_mode & 0o077 == 0
    assert initialise(settings, still_ports()).add_tenant("t", "T") is False
    assert settings.secret.read_bytes() == before
    assert store.engine.url.database


def crowd(store: Store, *acts: Callable[[Tx], object]) -> list[object]:
    """What becomes of `acts` that share a transaction; the lane's first writer waits until all have come."""
    lane, inside, gate = store._lane, threading.Event(), threading.Event()
    assert lane is not None
    came: dict[int, object] = {}

    def wait(_: Tx) -> None:
        inside.set()
        assert gate.wait(10)

    def come(number: int, act: Callable[[Tx], object]) -> None:
        try:
            came[number] = lane.run(act)
        except Exception as error:  # noqa: BLE001  # it is what came of it
            came[number] = error

    threads = [threading.Thread(target=lane.run, args=(wait,))]
    threads[0].start()
    assert inside.wait(10)
    for number, act in enumerate(acts):
        threads.append(threading.Thread(target=come, args=(number, act)))
        threads[-1].start()
        while len(lane._waiting) <= number:
            pass
    gate.set()
    for thread in threads:
        thread.join(10)
    return [came[number] for number in range(len(acts))]


def overflow(tx: Tx) -> None:
    """More than the disk holds, in one row: then SQLite gives the whole transaction up, not the statement alone."""
    pages = tx._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    tx._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    tx._connection.execute(insert(NONCE).values(keyid="key", nonce="x" * 200_000, seen_at=NOW.isoformat()))


def test_nobody_is_answered_for_work_that_a_full_disk_took_along(store: Store) -> None:
    acts = (lambda tx: tx.set_server_value("one", "1"), overflow, lambda tx: tx.set_server_value("two", "2"))
    # two writers to begin with, so that they share a transaction
    came = crowd(store, lambda _: None, *acts)
    assert [type(each) for each in came[1:]] == [Refused] * 3
    assert {each.problem.code for each in came if isinstance(each, Refused)} == {Code.STORE_FULL}
    with store.transaction() as tx:
        assert tx.server_value("one") is None
        assert tx.server_value("two") is None


def test_a_fault_that_was_swallowed_with_its_transaction_is_no_success(store: Store) -> None:
    def careless(tx: Tx) -> str:
        tx.set_server_value("one", "1")
        with suppress(Exception):
            overflow(tx)
        return "done"

    with pytest.raises(Refused), store.transaction() as tx:
        careless(tx)
    with store.transaction() as tx:
        assert tx.server_value("one") is None


def test_a_rehearsal_that_gives_way_is_busy_and_keeps_nothing(store: Store) -> None:
    def rehearse() -> None:
        with store.rehearsal() as tx:
            tx.set_server_value("one", "1")
            raise Contended("another writer was faster")

    with pytest.raises(Refused) as refused:
        rehearse()
    assert refused.value.problem.code is Code.BUSY
    with store.transaction() as tx:
        assert tx.server_value("one") is None


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE])
def test_a_disk_that_fails_at_a_commit_is_named(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Whoever begins a new life of a restored database is told what to do, and can do it again."""

    def fails(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        raise error

    store.close()
    with monkeypatch.context() as broken:
        broken.setattr(DefaultDialect, "do_commit", fails)
        with pytest.raises(Refused, match="look after the disk, then do it again") as refused:
            raise_incarnation(settings, "a test", ports=still_ports())
    assert refused.value.problem.code is Code.INTERNAL
    assert raise_incarnation(settings, "a test", ports=still_ports()) > 1
