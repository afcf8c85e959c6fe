import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.attachments import Attachments, FileDraft, media_type_of, read_file, safe_name
from device.errors import LocalError
from device.store import DeviceStore
from shared.attachments import Attachment
from shared.blobs import CHUNK_BYTES

KEY = b"k" * 32
BYTES = bytes(range(256)) * (CHUNK_BYTES // 128) + b"end"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DeviceStore]:
    opened = DeviceStore.open(tmp_path / "device.db", KEY)
    yield opened
    opened.close()


def draft(content: bytes = BYTES, name: str = "pump.jpg") -> FileDraft:
    digest = hashlib.sha256(content).hexdigest()
    return FileDraft(name, Attachment(sha256=digest, size=len(content), media_type="image/jpeg"), content)


# -- taking a file in


def test_a_file_is_read_with_its_name_size_hash_and_type(tmp_path: Path) -> None:
    path = tmp_path / "Pump 7.JPG"
    path.write_bytes(b"photo")
    read = read_file(path)
    assert (read.name, read.content) == ("Pump 7.JPG", b"photo")
    assert read.attachment.model_dump() == {
        "sha256": hashlib.sha256(b"photo").hexdigest(),
        "size": 5,
        "media_type": "image/jpeg",
    }


def test_what_cannot_be_attached_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "large.bin").write_bytes(b"x" * 11)
    for name, words in [("none.jpg", "no file"), (".", "no file"), ("empty.csv", "empty"), ("large.bin", "up to")]:
        with pytest.raises(LocalError, match=words):
            read_file(tmp_path / name, bytes_max=10)


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "secret.txt"
    path.write_text("x")
    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(LocalError, match="permissions"):
        read_file(path)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.HEIC", "image/heic"),
        ("a.csv", "text/csv"),
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ],
)
def test_the_extension_gives_the_media_type(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a b.jpg", "a b.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".bashrc", "bashrc"),
        ("…", "_"),
        ("..", "file"),
    ],
)
def test_a_name_that_somebody_wrote_points_nowhere_here(name: str, safe: str) -> None:
    assert safe_name(name) == safe


# -- keeping it


def test_bytes_lie_encrypted_and_come_back_whole_and_in_pieces(tmp_path: Path, store: DeviceStore) -> None:
    marked = draft(b"a secret photo " * 50_000)
    kept = Attachments(store)
    kept.add(marked, "command-1")
    store.close()
    for file in tmp_path.iterdir():
        assert b"a secret photo" not in file.read_bytes()
    again = DeviceStore.open(tmp_path / "device.db", KEY)
    kept = Attachments(again)
    assert kept.content(marked.attachment.sha256) == marked.content
    for start, length in [(0, 10), (CHUNK_BYTES - 3, 7), (CHUNK_BYTES, CHUNK_BYTES), (len(marked.content) - 2, 50)]:
        assert kept.piece(marked.attachment.sha256, start, length) == marked.content[start : start + length]
    again.close()


def test_a_file_is_kept_with_its_command_or_not_at_all(store: DeviceStore) -> None:
    kept = Attachments(store)

    def half() -> None:
        with store.transaction():
            kept.add(draft(), "command-1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert kept.content(draft().attachment.sha256) is None
    assert kept.standings() == {}


def test_the_same_bytes_are_kept_once_and_not_sent_again_once_they_are_up(store: DeviceStore) -> None:
    kept = Attachments(store)
    kept.add(draft(), "command-1")
    kept.mark_up(draft().attachment.sha256)
    kept.add(draft(name="again.jpg"), "command-2")
    assert {name: each.up for name, each in kept.standings().items()} == {"command-1": True, "command-2": True}
    assert kept.content(draft().attachment.sha256) == BYTES


def test_a_percentage_reaches_a_hundred_only_by_the_servers_word(store: DeviceStore) -> None:
    kept = Attachments(store)
    kept.add(draft(), "command-1")
    kept.mark_sent(draft().attachment.sha256, len(BYTES))
    assert kept.standings()["command-1"].percent == 99
    kept.mark_up(draft().attachment.sha256)
    assert kept.standings()["command-1"].percent == 100


# -- coming down


def test_what_came_down_is_usable_only_after_all_of_it_was_verified(store: DeviceStore) -> None:
    kept, file = Attachments(store), draft().attachment
    kept.take(file, 0, BYTES[:CHUNK_BYTES])
    assert kept.fetched(file) == CHUNK_BYTES
    assert kept.content(file.sha256) is None
    kept.take(file, CHUNK_BYTES, BYTES[CHUNK_BYTES:])
    assert kept.content(file.sha256) is None
    assert kept.finish(file)
    assert kept.content(file.sha256) == BYTES


def test_wrong_bytes_that_came_down_are_thrown_away(store: DeviceStore) -> None:
    kept, file = Attachments(store), draft().attachment
    kept.take(file, 0, b"x" * len(BYTES))
    assert not kept.finish(file)
    assert (kept.content(file.sha256), kept.fetched(file)) == (None, 0)
