import json
from pathlib import Path

import pytest

from device import keys
from device.errors import LocalError
from tests.builders import Counting

PIN = "2468"


def test_the_pin_opens_what_it_sealed(tmp_path: Path) -> None:
    made = keys.make(tmp_path / "keys.json", PIN, Counting())
    opened = keys.unlock(tmp_path / "keys.json", PIN)
    assert opened.database == made.database
    assert (opened.technician.public, opened.device.public) == (made.technician.public, made.device.public)
    assert len({made.database, made.technician.public, made.device.public}) == 3


def test_another_pin_does_not(tmp_path: Path) -> None:
    keys.make(tmp_path / "keys.json", PIN, Counting())
    with pytest.raises(LocalError, match="Wrong PIN"):
        keys.unlock(tmp_path / "keys.json", "2469")


def test_no_secret_lies_in_the_file_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = keys.make(path, PIN, Counting())
    text = path.read_text()
    for secret in (
        made.database,
        made.technician.private.private_bytes_raw(),
        made.device.private.private_bytes_raw(),
    ):
        assert secret.hex() not in text
    assert path.stat().st_mode & 0o077 == 0
    assert "database" not in repr(made)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", "not json"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(damage)
    with pytest.raises(LocalError, match="damaged"):
        keys.unlock(path, PIN)


def test_a_flipped_bit_in_the_box_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.make(path, PIN, Counting())
    sealed = json.loads(path.read_text())
    sealed["box"] = ("0" if sealed["box"][0] != "0" else "1") + sealed["box"][1:]
    path.write_text(json.dumps(sealed))
    with pytest.raises(LocalError):
        keys.unlock(path, PIN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("salt", "abc"),
        ("salt", "ab"),
        ("nonce", "ab"),
        ("memory_kib", 1 << 40),
        ("memory_kib", -1),
        ("passes", 0),
        ("lanes", 1 << 30),
    ],
)
def test_a_damaged_number_or_salt_is_a_sentence(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "keys.json"
    keys.make(path, PIN, Counting())
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(LocalError, match="damaged"):
        keys.unlock(path, PIN)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.make(path, PIN, Counting())
    before = path.read_bytes()
    with pytest.raises(LocalError, match="exists already"):
        keys.make(path, PIN, Counting())
    assert path.read_bytes() == before


def test_a_pin_has_a_length(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="at least 4"):
        keys.make(tmp_path / "keys.json", "123", Counting())
    assert not (tmp_path / "keys.json").exists()


def test_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="tailboard enrol"):
        keys.unlock(tmp_path / "keys.json", PIN)
