"""The disks: the model itself is checked first, against what SQLite promises."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from simulators import disks
from simulators.disks import Bay, Disk, obstacle, simulated_disks
from simulators.faults import CALM, Chaos, FaultProfile
from simulators.streams import Streams

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
DRIVERS = [sqlite3, dbapi2]
LOSING = replace(CALM, torn_page=0.5)


def connect(driver: Any, folder: Path, level: str = "FULL") -> Any:
    connection = driver.connect(str(folder / "x.db"), isolation_level=None)
    if driver is dbapi2:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{'ab' * 32}'\"")
    for pragma in ("journal_mode = WAL", f"synchronous = {level}", "wal_autocheckpoint = 20", "busy_timeout = 3000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def put_in(bay: Bay, folder: Path, profile: FaultProfile = CALM, seed: int = 1) -> Disk:
    folder.mkdir()
    disk = Disk(folder, "host", Chaos(profile, Streams(seed)))
    bay.insert(disk)
    return disk


def after_a_cut(driver: Any, level: str, home: Path, seed: int) -> tuple[int, int, str]:
    """Rows acknowledged, rows found after a power cut, and what SQLite thinks of the file."""
    dice = Streams(seed).of("rows")
    with simulated_disks() as bay:
        disk = put_in(bay, home / f"{seed}a", LOSING, seed)
        with closing(connect(driver, disk.root, level)) as connection:
            connection.execute("CREATE TABLE t (a, b)")
            said = 5 + dice.below(60)
            for number in range(said):
                connection.execute("INSERT INTO t VALUES (?, ?)", (number, b"x" * dice.below(3000)))
            disk.survivors(home / f"{seed}b", power_cut=True)
        try:
            with closing(connect(driver, home / f"{seed}b")) as connection:
                found = connection.execute("SELECT count(*) FROM t").fetchone()[0]
                return said, found, connection.execute("PRAGMA integrity_check").fetchone()[0]
        except driver.Error as error:
            return said, 0, str(error)


@pytest.mark.parametrize("driver", DRIVERS)
def test_with_full_synchronisation_no_cut_takes_an_acknowledged_row(driver: Any, tmp_path: Path) -> None:
    results = [after_a_cut(driver, "FULL", tmp_path, seed) for seed in range(60)]
    assert [found for said, found, _ in results] == [said for said, _, _ in results]
    assert {health for _, _, health in results} == {"ok"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_with_normal_synchronisation_most_cuts_do(driver: Any, tmp_path: Path) -> None:
    results = [after_a_cut(driver, "NORMAL", tmp_path, seed) for seed in range(30)]
    assert sum(found < said for said, found, _ in results) > 15
    assert all(health == "ok" or "no such table" in health for _, _, health in results)


def test_without_synchronisation_files_break(tmp_path: Path) -> None:
    results = [after_a_cut(sqlite3, "OFF", tmp_path, seed) for seed in range(30)]
    assert any("malformed" in health for _, _, health in results)


def test_a_crash_without_a_cut_takes_nothing(tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(connect(sqlite3, disk.root, "OFF")) as connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("COMMIT")
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (2)")
            disk.survivors(tmp_path / "b", power_cut=False)
        with closing(sqlite3.connect(tmp_path / "b" / "x.db")) as connection:
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_what_a_cut_may_take_is_what_was_not_synced(tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(connect(sqlite3, disk.root, "OFF")) as connection:
            connection.execute("CREATE TABLE t (a)")
            assert [Path(path).name for path, file in disk.files.items() if file.unsynced] == ["x.db-wal"]
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("INSERT INTO t VALUES (1)")
            assert not any(file.unsynced for file in disk.files.values())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_full_disk_refuses_and_clears_without_loss(driver: Any, tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(connect(driver, disk.root)) as connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("INSERT INTO t VALUES (1)")
            disk.full = True
            with pytest.raises(driver.OperationalError, match="full"):
                connection.execute("INSERT INTO t VALUES (2)")
            disk.full = False
            connection.execute("INSERT INTO t VALUES (3)")
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,), (3,)]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("fault", "words"), [("fsync_error", "I/O error"), ("locked_database", "locked")])
def test_other_faults_reach_the_driver_as_their_own_errors(
    driver: Any, tmp_path: Path, fault: str, words: str
) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(connect(driver, disk.root)) as connection:
            connection.execute("CREATE TABLE t (a)")
            disk._chaos.profile = replace(CALM, **{fault: 1.0})
            with pytest.raises(driver.OperationalError, match=words):
                connection.execute("INSERT INTO t VALUES (1)")
            assert disk._chaos.hits[fault] > 0
            disk._chaos.heal()
            connection.execute("INSERT INTO t VALUES (2)")


def test_a_crash_in_a_write_leaves_what_was_written_so_far(tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(connect(sqlite3, disk.root)) as connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("INSERT INTO t VALUES (1)")
            left = iter([False])

            def crash() -> bool:
                if next(left, True) and not (tmp_path / "b").exists():
                    disk.survivors(tmp_path / "b", power_cut=False)
                return (tmp_path / "b").exists()

            disk.on_write = crash
            with pytest.raises(sqlite3.OperationalError, match="I/O"):
                connection.execute("INSERT INTO t VALUES (2)")
        with closing(sqlite3.connect(tmp_path / "b" / "x.db")) as connection:
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_files_elsewhere_are_left_alone(tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            connection.execute("CREATE TABLE t (a)")
        assert disk.files == {}


def test_sqlite_is_itself_again_afterwards(tmp_path: Path) -> None:
    with simulated_disks() as bay:
        disk = put_in(bay, tmp_path / "a")
    with closing(sqlite3.connect(disk.root / "x.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    assert disk.files == {}


def test_where_the_symbols_are_hidden_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_LIBRARIES", ("zlib",))
    disks._interposers.cache_clear()
    try:
        assert "zlib" in str(obstacle())
    finally:
        monkeypatch.undo()
        disks._interposers.cache_clear()


def test_a_connection_may_outlive_the_interpreter(tmp_path: Path) -> None:
    program = f"""
import pathlib, sqlite3, sys
from sqlcipher3 import dbapi2
from simulators.disks import Disk, simulated_disks
from simulators.faults import CALM, Chaos
from simulators.streams import Streams
with simulated_disks() as bay:
    bay.insert(Disk(pathlib.Path({str(tmp_path)!r}), "host", Chaos(CALM, Streams(1))))
    for number, driver in enumerate((sqlite3, dbapi2)):
        connection = driver.connect(f"{tmp_path}/{{number}}.db")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        circle = [connection]
        circle.append(circle)
        setattr(sys, f"circle{{number}}", circle)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
