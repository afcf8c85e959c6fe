"""The parts that pages are made of: codes, words, states, plots, forms as they were filled in."""

import re
from importlib import resources
from itertools import product

import pytest

from shared.outcomes import Hold, Outcome
from shared.records import ApprovalStatus, ConflictStatus, WorkStatus, WriteStatus
from sync_server.console import qr
from sync_server.console.audit import _rest
from sync_server.console.blocks import Field, Form, Mono, Said, filled, said
from sync_server.console.plots import Bar, number, plot
from sync_server.console.states import STATES, held_as, settled_as, state_of
from sync_server.console.words import language_of, sayer
from sync_server.store import DeviceState

# -- codes


def read_back(grid: qr.Grid) -> bytes:
    """The bytes in a code, by the standard's way back: format, mask, blocks; and every block's syndromes."""
    size = len(grid)
    told = [grid[row][8] for row in (0, 1, 2, 3, 4, 5, 7, 8)] + [grid[8][column] for column in (7, 5, 4, 3, 2, 1, 0)]
    number = sum(bit << place for place, bit in enumerate(told))
    mask = next(each for each in range(8) if qr.format_bits(each) == number)
    version = (size - 17) // 4
    fixed = qr._fixed(version)
    bits = [grid[row][column] ^ qr._MASKS[mask](row, column) for row, column in qr.places(size, fixed)]
    words = [int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, len(bits) - 7, 8)]
    sizes, parity = qr._BLOCKS[version]
    blocks: list[list[int]] = [[] for _ in sizes]
    for place in range(sum(sizes) + parity * len(sizes)):
        blocks[place % len(sizes)].append(words[place])
    for block in blocks:
        for exponent in range(parity):
            value = 0
            for word in block:
                value = qr.product_of(value, qr._POWERS[exponent]) ^ word
            assert value == 0, "a block whose error correction does not fit"
    data = bytes(word for block in blocks for word in block[: sizes[0]])
    text = "".join(f"{byte:08b}" for byte in data)
    assert text[:4] == "0100"
    length = int(text[4:12], 2)
    return bytes(int(text[12 + 8 * n : 20 + 8 * n], 2) for n in range(length))


@pytest.mark.parametrize("length", [1, 14, 15, 26, 42, 43, 62, 84, 85, 106])
def test_a_code_says_what_was_put_into_it(length: int) -> None:
    text = ("http://server:8750 ABCD-EFGH-JKMN " * 4)[:length]
    assert read_back(qr.matrix(text)) == text.encode()


def test_a_code_has_what_readers_look_for() -> None:
    grid = qr.matrix("http://127.0.0.1:8750 ABCD-EFGH-JKMN")
    size = len(grid)
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        rings = {(row, column): max(abs(row - 3), abs(column - 3)) for row, column in product(range(7), repeat=2)}
        assert all(grid[top + row][left + column] == int(ring != 2) for (row, column), ring in rings.items())
    assert [grid[6][at] for at in range(8, size - 8)] == [(at + 1) % 2 for at in range(8, size - 8)]
    assert grid[size - 8][8] == 1


def test_the_format_is_the_standards_own() -> None:
    # ISO/IEC 18004:2015, annex C: level M, mask 5
    assert qr.format_bits(0b101) == 0b100000011001110


def test_a_code_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="106 bytes"):
        qr.matrix("x" * 107)


def test_a_code_is_drawn_with_a_margin_and_its_own_colours() -> None:
    drawn = qr.svg("code", module=2)
    assert 'fill="#fff"' in drawn
    assert f'width="{(21 + 8) * 2}"' in drawn
    assert " style=" not in drawn


# -- words


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("tlh, qps;q=0.5", "qps"),
        ("qps;q=0.1, en;q=0.9", "en"),
        (";q=x,,*", "en"),
    ],
)
def test_the_first_language_that_is_here_is_spoken(asked: str, language: str) -> None:
    assert language_of(asked) == language


def test_a_sentence_is_said_with_its_values() -> None:
    assert sayer("en")(said("{n} to decide", n=3)) == "3 to decide"
    assert sayer("qps")(said("{n} of {what}", n=3, what=Said("some"))) == "⟦3 of ⟦some⟧⟧"


def test_what_stands_in_a_sentence_is_never_read_as_one() -> None:
    assert sayer("en")(said("by {name}", name="{n} {0} {x.y}")) == "by {n} {0} {x.y}"


# -- states


def test_every_state_that_something_can_have_is_in_the_one_vocabulary() -> None:
    for kind, states in (
        ("conflict", ConflictStatus),
        ("approval", ApprovalStatus),
        ("external_write", WriteStatus),
        ("device", DeviceState),
        ("work_order", WorkStatus),
    ):
        assert {(kind, each.value) for each in states} <= {(kind, str(status)) for kind, status in STATES}
    assert all(settled_as(each).glyph in "+?!" for each in Outcome)
    assert all(held_as(each).glyph in "o?" for each in Hold)


def test_what_nobody_knows_is_shown_as_it_is_and_asks_for_somebody() -> None:
    unknown = state_of("device", "melted")
    assert (unknown.glyph, unknown.word.text, str(unknown.tone)) == ("!", "melted", "needs")


def test_nobody_says_synced() -> None:
    said_ = " ".join(each.word.text for each in STATES.values())
    assert not re.search("sync", said_, re.IGNORECASE)


# -- plots


def test_a_plot_says_the_same_in_its_table_and_escapes_its_labels() -> None:
    section = plot(Said("Bytes"), [Bar("<b>", 10), Bar("cloud", 2.5)], "bytes", Said("none"))
    picture, folded = section.blocks
    assert "&lt;b&gt;" in picture.svg
    assert "<b>" not in picture.svg
    assert folded.blocks[0].rows == (("<b>", "10"), ("cloud", "2.5"))


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (12345, "12,345"), (0.12345, "0.123"), (12.34, "12.3")])
def test_a_figure_has_as_many_digits_as_say_something(value: float, text: str) -> None:
    assert number(value) == text


# -- forms


def test_a_form_comes_back_as_it_was_filled_in_and_no_other_does() -> None:
    fields = (Field("a", "A"), Field("b", "B", "check"), Field("p", "P", "password"), Field("h", "", "hidden", "1"))
    form = Form("this", fields, ())
    given = {"which": "this", "a": "typed", "b": "on", "p": "secret", "h": "2"}
    assert [each.value for each in filled(form, given).fields] == ["typed", "on", "", "1"]
    assert filled(form, {**given, "which": "other"}) is form


# -- small promises


def test_the_place_of_an_answer_stands_in_its_audit_row_as_the_laptop_says_it() -> None:
    (told,) = _rest({"act": "inference", "route": "private_cluster", "ended": "answered"}).values
    assert told.startswith("PRIVATE CLUSTER; ")


def test_a_hash_in_an_audit_row_may_be_broken_and_nothing_is_lost() -> None:
    assert _rest({"model": "small-q4", "sha256": "7" * 64}).values == ("model: small-q4", Mono(f"sha256: {'7' * 64}"))
    assert _rest({}).values == ("–",)


def test_nothing_moves_on_a_page_of_the_console() -> None:
    style = (resources.files("sync_server.console") / "static" / "console.css").read_text(encoding="utf-8")
    assert not re.search(r"transition|animation|@keyframes", style)
