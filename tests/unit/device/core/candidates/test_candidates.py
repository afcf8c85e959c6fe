from typing import Any

import pytest

from device.core.candidates import measures, numbers_of, parts, plain, steps, works
from device.core.candidates.spans import CANDIDATES_MAX
from shared.records import Activity, Record
from tests.builders import PUMP, record

LIMITS: list[dict[str, Any]] = [
    {"quantity": "pressure", "unit": "bar"},
    {"quantity": "temperature", "unit": "C"},
    {"quantity": "vibration", "unit": "mm/s"},
    {"quantity": "flow", "unit": "m3/h"},
    {"quantity": "current", "unit": "A"},
    {"quantity": "level", "unit": "%"},
    {"quantity": "run_hours", "unit": "h"},
]
GENERATOR = record(PUMP, name="Standby generator 1", type="generator", model="DS250")


def item(number: str, name: str, unit: str = "pcs") -> Record:
    return record(f"stock_item/{number}", name=name, part_no=f"PN-{number}", unit=unit, on_hand=5)


STOCK = [
    item("FLT-1", "Inlet filter, NX pumps"),
    item("FLT-2", "Fuel filter, DS250"),
    item("BRG-1", "Drive end bearing 6309 C3"),
    item("BRG-2", "Non-drive end bearing 6307 C3"),
    item("BLT-1", "V-belt A68"),
    item("SEAL-1", "Mechanical seal kit, NX65-200"),
    item("VLV-1", "Pilot valve repair kit, PR150"),
    item("OIL-1", "Engine oil 15W-40", "l"),
]


def work(note: str) -> list[str]:
    return [each.activity.value for each in works(plain(note))]


def measured(note: str) -> list[tuple[str, float, str]]:
    return [(each.quantity.value, each.value, each.unit) for each in measures(plain(note), LIMITS)]


def state(note: str, allowed: tuple[str, ...] = ("in_progress", "on_hold", "done")) -> list[str]:
    return [each.to.value for each in steps(plain(note), allowed)]


def used(note: str, asset: Record | None = None) -> list[tuple[str, int]]:
    return [(each.item.ref.partition("/")[2], each.quantity) for each in parts(plain(note), STOCK, asset)]


# -- work


@pytest.mark.parametrize(
    ("note", "activity"),
    [
        ("KP220 REPLACE BLOWN HOSE", "replace"),
        ("KP220 REPL LHS LIFT CYL", "replace"),
        ("KP220-C/out pump frnt", "replace"),
        ("changed out windscreen", "replace"),
        ("rear light repairs", "repair"),
        ("welded cracked bracket", "repair"),
        ("1000H Mech Insp", "inspect"),
        ("500hr Service", "service"),
        ("greased cplg + oil changed", "service"),
        ("INV OIL LEAK", "diagnose"),
        ("traced earth fault", "diagnose"),
        ("retensioned belts", "adjust"),
        ("set downstream pressure to 3.3 bar", "adjust"),
        ("recal'd probe", "calibrate"),
    ],
)
def test_work_is_read_in_full_and_in_shorthand(note: str, activity: str) -> None:
    assert work(note) == [activity]


@pytest.mark.parametrize(
    "note",
    [
        "oil leak at gland",
        "grease plug broken",
        "check valve sticking",
        "inspection hatch cracked",
        "batteries out of service",
        "change room light flickering",
        "did not replace the filter",
        "couldn't fix it",
        "seal needs replacing",
        "no need to adjust",
        "calibration not possible",
        "check again on Friday",
        "seal replaced last week leaks",
        "started annual service",
    ],
)
def test_things_and_work_that_was_not_done_are_no_work(note: str) -> None:
    assert work(note) == []


def test_what_changed_most_comes_first_and_a_named_service_before_all() -> None:
    assert work("checked pump, coupling worn, replaced coupling") == ["replace", "inspect"]
    assert work("annual service, replaced strainer") == ["service", "replace"]


def test_letters_inside_words_say_nothing() -> None:
    assert work("prefixed benefits, transrepl, checkered plate") == []


# -- measures


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("4.2 bar", ("pressure", 4.2, "bar")),
        ("4,2bar", ("pressure", 4.2, "bar")),
        ("450 kPa", ("pressure", 450, "kPa")),
        ("62 °C", ("temperature", 62, "C")),
        ("8.2C", ("temperature", 8.2, "C")),
        ("brg 58 degC", ("temperature", 58, "C")),
        ("-5 deg", ("temperature", -5, "C")),
        ("22.4 m³/h", ("flow", 22.4, "m3/h")),
        ("drawing 27.5 amps", ("current", 27.5, "A")),
        ("fuel 72 %", ("level", 72, "%")),
        ("run hours 1184", ("run_hours", 1184, "h")),
        ("1,184 h on the clock", ("run_hours", 1184, "h")),
        ("vib DE 2.1", ("vibration", 2.1, "mm/s")),
        ("pressure steady at 4.3", ("pressure", 4.3, "bar")),
        ("was 5.1 bar, now 4.2 bar", ("pressure", 4.2, "bar")),
        ("limit is 6 bar; 5.4 bar", ("pressure", 5.4, "bar")),
        ("vib down from 6.8 to 2.4 mm/s", ("vibration", 2.4, "mm/s")),
    ],
)
def test_what_was_measured_is_read_in_the_unit_that_was_given(note: str, expected: tuple[str, float, str]) -> None:
    assert measured(note) == [expected]


