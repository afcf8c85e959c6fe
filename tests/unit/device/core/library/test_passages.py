import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.library.passages import PASSAGE_CHARS, QUOTE_CHARS_MAX, passages_of, sentences, units_of
from device.core.library.quotes import flat

PAGE = """# 4 Assembly

## 4.2 Casing bolts

Tighten crosswise. Check again
after one hour.

| model | torque Nm |
|---|---|
| NX65 | 65 |
| NX80 | 80 |

1. Lock out.
2. Slacken the foot,
   then the bolts.
"""


def test_a_passage_knows_the_headings_above_it_from_page_to_page() -> None:
    (first,), path = passages_of(PAGE)
    assert first.section == "4 Assembly > 4.2 Casing bolts"
    (second,), path = passages_of("Still about bolts.\n", path)
    assert second.section == "4 Assembly > 4.2 Casing bolts"
    (third,), _ = passages_of("## 4.3 Gasket\nFit it dry.\n", path)
    assert third.section == "4 Assembly > 4.3 Gasket"


def test_headings_are_known_without_marks() -> None:
    found, _ = passages_of("LUBRICATION CHART\nDrums take grease.\n\n5.1 Separator element\nRemove the line.\n")
    assert [each.section for each in found] == ["LUBRICATION CHART", "LUBRICATION CHART > 5.1 Separator element"]


def test_units_are_sentences_rows_and_steps() -> None:
    (passage,), _ = passages_of(PAGE)
    units = units_of(passage.body)
    assert [unit.said for unit in units] == [
        "Tighten crosswise.",
        "Check again after one hour.",
        "NX65: torque Nm 65",
        "NX80: torque Nm 80",
        "Lock out.",
        "Slacken the foot, then the bolts.",
    ]
    assert [unit.header for unit in units if unit.header] == ["| model | torque Nm |"] * 2
    assert [unit.step for unit in units] == [False] * 4 + [True] * 2


def test_columns_that_only_stand_apart_are_a_table() -> None:
    (row, other) = units_of("Joint        Torque\nHead bolts   95 Nm\nCover        9 Nm")
    assert (row.said, row.header) == ("Head bolts: Torque 95 Nm", "Joint Torque")
    assert other.said == "Cover: Torque 9 Nm"


def test_a_long_table_keeps_its_header_in_every_passage() -> None:
    rows = "".join(f"| row {number} | {'word ' * 8}{number} |\n" for number in range(80))
    found, _ = passages_of(f"| name | what |\n|---|---|\n{rows}")
    assert len(found) > 2
    assert all(each.body.startswith("| name | what |") for each in found)
    assert all(len(each.body) < 2 * PASSAGE_CHARS for each in found)
    assert sum(len(units_of(each.body)) for each in found) == 80


@pytest.mark.parametrize(
    "text", ["Use approx. 5 Nm. Then stop.", "See Fig. 3. Then stop.", "Fit e.g. GSK. Then stop."]
)
def test_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert len(sentences(text)) == 2


@given(
    st.lists(
        st.sampled_from([*PAGE.splitlines(), "a  b  c", "| x | y |", "- item", "", "TITLE", "3.1 Name", "z" * 900])
    )
)
def test_whatever_the_page_every_quote_stands_on_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    found, _ = passages_of(text)
    page = flat(text)
    for passage in found:
        for unit in units_of(passage.body):
            assert flat(unit.quote) in page
            assert not unit.header or flat(unit.header) in page
            assert len(unit.quote) <= QUOTE_CHARS_MAX
