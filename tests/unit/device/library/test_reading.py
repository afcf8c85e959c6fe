"""Pages out of whatever bytes come. What a hostile PDF does to its reader happens in another process."""

import sys
import zlib
from pathlib import Path

import pytest

from device.library import pdf_worker, reading
from device.library.reading import SENTENCES, Step, read_step
from shared.documents import DOCUMENT_BYTES_MAX, MARKDOWN, PDF, PLAIN
from simulators.bench.pdf import Box, PdfPage, Words, write_pdf

pytest.importorskip("pypdf")


def page(*lines: str) -> PdfPage:
    return [Words(60, 800 - 14 * at, line) for at, line in enumerate(lines)]


def texts(step: Step) -> list[tuple[int, int, str]]:
    return [(following, each.number, each.text.strip()) for following, each in step.pages]


def test_a_pdf_is_read_some_pages_at_a_time() -> None:
    content = write_pdf([page("first"), page("second"), [Box(10, 10, 50, 50)], page("fourth")])
    first = read_step(content, PDF, 0, count=2)
    assert (texts(first), first.following, first.total, first.ended) == (
        [(1, 1, "first"), (2, 2, "second")],
        2,
        4,
        False,
    )
    second = read_step(content, PDF, 2, count=2)
    assert (texts(second), second.following, second.ended) == ([(4, 4, "fourth")], 4, True)


def test_the_columns_of_a_pdfs_table_stay_apart() -> None:
    content = write_pdf(
        [[Words(60, 700, "Joint"), Words(300, 700, "Torque"), Words(60, 680, "Lid"), Words(300, 680, "9 Nm")]]
    )
    ((_, read),) = read_step(content, PDF, 0).pages
    rows = [line.split() for line in read.text.splitlines() if line.strip()]
    assert rows == [["Joint", "Torque"], ["Lid", "9", "Nm"]]
    assert "Lid  " in read.text


def encrypted() -> bytes:
    import pypdf

    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    import io

    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type", "why"),
    [
        (b"", PDF, "damaged"),
        (b"%PDF-1.4\nnothing else", PDF, "damaged"),
        (b"\x00" * 5000, PDF, "damaged"),
        (encrypted(), PDF, "encrypted"),
        (b" \n\t\n", MARKDOWN, "empty"),
        (b"\x00\x01\x02", PLAIN, "empty"),
        (b"PK\x03\x04", "application/zip", "type"),
    ],
    ids=["nothing", "no pages", "zeros", "encrypted", "blank", "control characters", "another type"],
)
def test_what_cannot_be_read_is_one_sentence(content: bytes, media_type: str, why: str) -> None:
    step = read_step(content, media_type, 0)
    assert (step.pages, step.problem, step.ended) == ((), SENTENCES[why], True)


def test_what_is_too_large_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_worked", lambda *_: pytest.fail("it was parsed"))
    assert read_step(bytes(DOCUMENT_BYTES_MAX + 1), PDF, 0).problem == SENTENCES["large"]


def test_a_truncated_pdf_gives_the_pages_that_are_left_or_a_sentence() -> None:
    whole = write_pdf([page(f"page {number} " + "word " * 40) for number in range(1, 9)])
    for cut in (len(whole) // 8, len(whole) // 2, len(whole) - 40):
        step = read_step(whole[:cut], PDF, 0)
        assert step.problem == SENTENCES["damaged"] or step.total


def bomb() -> bytes:
    """A page whose few kilobytes unpack to a quarter of a gigabyte."""
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(bytes(1 << 24)) for _ in range(16)) + packer.flush()
    good = write_pdf([page("before"), page("behind")])
    marker = b"<< /Length "
    at = good.index(marker, good.index(marker) + 1)  # the second page's content
    end = good.index(b"endstream", at)
    body = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\n" % (len(stream), stream)
    return good[:at] + body + good[end:]


def test_a_page_that_ends_its_reader_is_left_out_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child dies at its second page; what it had read counts, and the next step goes on behind it."""

    def dies(content: bytes, first: int, count: int, within_s: float) -> bytes:
        lines = (
            [b'{"pages": 4}', b'{"page": 0, "text": "one"}', b'{"page": 1, "te'] if first == 0 else [b'{"pages": 4}']
        )
        lines += [b'{"page": 2, "text": "three"}', b'{"page": 3, "text": "four"}'] if first == 2 else []
        return b"\n".join(lines)

    monkeypatch.setattr(reading, "_worked", dies)
    first = read_step(b"x", PDF, 0)
    assert (texts(first), first.following, first.bad, first.ended) == ([(1, 1, "one")], 2, 1, False)
    second = read_step(b"x", PDF, 2)
    assert (texts(second), second.bad, second.ended) == ([(3, 3, "three"), (4, 4, "four")], 0, True)


def test_a_page_that_unpacks_a_thousandfold_does_not_reach_this_process() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = read_step(bomb(), PDF, 0, within_s=60)
    assert step.problem or step.following == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kilobytes"


def test_a_reader_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stuck = tmp_path / "stuck"
    stuck.write_text('#!/bin/sh\necho \'{"pages": 9}\'\necho \'{"page": 0, "text": "one"}\'\nexec sleep 600\n')
    stuck.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stuck))
    step = read_step(b"x", PDF, 0, within_s=1.0)
    assert (texts(step), step.following, step.bad) == ([(1, 1, "one")], 2, 1)


def test_the_worker_says_what_it_is_asked_and_dies_alone(capsys: pytest.CaptureFixture[str]) -> None:
    pdf_worker._read(write_pdf([page("first"), page("second")]), 1, 5)
    assert capsys.readouterr().out.splitlines()[0] == '{"pages": 2}'
