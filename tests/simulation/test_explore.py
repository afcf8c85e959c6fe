"""`tailboard-sim run` and `explore`: what they say, what they refuse, and that a broken promise is found."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.agent import Agent, Step
from shared.ports import system_ports
from simulators import explore, world
from simulators import loop as loops
from simulators.cli import main
from simulators.disks import obstacle
from simulators.explore import PROMISES, Campaign, Found, Verdict
from sync_server.store.records import Records

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
TINY = ["--devices", "1", "--commands", "4"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    yield
    world.forget_templates()


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that settles without writing anything."""
    world.template(1)  # made by a sound one
    monkeypatch.setattr(world, "forget_templates", lambda: None)
    monkeypatch.setattr(Records, "put_records", lambda *_: None)


def called(capsys: Capture, *words: str) -> tuple[int, dict[str, Any], str]:
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_a_clean_world_is_told_and_judged(capsys: Capture, tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    assert main(["run", "--seed", "5", "--profile", "lossy", *TINY, "--trace", str(trace)]) == 0
    out, _ = capsys.readouterr()
    assert "saw saved" in out
    assert "ok      one-effect" in out
    head, replay, *lines = trace.read_text().splitlines()
    assert head.startswith("tailboard-sim trace 1 commit ")
    assert replay == "tailboard-sim run --seed 5 --profile lossy --devices 1 --commands 4"
    assert len(lines) > 20
    code, data, _ = called(capsys, "run", "--seed", "5", "--profile", "lossy", *TINY)
    assert code == 0
    assert list(data["verdict"]) == list(PROMISES)
    assert head.endswith(data["trace"])


@pytest.mark.usefixtures("forgetful")
def test_a_broken_world_is_exit_1(capsys: Capture) -> None:
    code, data, _ = called(capsys, "run", "--seed", "5", "--profile", "calm", *TINY)
    assert (code, data["ok"]) == (1, False)
    assert data["verdict"]["one-effect"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--seed", "-1"], "A seed is a number from 0 up; -1 is none."),
        (
            ["run", "--seed", "1", "--profile", "wild"],
            "There is no profile 'wild'. Choose one of: calm, lossy, rough.",
        ),
        (["run", "--seed", "1", "--trace", "/nowhere/t"], "Cannot write /nowhere/t: No such file or directory."),
        (["run", "--seed", "1", "--devices", "0"], "--devices takes a number from 1 to 64."),
        (["run", "--seed", "1", "--commands", "0"], "--commands takes a number from 1 to 10000."),
        (["explore", "--from", "-3"], "A seed is a number from 0 up; -3 is none."),
        (["explore", "--seeds", "0"], "--seeds needs a number of at least 1."),
        (["explore", "--jobs", "0"], "--jobs needs a number of at least 1."),
        (["explore", "--budget-s", "0"], "--budget-s needs a number of seconds above 0."),
        (["explore", "--scripts", "/nowhere"], "Cannot write /nowhere/.tailboard-sim: No such file or directory."),
    ],
)
def test_bad_words_are_one_sentence_and_exit_2(capsys: Capture, words: list[str], sentence: str) -> None:
    code, data, err = called(capsys, *words)
    assert code == 2
    assert data["error"].startswith(sentence)
    assert err.strip() == data["error"]


def test_a_campaign_in_two_processes_finds_what_one_finds(capsys: Capture) -> None:
    words = ["explore", "--seeds", "3", "--from", "7", "--profile", "lossy", *TINY]
    code, alone, err = called(capsys, *words)
    assert code == 0
    assert "3/3 seeds, 0 failed" in err
    _, together, _ = called(capsys, *words, "--jobs", "2")
    for told in (alone, together):
        told.pop("wall_s")
    assert alone == together
    assert (alone["seeds"], alone["from"], alone["violations"]) == (3, 7, 0)
    assert alone["commands"] >= 12  # questions that were left for the cluster come on top


