"""`tailboard-sim replay`, as its users call it, on recordings that a test wrote and on one of a real laptop."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators import cli
from simulators.disks import obstacle
from tests.integration.test_commands import call, home, laptop, told, url

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
__all__ = ["home", "laptop", "url"]

KINDS = (
    "note.added",
    "field.updated",
    "status.changed",
    "reading.recorded",
    "part.consumed",
    "part.ordered",
    "tags.changed",
    "work_order.created",
    "finding.added",
    "attachment.added",
    "note.added",
)
WHAT = ("answered", "answered", "unreachable", "timed_out", "answered", "something_else", "turned_away:busy")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    commands: list[dict[str, Any]] = [
        {"at_s": 20.0 * n, "kind": kind, "bytes": 600 + n, "record": 1 + n, "needs": [], "outcome": "applied"}
        for n, kind in enumerate(KINDS)
    ]
    link = [{"at_s": 40.0 * n, "took_s": 0.5, "up": 1, "down": 1, "what": what} for n, what in enumerate(WHAT)]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"format": "tailboard.trace", "version": 1, "commands": commands, "link": link}))
    return path


def played(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = cli.main(["replay", *words, "--json"])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (code, report["ok"]) == (0, True), report
    return report


def test_a_recording_and_a_seed_are_one_world(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (played(capsys, str(trace), "--seed", seed) for seed in ("4", "4", "5"))
    assert first == again
    assert first["trace"] != other["trace"]
    assert first["schema"] == "tailboard.replay.v1"
    assert (first["recorded"]["commands"], first["replayed"]["commands"]) == (11, 11)
    assert first["replayed"]["outcomes"] == {"applied": 11}
    assert first["said_as_notes"] == {"attachment.added": 1}
    assert first["not_said"] == 0
    assert (first["recorded"]["answered"], first["recorded"]["failed"]) == (4, 3)
    assert {"unreachable", "something_else"} <= first["replayed"]["link"].keys()


def test_the_link_that_was_recorded_is_the_link_that_is_played(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = json.loads(trace.read_text())
    for each in recording["link"]:
        each["what"] = "answered"
    trace.write_text(json.dumps(recording))
    assert played(capsys, str(trace))["replayed"]["failed"] == 0


def test_faults_come_besides(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sum(played(capsys, str(trace), "--profile", "lossy", "--seed", "2")["faults"].values()) > 0
    assert sum(played(capsys, str(trace))["faults"].values()) == 0


def test_people_see_what_happened_the_verdict_and_both_sides(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", str(trace)]) == 0
    said = capsys.readouterr().out
    assert "link partition for" in said
    assert "ok      saved-is-saved" in said
    assert "recorded   replayed" in said
    assert "Said as notes of the same size: 1 attachment.added." in said


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (None, (), "Cannot read"),
        ("hello", (), "is no trace of a laptop"),
        ('{"format": "tailboard.trace", "version": 9}', (), "is a trace of version 9; this program reads version 1"),
        ('{"format": "tailboard.trace", "version": 1}', (), "is a damaged trace"),
        ("hello", ("--seed", "-1"), "-1 is none"),
        ("hello", ("--profile", "wild"), "There is no profile 'wild'"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_sentence(
    content: str | None, options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.json"
    if content is not None:
        path.write_text(content)
    assert cli.main(["replay", str(path), *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_a_real_laptop_is_written_down_and_replayed(
    laptop: list[str], url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(laptop, "sync")
    told(laptop, "note", "WO-1042", "gatecode-4711")
    told(laptop, "sync")
    told(laptop, "note", "WO-1033", "second")
    path = tmp_path / "trace.json"
    made = told(laptop, "trace", "export", str(path))
    assert (made["commands"], made["exchanges"] > 1) == (2, True)
    assert "4711" not in path.read_text()
    assert url not in path.read_text()
    assert call("device", "trace", "export", str(path), *laptop).returncode == 1
    report = played(capsys, str(path))
    assert report["recorded"]["outcomes"] == {"applied": 1, "saved": 1}
    assert report["replayed"]["outcomes"] == {"applied": 2}
