"""Records that need not be read again: the same text gives the same record, and any other text is read."""

from dataclasses import replace

from pydantic_core import to_json

from shared.records import Record, record_to_json
from sync_server.store.read_records import ReadRecords
from tests.builders import record as work_order


def text_of(record: Record) -> str:
    return to_json(record_to_json(record)).decode()


def test_the_same_text_is_read_once_and_another_text_is_another_record() -> None:
    read, record = ReadRecords(), work_order()
    first = read.read("t", record.ref, text_of(record))
    assert first == record
    assert read.read("t", record.ref, text_of(record)) is first
    other = replace(record, version=record.version + 1, fields={**record.fields, "title": "Another"})
    assert read.read("t", record.ref, text_of(other)) == other
    assert read.read("t", record.ref, text_of(record)) == record


def test_what_was_written_and_undone_is_not_what_is_read() -> None:
    read, record = ReadRecords(), work_order()
    undone = replace(record, version=record.version + 1)
    read.keep("t", undone, text_of(undone))
    assert read.read("t", record.ref, text_of(record)) == record


def test_organisations_do_not_meet() -> None:
    read, record = ReadRecords(), work_order()
    other = replace(record, fields={**record.fields, "title": "Theirs"})
    read.keep("t", record, text_of(record))
    read.keep("u", other, text_of(other))
    assert read.read("t", record.ref, text_of(record)) is record
    assert read.read("u", record.ref, text_of(other)) is other


def test_only_so_much_is_kept_and_the_oldest_goes_first() -> None:
    records = [replace(work_order(), ref=f"work_order/WO-{number}") for number in range(3)]
    read = ReadRecords(chars_max=2 * len(text_of(records[0])))
    for record in records:
        read.keep("t", record, text_of(record))
    kept = [read.read("t", record.ref, text_of(record)) is record for record in reversed(records)]
    assert kept == [True, True, False]