@pytest.mark.parametrize(
    "note",
    [
        "P-7 and KP220 and A4",
        "12/11/2026, 12.11.2026, 2026-11-12",
        "at 10:30 and 0640h",
        "pos 3, no 4, #5, unit 2",
        "took 3 h",
        "500 h service",
        "fitted 10 A fuse",
        "control fuse 16 A",
        "6 bar hose",
        "M12 bolts, 40 mm",
        "2 x gasket, 3 off",
        "4.0-4.2 bar",
        "max 5.2 bar",
        "was 5.1 bar",
        "3.1 bar before",
        "12 V battery",
        "IP65 and 1/2 open",
        "pump 8 bargain",
    ],
)
def test_other_numbers_are_no_readings(note: str) -> None:
    assert measured(note) == []


def test_without_a_limit_for_it_nothing_is_a_reading() -> None:
    assert measures("4.2 bar, 62 C", [{"quantity": "turbidity", "unit": "NTU"}]) == ()
    assert measures("4.2 bar, 62 C", []) == ()


@pytest.mark.parametrize(
    ("text", "numbers"), [("4,2 bar", (4.2,)), ("1,184 h", (1184,)), ("two", (2,)), ("seal", ())]
)
def test_numbers_in_figures_and_in_words(text: str, numbers: tuple[float, ...]) -> None:
    assert numbers_of(text) == numbers


# -- steps


@pytest.mark.parametrize(
    ("note", "to"),
    [
        ("replaced hose, done", ["done"]),
        ("all good, back in service", ["done"]),
        ("waiting for permit", ["on_hold"]),
        ("parts on order", ["on_hold"]),
        ("started work", ["in_progress"]),
        ("not finished, back tomorrow", ["in_progress"]),
        ("half done", ["in_progress"]),
        ("done for today, waiting on gasket", ["on_hold"]),
        ("was on hold, all done", ["done"]),
        ("parts ordered, rest is done", ["on_hold", "done"]),
        ("no complete set on site", []),
        ("replaced complete pump", []),
        ("pump started ok", []),
        ("when done call me", []),
        ("abandoned", []),
    ],
)
def test_states_are_read(note: str, to: list[str]) -> None:
    assert state(note) == to


def test_only_allowed_states_are_read() -> None:
    assert state("done", ("on_hold",)) == []


# -- parts


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("replaced inlet filter", [("FLT-1", 1)]),
        ("repl inlet fltr P-7", [("FLT-1", 1)]),
        ("2 x inlet filters changed", [("FLT-1", 2)]),
        ("fitted a pair of v-belts", [("BLT-1", 2)]),
        ("put 3 new A68 belts on", [("BLT-1", 3)]),
        ("v-belt swapped (x2)", [("BLT-1", 2)]),
        ("used FLT-2", [("FLT-2", 1)]),
        ("fitted pn-brg-1", [("BRG-1", 1)]),
        ("6309 brg fitted", [("BRG-1", 1)]),
        ("NDE bearing c/o", [("BRG-2", 1)]),
        ("new mech seal fitted", [("SEAL-1", 1)]),
        ("topped up, 5 l engine oil", [("OIL-1", 5)]),
    ],
)
def test_parts_that_were_used(note: str, expected: list[tuple[str, int]]) -> None:
    assert used(note) == expected


@pytest.mark.parametrize(
    "note",
    [
        "inlet filter dirty",
        "inlet filter arrived",
        "did not replace the inlet filter",
        "inlet filter needs replacing",
        "replaced hose on inlet filter",
        "replaced inlet filter housing",
        "replaced pinion seal",
        "replaced pilot valve",
        "replaced inlet filters",
        "changed engine oil",
        "ordered 20 l engine oil",
        "need 5 l engine oil",
    ],
)
def test_parts_that_were_only_mentioned_or_not_counted(note: str) -> None:
    assert used(note) == []


def test_the_asset_tells_apart_what_the_words_do_not() -> None:
    assert sorted(used("replaced filter")) == [("FLT-1", 1), ("FLT-2", 1)]
    assert used("replaced filter", GENERATOR) == [("FLT-2", 1)]


# -- any text


@pytest.mark.parametrize(
    "piece", ["replaced filter 4.2 bar done, ", "a" * 40 + " ", "1,", "(x", "4.2 ", "\x00🔥", "not "]
)
def test_fifty_kilobytes_are_read_and_yield_few_candidates(piece: str) -> None:
    note = plain(piece * (50_000 // len(piece)))
    found = (works(note), steps(note, ("done",)), measures(note, LIMITS), parts(note, STOCK, None))
    assert all(len(each) <= CANDIDATES_MAX or each is found[0] for each in found)
    assert len(found[0]) <= len(Activity)


def test_plain_text_is_as_long_as_the_note() -> None:
    note = "a\tb\r\n\x00\u2028\u202e\u200bc\xa0"
    assert len(plain(note)) == len(note)
    assert plain(note).split() == ["a", "b", "c"]
