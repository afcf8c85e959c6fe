from datetime import timedelta

import pytest

from device.core.session import Queue
from device.core.transfers import (
    REST_AFTER_REFUSAL,
    AskPlace,
    SendChunk,
    Uploads,
    Waiting,
    may_move,
    next_range,
)
from shared.blobs import CHUNK_BYTES, RANGE_BYTES_MAX, Progress, read_progress, read_range
from tests.builders import NOW

SMALL, LARGE = Waiting("aa", 10), Waiting("bb", CHUNK_BYTES * 2 + 5)


def test_the_server_is_asked_before_the_first_byte_and_its_place_is_the_only_one() -> None:
    uploads = Uploads()
    assert uploads.next_move(NOW, [LARGE]) == AskPlace("bb")
    uploads.told("bb", Progress(CHUNK_BYTES), NOW)
    assert uploads.next_move(NOW, [LARGE]) == SendChunk("bb", CHUNK_BYTES, CHUNK_BYTES)
    uploads.told("bb", Progress(CHUNK_BYTES * 2), NOW)
    assert uploads.next_move(NOW, [LARGE]) == SendChunk("bb", CHUNK_BYTES * 2, 5)


def test_a_piece_without_an_answer_is_not_counted() -> None:
    uploads = Uploads()
    uploads.told("bb", Progress(CHUNK_BYTES), NOW)
    uploads.lost("bb")
    assert uploads.next_move(NOW, [LARGE]) == AskPlace("bb")


def test_all_sent_is_not_complete_until_the_server_says_so() -> None:
    uploads = Uploads()
    uploads.told("bb", Progress(LARGE.size), NOW)
    assert uploads.next_move(NOW, [LARGE]) == AskPlace("bb")


def test_what_the_server_has_in_full_and_is_asked_about_again_rests() -> None:
    uploads = Uploads()
    uploads.told("bb", Progress(CHUNK_BYTES), NOW)
    uploads.told("bb", Progress(LARGE.size, complete=True), NOW)
    assert uploads.next_move(NOW, [LARGE]) == AskPlace("bb"), "it was sent, and may be lost there since"
    uploads.told("bb", Progress(LARGE.size, complete=True), NOW)
    assert uploads.next_move(NOW, [LARGE]) is None


def test_the_smaller_file_goes_first() -> None:
    assert Uploads().next_move(NOW, [LARGE, SMALL]) == AskPlace("aa")
    assert Uploads().next_move(NOW, []) is None


def test_a_refused_file_rests_and_holds_up_no_other() -> None:
    uploads = Uploads()
    uploads.refused("aa", NOW)
    assert uploads.next_move(NOW, [SMALL, LARGE]) == AskPlace("bb")
    assert uploads.next_move(NOW, [SMALL]) is None
    assert uploads.next_move(NOW + REST_AFTER_REFUSAL, [SMALL]) == AskPlace("aa")
    assert uploads.next_move(NOW - timedelta(days=1), [SMALL]) == AskPlace("aa"), "a clock set back is no reason"


@pytest.mark.parametrize(
    ("queue", "online", "failures", "moves"),
    [
        (Queue(), True, 0, True),
        (Queue(held=("c",)), True, 0, True),
        (Queue(saved=("c",)), True, 0, False),
        (Queue(in_doubt=("c",)), True, 0, False),
        (Queue(), False, 0, False),
        (Queue(), True, 1, False),
    ],
)
def test_files_move_only_when_nothing_smaller_is_left(queue: Queue, online: bool, failures: int, moves: bool) -> None:
    assert may_move(queue, online=online, failures=failures) is moves


def test_what_comes_down_goes_on_where_it_stopped() -> None:
    assert next_range(RANGE_BYTES_MAX + 7, 0) == (0, RANGE_BYTES_MAX)
    assert next_range(RANGE_BYTES_MAX + 7, RANGE_BYTES_MAX) == (RANGE_BYTES_MAX, 7)
    assert next_range(7, 7) is None


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (None, None),
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 6)),
        ("bytes=4-99", (4, 6)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=0-\N{ARABIC-INDIC DIGIT SEVEN}", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header: str | None, asked: tuple[int, int] | None) -> None:
    assert read_range(header, 10) == asked


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_the_file_is_an_error(header: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        read_range(header, 10)


def test_progress_reads_back_and_nonsense_is_no_progress() -> None:
    headers = Progress(7, complete=True).to_headers()
    assert read_progress(*headers.values()) == Progress(7, complete=True)
    for offset, complete in [
        (None, "?1"),
        ("7", None),
        ("-7", "?0"),
        ("7", "true"),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", "?0"),
    ]:
        with pytest.raises(ValueError, match="progress"):
            read_progress(offset, complete)
