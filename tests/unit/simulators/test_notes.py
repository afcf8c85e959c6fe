from pathlib import Path

from shared.commands import payload_class
from shared.ids import kind_of
from simulators.demo.notes import CHARS_MAX, LINE_BYTES_MAX, from_file, shipped


def test_lines_that_are_no_notes_are_counted_by_reason(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    huge = b"x" * (3 * LINE_BYTES_MAX + 7)
    long = "ä".encode() * (CHARS_MAX + 1)
    file.write_bytes(b"\n".join([b"one", b"", b"\xff", huge, long, b"\x00\x01", b"  two  "]))
    found = from_file(file)
    assert [note.text for note in found.notes] == ["one", "two"]
    assert found.left_out == {"blank": 1, "not_utf8": 1, "too_long": 2, "binary": 1}


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(from_file(tmp_path / "empty").notes) == []


def test_the_shipped_notes_expect_commands_that_exist() -> None:
    notes = shipped().notes
    assert len(notes) >= 50
    for note in notes:
        assert note.job is not None
        assert kind_of(note.job) == "work_order"
        for act in note.expect or ():
            payload_class(act["kind"], 1).model_validate(act["payload"])
