"""The tables of promises, routes, bad input, faults and settings name tests, fields and variables that must exist."""

import ast
import re
from pathlib import Path

import pytest

from shared.commandline import UsageError
from simulators.faults import FAULTS
from sync_server.settings import read_settings

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


def test_every_row_of_the_console_is_seen_in_a_browser() -> None:
    """What somebody at the office may rely on is proven where they see it: in Chromium."""
    table = (ROOT / "docs" / "checklist.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in table.splitlines() if re.match(r"\| [\w-]+ \| C \|", line)]
    seen = in_chromium()
    unseen = [row[1].strip() for row in rows if not seen & set(re.findall(r"`(test_\w+)`", row[-2]))]
    assert len(rows) > 25
    assert unseen == [], "no test of the row has a `chromium`"


def in_chromium() -> set[str]:
    """Tests that take a real browser."""
    files = (ROOT / "tests" / "console").glob("test_*.py")
    functions = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return {
        each.name
        for each in functions
        if isinstance(each, ast.FunctionDef) and "chromium" in {arg.arg for arg in each.args.args}
    }


def test_the_page_about_settings_names_every_variable_that_is_read() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(TAILBOARD_[A-Z_]+)`", page))
    packages = ("device", "sync_server", "simulators")
    sources = [path.read_text(encoding="utf-8") for each in packages for path in (ROOT / each).rglob("*.py")]
    found = {name for source in sources for name in re.findall(r"TAILBOARD_[A-Z_]+", source)}
    named = {name for name in found if not name.endswith("_")}
    assert named <= told
    for name in told - named:  # those of a family are put together where they are read
        with pytest.raises(UsageError, match=name):
            read_settings({name: "none"})


def test_the_list_of_decisions_has_each_of_them_by_its_title() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(
        r"^- (\d+)\. \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name: f"# {number}. {title}" for number, title, name in listed}
    there = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in folder.glob("0*.md")}
    assert len(told) == len(listed)
    assert told == there
