"""The tables of promises, routes, bad input and faults name tests and fields; every one of them must exist."""

import re
from pathlib import Path

from simulators.faults import FAULTS

ROOT = Path(__file__).parents[2]


def defined() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}


def test_every_test_that_the_page_about_routes_names_exists() -> None:
    page = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "shown by" not in line]
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(rows) > 15
    assert all("`test_" in row for row in rows), "a row without a test"
    assert named <= defined(), f"named but not there: {sorted(named - defined())}"


def test_every_test_that_the_page_about_the_console_names_exists() -> None:
    page = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    promises = page.partition("## What it promises")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "shown by" not in line]
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(rows) > 15
    assert all("`test_" in row for row in rows), "a promise without a test"
    assert named <= defined(), f"named but not there: {sorted(named - defined())}"


def test_the_page_about_the_simulator_has_every_fault_and_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    faults = page.partition("## What can go wrong")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", faults, re.MULTILINE)) == FAULTS
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 5
    assert named <= defined(), f"named but not there: {sorted(named - defined())}"


def test_every_test_that_the_invariants_name_exists() -> None:
    table = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert len(rows) > 10
    assert all(re.search(r"`test_\w+`", row) for row in rows), "a promise without a test"
    assert named <= defined(), f"named but not there: {sorted(named - defined())}"


def test_every_row_of_the_checklist_has_a_test_of_its_name() -> None:
    table = (ROOT / "docs" / "checklist.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ") and not line.startswith("| row ")]
    tests = {row[1].strip(): re.findall(r"`(test_\w+)`", row[-2]) for row in rows}
    assert len(tests) == len(rows) > 10, "a row twice"
    nameless = [slug for slug, named in tests.items() if not any(slug.replace("-", "_") in each for each in named)]
    assert nameless == [], "a row without a test that carries its name"
    named = {each for row in tests.values() for each in row}
    assert named <= defined(), f"named but not there: {sorted(named - defined())}"
