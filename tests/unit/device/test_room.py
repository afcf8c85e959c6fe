"""Room in the log: taken once, behind everything, and nothing that was saved depends on it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from device.errors import StoreError
from device.store import DeviceStore
from device.store.room import LOG_BYTES, lengthen

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.db"


@pytest.fixture
def store(path: Path) -> Iterator[DeviceStore]:
    opened = DeviceStore.open(path, KEY)
    yield opened
    opened.close()


def log_of(path: Path) -> Path:
    return path.with_name("device.db-wal")


def after_a_crash(path: Path, to: Path, keep: int | None = None) -> dict[str, str | None]:
    """What is in a copy of the files as they are now, with only `keep` bytes of the log."""
    to.mkdir()
    for file in (path, log_of(path)):
        shutil.copy(file, to / file.name)
    if keep is not None:
        with (to / "device.db-wal").open("r+b") as log:
            log.truncate(keep)
            log.truncate(LOG_BYTES)
    with closing(DeviceStore.open(to / path.name, KEY)) as again, again.transaction() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {key: again.meta(key) for key in ("before", "after")}


def test_room_is_taken_once_and_behind_everything_that_is_there(path: Path, store: DeviceStore) -> None:
    store.set_meta("before", "1")
    there = log_of(path).read_bytes()
    store.make_room()
    assert log_of(path).read_bytes() == there.ljust(LOG_BYTES, b"\0")
    store.make_room()
    store.set_meta("after", "2")
    assert log_of(path).stat().st_size == LOG_BYTES


def test_what_was_saved_before_and_after_survives_a_crash(path: Path, store: DeviceStore, tmp_path: Path) -> None:
    store.set_meta("before", "1")
    store.make_room()
    assert after_a_crash(path, tmp_path / "a") == {"before": "1", "after": None}
    store.set_meta("after", "2")
    assert after_a_crash(path, tmp_path / "b") == {"before": "1", "after": "2"}


def test_a_torn_commit_in_the_room_is_none(path: Path, store: DeviceStore, tmp_path: Path) -> None:
    store.set_meta("before", "1")
    end = log_of(path).stat().st_size
    store.make_room()
    store.set_meta("after", "2")
    for number, reached in enumerate((end, end + 24, end + 24 + 512, end + 24 + 4095)):
        assert after_a_crash(path, tmp_path / str(number), keep=reached) == {"before": "1", "after": None}


def test_an_empty_log_with_room_is_an_empty_log(path: Path, store: DeviceStore, tmp_path: Path) -> None:
    store.set_meta("before", "1")
    with store.transaction() as connection:
        connection.execute("SELECT 1")
    store._driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert log_of(path).stat().st_size == 0
    store.make_room()
    assert after_a_crash(path, tmp_path / "a") == {"before": "1", "after": None}
    with closing(DeviceStore.open(path, KEY)) as other:
        other.set_meta("after", "2")
        assert store.meta("after") == "2"
    assert after_a_crash(path, tmp_path / "b") == {"before": "1", "after": "2"}


def test_nobody_touches_the_log_of_one_who_is_writing(path: Path, store: DeviceStore) -> None:
    store._driver.execute("PRAGMA busy_timeout = 0")
    with closing(DeviceStore.open(path, KEY)) as other, other.transaction():
        size = log_of(path).stat().st_size
        with pytest.raises(StoreError, match="Another program"):
            store.make_room()
        assert log_of(path).stat().st_size == size


def test_where_there_is_no_room_nothing_is_said_and_nothing_is_left(
    path: Path, store: DeviceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set_meta("before", "1")
    size = log_of(path).stat().st_size

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    store.make_room()
    assert log_of(path).stat().st_size == size
    assert store.meta("before") == "1"


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    lengthen(tmp_path / "device.db-wal")
    assert list(tmp_path.iterdir()) == []


def test_the_room_is_what_the_log_grows_to(store: DeviceStore) -> None:
    pragmas = ("wal_autocheckpoint", "page_size")
    pages, page = (int(store._driver.execute(f"PRAGMA {name}").fetchone()[0]) for name in pragmas)
    assert 32 + pages * (24 + page) == LOG_BYTES
    assert dbapi2.sqlite_version_info >= (3, 38)  # `->>`
