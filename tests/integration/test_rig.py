"""The rig: real servers and laptops under faults are found to keep every promise, and planted bugs are found.

Each run is a program of its own, as its users start it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators import postgresql
from simulators.cli import main
from simulators.rig import verb
from simulators.rig.plan import BY_NAME
from tests.integration import planted

SIZE = ["--laptops", "4", "--servers", "2", "--seconds", "6", "--seed", "5"]
PLANTED = """
import json, sys
from shared.ports import system_ports
from simulators.postgresql import find_programs
from simulators.rig.course import Order, play
from simulators.rig.plan import Options
order = Order(Options(seed=4, laptops=2, servers=1, seconds=5), {sys.argv[1]: sys.argv[2]})
result = play(order, find_programs(), system_ports(), lambda line: print(line, file=sys.stderr))
print(json.dumps([finding.checker for finding in result.findings]))
"""


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where a rig keeps its folders; PostgreSQL's user must get there as well."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def began(scratch: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, *words]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def left_behind(scratch: Path) -> list[str]:
    """What is left of a rig: files in its folders, and processes that are started or stand there."""
    found = [str(path) for path in scratch.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(scratch) in words or str(scratch) in str(process.joinpath("cwd").readlink()):
                found.append(words)
        except OSError:
            continue  # it has gone meanwhile
    return found


@pytest.mark.requires("postgresql")
def test_a_rig_keeps_every_promise_and_leaves_nothing_behind(scratch: Path) -> None:
    out, err = began(scratch, "-m", "simulators.cli", "rig", *SIZE, "--json").communicate()
    told: dict[str, Any] = json.loads(out)
    assert told["ok"], (told["verdict"], err)
    assert told["verdict"] == {promise: [] for promise in verb.PROMISES}
    assert told["commands"] > 0
    assert all(told["planned"][name] >= 1 for name in BY_NAME)
    assert set(told["skipped"]) <= {"link_down", "disk_full"}
    done = {name for name in BY_NAME if name.endswith(("_killed", "_stopped", "_crash", "_down", "_full"))}
    missed = set(told["never_happened"]) & done
    assert missed <= {"blackhole_down"}, "what the rig does by itself happens whenever it is planned"
    assert left_behind(scratch) == []


@pytest.mark.requires("postgresql")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_however_a_rig_ends_no_process_and_no_folder_stays(scratch: Path, number: signal.Signals) -> None:
    process = began(scratch, "-m", "simulators.cli", "rig", "--laptops", "2", "--servers", "1", "--seconds", "60")
    assert process.stderr
    for line in process.stderr:
        if "stands still" in line or "kill -9" in line:
            break
    assert len(left_behind(scratch)) > 4
    process.send_signal(number)
    out, _ = process.communicate()  # the guard holds the pipe until it has put everything away
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    assert out == ""
    assert left_behind(scratch) == []


@pytest.mark.requires("postgresql")
def test_a_bug_that_is_planted_on_the_rig_is_found(scratch: Path) -> None:
    fault = f"{planted.HERE}{planted.say_too_early.__name__}"
    out, err = began(scratch, "-c", PLANTED, "laptop", fault).communicate()
    assert "saved-is-saved" in json.loads(out), err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--laptops", "0"], "--laptops takes a number from 1 to 64."),
        (["--servers", "10"], "--servers takes a number from 1 to 9."),
        (["--seconds", "0"], "--seconds takes a number from 1 to 3600."),
        (["--seed", "-1"], "A seed is a number from 0 up; -1 is none."),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rig", *words]) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


def test_without_postgresql_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(verb, "find_programs", lambda: None)
    assert main(["rig"]) == 2
    assert "needs PostgreSQL" in capsys.readouterr().err


def test_a_postgresql_that_does_not_start_is_a_fault_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / "initdb"
    program.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(postgresql, "_who", dict)
    monkeypatch.setattr(verb, "find_programs", lambda: tmp_path)
    assert main(["rig"]) == 3
    assert capsys.readouterr().err == "initdb: no room\n"
