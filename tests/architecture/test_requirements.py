"""What is missing is skipped and counted; what is required may not be skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
TESTS = """
import pytest

@pytest.mark.requires("notes")
def test_marked(): ...

def test_fixture(notes_dir): ...

def test_free(): ...
"""


def run_tests(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """Runs the tests above under the project's conftest; returns the exit status and the lines printed."""
    shutil.copy(CONFTEST, folder)
    (folder / "test_sample.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = requires\n", encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TAILBOARD_", "PYTEST_"))}
    settings = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | settings
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, env=env | settings, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, (done.stderr + done.stdout).splitlines()


def test_a_missing_thing_is_skipped_and_counted_in_the_last_line(tmp_path: Path) -> None:
    status, lines = run_tests(tmp_path)
    assert (status, lines[-1]) == (0, "not run here: 2 (notes 2)")


def test_a_required_thing_may_not_be_skipped(tmp_path: Path) -> None:
    status, lines = run_tests(tmp_path, TAILBOARD_REQUIRE="notes")
    assert (status, lines[-1]) == (1, "not run here: 0")
    assert any("which TAILBOARD_REQUIRE demands" in line for line in lines)


def test_what_is_there_runs(tmp_path: Path) -> None:
    status, lines = run_tests(tmp_path, TAILBOARD_REQUIRE="notes", TAILBOARD_NOTES_DIR=str(tmp_path))
    assert (status, lines[-1]) == (0, "not run here: 0")


@pytest.mark.parametrize("value", ["modle", "model,postgres"])
def test_a_misspelt_requirement_is_refused(tmp_path: Path, value: str) -> None:
    status, lines = run_tests(tmp_path, TAILBOARD_REQUIRE=value)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert any("TAILBOARD_REQUIRE names" in line for line in lines)
