import hashlib
from pathlib import Path

import pytest

from sync_server.blob_files import BlobFiles, BlobLimits

BYTES = b"0123456789"
NAME = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> BlobFiles:
    return BlobFiles(tmp_path / "blobs", BlobLimits(100, 1000))


def test_a_file_has_its_name_only_after_its_bytes_were_verified(files: BlobFiles, tmp_path: Path) -> None:
    files.write("t", NAME, 0, BYTES[:4])
    assert (files.arrived("t", NAME), files.whole("t", NAME)) == (4, None)
    assert not files.finish("t", NAME, 4)
    files.write("t", NAME, 4, BYTES[4:])
    assert files.whole("t", NAME) is None
    assert files.finish("t", NAME, 10)
    assert (tmp_path / "blobs" / "t" / NAME[:2] / NAME[2:]).read_bytes() == BYTES
    assert (files.arrived("t", NAME), files.whole("t", NAME)) == (0, 10)


def test_bytes_behind_the_durable_place_are_overwritten_and_cut_off(files: BlobFiles) -> None:
    files.write("t", NAME, 0, BYTES[:4] + b"not acknowledged")
    files.write("t", NAME, 4, BYTES[4:])
    assert files.finish("t", NAME, 10)
    assert files.read("t", NAME, 0, 99) == BYTES


def test_wrong_bytes_get_no_name(files: BlobFiles) -> None:
    files.write("t", NAME, 0, b"9876543210")
    assert not files.finish("t", NAME, 10)
    files.discard("t", NAME)
    assert (files.arrived("t", NAME), files.whole("t", NAME)) == (0, None)


def test_who_comes_second_finds_the_file_finished(files: BlobFiles) -> None:
    files.write("t", NAME, 0, BYTES)
    assert files.finish("t", NAME, 10)
    assert files.finish("t", NAME, 10)
    assert not files.finish("t", NAME, 9)


def test_tenants_share_nothing(files: BlobFiles) -> None:
    files.write("t", NAME, 0, BYTES)
    assert files.finish("t", NAME, 10)
    assert files.whole("other", NAME) is None
