"""What a campaign keeps whatever ends it, and what it says on the way."""

import errno
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators import campaigns, world
from simulators.account import Account
from simulators.cli import main
from simulators.disks import obstacle
from simulators.explore import PROMISES, Campaign, Found, Verdict
from simulators.faults import Hits
from simulators.reproduction import write

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
ROOT = Path(__file__).resolve().parents[2]
TINY = ["--profile", "calm", "--devices", "1", "--commands", "2"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    yield
    world.forget_templates()


class Clock:
    """Time that somebody sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic_s(self) -> float:
        return self.seconds


def kept(file: Path) -> Account:
    data = json.loads(file.read_text())
    assert data.pop("schema") == "tailboard.explore.v1"
    data.pop("ok")
    return Account.model_validate(data)


def test_what_is_printed_is_what_is_kept(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "campaign.json"
    words = ["explore", "--seeds", "3", "--from", "2", *TINY, "--out", str(out), "--scripts", str(tmp_path), "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    account = kept(out)
    assert [each.seed for each in account.worlds] == [2, 3, 4]
    assert all(each.recovery_s is not None for each in account.worlds)
    assert account.worst
    assert account.worst.same_world
    assert account.worst.operations_total >= 2  # somebody may have been asked to approve one
    assert [path.name for path in tmp_path.iterdir()] == ["campaign.json"]


def test_what_was_found_is_kept_on_the_way(tmp_path: Path) -> None:
    out, clock = tmp_path / "campaign.json", Clock()
    teller = campaigns._Teller(out, clock, on_terminal=False)  # type: ignore[arg-type]  # no wall clock is asked for
    found = Found(Campaign(1, 100, "calm", 1, 2), [Verdict(1, hits=Hits())])
    teller.tell(found, found.verdicts[0])
    assert not out.exists()
    clock.seconds = campaigns.KEEP_EVERY_S
    teller.tell(found, found.verdicts[0])
    assert kept(out).seeds == 1
    assert [path.name for path in tmp_path.iterdir()] == ["campaign.json"]


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a disk without room: a file can be made there, and nothing written into it."""
    write_text = Path.write_text

    def refuse(self: Path, text: str, **more: Any) -> int:
        if tmp_path in self.parents:
            self.touch()
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_text(self, text, **more)

    monkeypatch.setattr(Path, "write_text", refuse)
    return tmp_path


def test_a_full_disk_takes_nothing_away_that_can_be_told(full: Path, capsys: Capture) -> None:
    out = full / "campaign.json"
    assert main(["explore", "--seeds", "1", *TINY, "--out", str(out), "--scripts", str(full)]) == 1
    *_, counted, lost = capsys.readouterr().out.splitlines()
    assert counted.startswith("1 seeds, ")
    assert lost == f"Cannot write {out}: No space left on device. What was found is in no file."
    teller = campaigns._Teller(out, Clock(), on_terminal=False)  # type: ignore[arg-type]  # as above
    teller._kept_s = -campaigns.KEEP_EVERY_S
    teller.tell(Found(Campaign(1, 100, "calm", 1, 2), [Verdict(1)]), Verdict(1))
    assert list(full.iterdir()) == []


def test_a_full_disk_is_named_with_its_file(full: Path, capsys: Capture) -> None:
    trace = full / "one.txt"
    assert main(["run", "--seed", "1", *TINY, "--trace", str(trace)]) == 3
    assert capsys.readouterr().err == f"Cannot write {trace}: No space left on device.\n"


def test_two_campaigns_that_write_one_file_do_not_spoil_it(tmp_path: Path) -> None:
    other = tmp_path / "campaign.json.part"
    other.write_text("half of somebody else's")
    write(tmp_path / "campaign.json", "{}")
    assert other.exists()
    assert (tmp_path / "campaign.json").read_text() == "{}"


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path, capsys: Capture) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(["explore", "--seeds", "1", *TINY, "--out", str(pipe)]) == 2
    assert capsys.readouterr().err == f"Cannot write {pipe}: it is no file. Give a file in a folder that exists.\n"
    assert pipe.is_fifo()


def begun(words: list[str], errors: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A campaign in a process of its own."""
    program = [sys.executable, "-m", "simulators.cli", "explore", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"])
def test_whoever_ends_a_campaign_gets_what_was_found(tmp_path: Path, ending: signal.Signals) -> None:
    out = tmp_path / "campaign.json"
    words = ["--seeds", "40", *TINY, "--out", str(out), "--scripts", str(tmp_path), "--json"]
    process = begun(words)
    assert process.stderr
    line = process.stderr.readline().decode()  # the first tenth is done
    process.send_signal(ending)
    told, _ = process.communicate(timeout=120)
    assert line.startswith("4/40 seeds, 0 failed, ")
    data = json.loads(told)
    assert data["interrupted"]
    assert 4 <= data["seeds"] == len(data["worlds"]) < 40
    assert kept(out).seeds == data["seeds"]
    assert process.returncode == 0


def test_a_terminal_gets_a_bar_and_nobody_else_does() -> None:
    near, far = pty.openpty()
    process = begun(["--seeds", "2", *TINY], far)
    os.close(far)
    told = _read_all(near)
    process.communicate(timeout=120)
    assert "\r[##########          ] 1/2 seeds, 0 failed, " in told
    assert "\r[####################] 2/2 seeds, 0 failed, " in told
    plain = begun(["--seeds", "2", *TINY])
    _, errors = plain.communicate(timeout=120)
    assert b"\r" not in errors
    assert b"2/2 seeds, 0 failed" in errors


def _read_all(descriptor: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # the other end is gone
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode()
        parts.append(part)


def test_slices_make_one_report(tmp_path: Path, capsys: Capture) -> None:
    files = []
    for first in (0, 2):
        files.append(str(tmp_path / f"{first}.json"))
        words = ["--from", str(first), "--seeds", "2", *TINY, "--out", files[-1], "--scripts", str(tmp_path)]
        assert main(["explore", *words]) == 0
    capsys.readouterr()
    page = tmp_path / "report.html"
    assert main(["report", *files, "--out", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["seeds"]) == ("PASS", 4)
    assert f"All {len(PROMISES)} promises held in 4 worlds." in page.read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "/nowhere/c.json"], "Cannot write /nowhere/c.json: No such file or directory."),
        (["--out", "/"], "Cannot write /: Is a directory."),
        (["--profile", "wild"], "There is no profile 'wild'. Choose one of: "),
        (["--from", "-1"], "A seed is a number from 0 up; -1 is none."),
        (["--budget-s", "nan"], "--budget-s needs a number of seconds above 0."),
    ],
)
def test_bad_words_are_one_sentence_before_any_world_runs(capsys: Capture, words: list[str], sentence: str) -> None:
    assert main(["explore", *words]) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_a_file_that_is_only_probed_stays_as_it_was(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text("kept")
    assert main(["explore", "--out", str(old), "--seeds", "0"]) == 2
    assert old.read_text() == "kept"
