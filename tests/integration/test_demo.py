"""The main job, as its user runs it: one command, real processes, the real model where it is installed."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.ports import system_ports
from simulators.demo.stage import Stage
from simulators.demo.walk import page, walk

ROOT = Path(__file__).parents[2]


def demo(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "simulators.cli", "demo", "--headless", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def figures(*words: str) -> dict[str, Any]:
    done = demo("--json", *words)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def check(told: dict[str, Any]) -> None:
    assert (told["lost"], told["duplicated"], told["converged"]) == (0, 0, True)
    outcomes = ("applied", "merged", "conflicts", "rejected", "expired")
    assert told["commands"] == sum(told[name] for name in outcomes)
    assert told["conflicts"] == told["resolved"] == 1
    assert told["merged"] >= 1
    assert told["in_doubt"] >= 1
    assert told["bytes_left_device"] == 0
    assert told["sync_bytes_up"] > 0


@pytest.mark.requires("model")
def test_the_shipped_notes_become_records_and_the_assistants_share_is_told() -> None:
    told = figures("--limit", "20")
    check(told)
    assert told["notes"] == 20
    assert told["routes"] == {"device": 20}
    assert told["proposals_valid"] + told["forms_used"] == 20
    assert told["assistant"]["of"] == 20
    assert told["assistant"]["share"] > 0.5
    assert told["model"]["tokens_per_s"] > 0


@pytest.mark.requires("model", "notes")
def test_real_notes_of_real_technicians(notes_dir: Path) -> None:
    check(figures("--notes", str(notes_dir / "field-notes.txt"), "--limit", "20"))


def test_without_a_model_every_note_goes_through_the_forms() -> None:
    told = figures("--limit", "5", "--model", "none")
    check(told)
    assert (told["model"], told["proposals_valid"], told["forms_used"]) == (None, 0, 5)
    assert told["routes"] == {"refuse": 5}


def test_a_hostile_notes_file_is_counted_and_told(tmp_path: Path) -> None:
    lines = [b"", b"   ", b"\xff\xfe\x00", b"x" * 100_000, b"bell \x07", "fixed 🔧 leak".encode(), b"CON\tOK"]
    file = tmp_path / "notes.txt"
    file.write_bytes(b"\n".join(lines))
    told = figures("--notes", str(file), "--model", "none")
    check(told)
    assert told["notes"] == 2
    assert told["notes_left_out"] == {"blank": 2, "not_utf8": 1, "too_long": 1, "binary": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--notes", "/no/such/file"], "Cannot read /no/such/file"),
        (["--limit", "0"], "--limit needs"),
        (["--home", "."], "is not empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(words: list[str], sentence: str) -> None:
    done = demo(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.requires("tmux")
def test_walked_through_real_programs_the_screen_says_at_every_step_what_is_so(tmp_path: Path) -> None:
    """What is written down has the same steps; ids and times are others."""
    walked = page(asyncio.run(walk(Stage(tmp_path), system_ports())))
    steps = re.compile(r"^\d+\. .*$", re.MULTILINE)
    assert steps.findall(walked) == steps.findall((ROOT / "docs" / "walk.md").read_text(encoding="utf-8"))
    assert str(tmp_path) not in walked