@pytest.mark.usefixtures("forgetful")
def test_a_failure_says_how_to_see_it_again(capsys: Capture, tmp_path: Path) -> None:
    words = ["explore", "--seeds", "2", "--from", "5", "--profile", "lossy", *TINY, "--scripts", str(tmp_path)]
    code, data, err = called(capsys, *words)
    assert code == 1
    failure, _ = data["failures"]
    assert failure["seed"] == 5
    assert failure["broken"]["one-effect"]
    assert failure["replay"] == "tailboard-sim run --seed 5 --profile lossy --devices 1 --commands 4"
    assert failure["replay"] in err
    assert data["commit"] in err
    smallest = failure["shrunk"]
    assert smallest["replay"] == f"tailboard-sim run --script {tmp_path / 'shrunk-5.toml'}"
    assert (smallest["script"]["hits"], smallest["script"]["commands"]) == ([], {"TB-01": 1})
    code, again, _ = called(capsys, *smallest["replay"].split()[1:])
    assert code == 1
    assert again["verdict"][smallest["script"]["broken"]]


@pytest.mark.usefixtures("forgetful")
def test_failing_worlds_can_be_left_as_they_are(capsys: Capture, tmp_path: Path) -> None:
    words = ["explore", "--seeds", "1", "--from", "5", *TINY, "--scripts", str(tmp_path), "--no-shrink"]
    code, data, _ = called(capsys, *words)
    assert (code, data["failures"][0]["shrunk"]) == (1, None)
    assert not list(tmp_path.iterdir())


def test_what_was_found_before_an_interruption_is_kept() -> None:
    def interrupt(found: Found, _: Verdict) -> None:
        if len(found.verdicts) == 2:
            raise KeyboardInterrupt

    campaign = Campaign(first=1, seeds=50, profile="calm", devices=1, commands=2)
    found = explore.explore(campaign, interrupt, system_ports().clock)
    assert found.interrupted
    assert [verdict.seed for verdict in found.verdicts] == [1, 2]


def test_no_world_begins_after_the_budget() -> None:
    campaign = Campaign(first=1, seeds=50, profile="calm", devices=1, commands=2)
    found = explore.explore(campaign, lambda *_: None, system_ports().clock, budget_s=1e-6)
    assert [verdict.seed for verdict in found.verdicts] == [1]


def test_a_seed_that_is_two_worlds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter((0, 1))
    monkeypatch.setattr(explore, "run", lambda seed, options, **_: world.run(seed + next(numbers), options))
    verdict = explore.play(Campaign(profile="calm", devices=1, commands=2), 0)
    assert [finding.checker for finding in verdict.findings] == [explore.ONE_WORLD]


async def returns_at_once(agent: Agent) -> Step:
    return Step(agent._ports.clock.now())


async def never_returns(_agent: Agent) -> Step:
    while True:
        sum(range(100))


@pytest.mark.parametrize(
    ("step", "words"),
    [(returns_at_once, "never rests"), (never_returns, "never comes back")],
    ids=["rests", "returns"],
)
def test_a_laptop_that_never_rests_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, step: Callable[[Agent], Any], words: str
) -> None:
    if step is never_returns and not hasattr(signal, "setitimer"):
        pytest.skip("no timers of the processor's time here")
    world.template(1)  # made by a sound one
    monkeypatch.setattr(Agent, "step", step)
    monkeypatch.setattr(loops, "STUCK_CPU_S", 0.5)
    (finding,) = explore.play(Campaign(profile="calm", devices=1, commands=2), 1).findings
    assert finding.checker == explore.NO_ERRORS
    assert re.search(rf"TB-01: Laptop\._sync #\d+ {words}", finding.words)


def test_a_program_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(*_: Any, **__: Any) -> None:
        raise RuntimeError("fell over")

    monkeypatch.setattr(explore, "run", falls)
    (finding,) = explore.play(Campaign(), 3).findings
    assert str(finding) == "no-errors: the world: RuntimeError: fell over"
