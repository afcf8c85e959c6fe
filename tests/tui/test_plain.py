"""The accessible twin: what every page says, as plain lines of ASCII, one thing after the other, and as JSON.

The file `tests/golden/plain.txt` is what a screen reader is given. `TAILBOARD_GOLDEN=write` writes it anew; read the
difference before it is kept.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from device import commands
from device.cli import main
from shared.commandline import in_ascii
from tests.laptops import Writes
from tests.tui.asking import NX, PERSONAL, TORQUE, asking
from tests.tui.conftest import MakeWorld
from tests.tui.drive import JOB
from tests.tui.routine import routine
from tests.tui.test_outbox import all_five
from tests.tui.world import World, record

GOLDEN = Path("tests/golden/plain.txt")
#: A verb for each page of the screen.
VERBS = (
    ("jobs",),
    ("job", "WO-1042"),
    ("note", "WO-1042", "bearing “warm” at 61 °C → check"),
    ("outbox",),
    ("ask", TORQUE, "--job", "WO-1042"),
    ("library", "list"),
    ("library", "search", "casing bolts"),
    ("library", "open", "nx"),
    ("evidence", "list"),
    ("consent", "list"),
    ("task", "list"),
    ("question", "list"),
    ("ready",),
    ("status",),
)
#: Only of the machine or of chance: ids, hashes, keys, sizes.
_CHANCE = (
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b"), "ID"),
    (re.compile(r"[\d.,]+ MiB"), "N MiB"),
    (re.compile(r"^(battery|memory) .*$", re.MULTILINE), r"\1 ..."),
    (re.compile(r"llama.cpp [\d.]+"), "llama.cpp V"),
)


@pytest.fixture
def say(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Say":
    """Runs a verb on a laptop with the sample, and gives back the exit code, what it said, and what it told."""
    world, _ = asking(make_world, NX, model=Writes())

    async def stays_open() -> None:
        """The world closes it."""

    monkeypatch.setattr(world.device, "close", stays_open)
    monkeypatch.setattr(commands, "_open", lambda _: world.device)

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words])
        out = capsys.readouterr()
        return code, out.out, out.err

    return Say(world, run)


class Say:
    def __init__(self, world: World, run: Callable[..., tuple[int, str, str]]) -> None:
        self.world, self.run = world, run

    def everything(self) -> str:
        parts = []
        for verb in VERBS:
            code, out, err = self.run(*verb, "--plain")
            parts.append(f"$ tailboard {' '.join(in_ascii(word) for word in verb)} --plain\n{err}{out}exit {code}\n")
        text = "\n".join(parts)
        for pattern, instead in _CHANCE:
            text = pattern.sub(instead, text)
        return text


def test_linear_mode_says_every_page_in_plain_ascii_lines(say: Say) -> None:
    said = say.everything()
    if os.environ.get("TAILBOARD_GOLDEN") == "write":
        GOLDEN.write_text(said, encoding="ascii")
    assert said.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said), "no escape, no carriage return, no tab"
    assert said == GOLDEN.read_text(encoding="ascii")


def test_linear_mode_marks_what_was_guessed_and_what_is_odd(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The screen marked both, and whoever hears it read saw neither."""
    world = make_world(records=routine())

    async def stays_open() -> None:
        """The world closes it."""

    monkeypatch.setattr(world.device, "close", stays_open)
    monkeypatch.setattr(commands, "_open", lambda _: world.device)
    words = ("propose", "WO-1042", "replaced inlet filter, pressure 190 bar now, done")
    assert main([*words, "--plain"]) == 0
    said = capsys.readouterr().out
    assert "    ? guessed, not in your words: quantity 1\n" in said
    assert "    ? Jump of 186.9 since " in said
    assert said.count("? ") == 2
    assert main([*words, "--json"]) == 0
    told = {each["kind"]: each for each in json.loads(capsys.readouterr().out)["proposals"]}
    assert told["part.consumed"]["guesses"] == ["quantity 1"]
    assert told["reading.recorded"]["odd"].startswith("Jump of 186.9")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb[:2])[:20])
def test_linear_mode_has_a_json_form_of_every_page(say: Say, verb: tuple[str, ...]) -> None:
    code, out, _ = say.run(*verb, "--json", "--plain")
    told = json.loads(out)
    assert out.isascii()
    assert told["schema"].startswith("tailboard.")
    assert told["ok"] is (code == 0)


def test_linear_mode_loses_nothing_silently() -> None:
    assert in_ascii("“4.2 → 4.6” … naïve α 配") == '"4.2 -> 4.6" ... naive \\u03b1 \\u914d'
    assert in_ascii("plain") == "plain"


def test_a_fault_is_said_in_ascii_too(say: Say) -> None:
    code, _, err = say.run("library", "open", "“α”", "--plain")
    assert code == 1
    assert err.isascii()
    assert '"\\u03b1"' in err


def test_what_the_screen_calls_ready_is_the_exit_code(say: Say) -> None:
    say.world.device.store.set_meta("last_contact", say.world.clock.now().isoformat())
    assert say.run("ready")[0] == 0
    say.world.device.store.drop_meta("last_contact")
    code, out, _ = say.run("ready")
    assert code == 1
    assert "NOT READY: records." in out
    assert "next: tailboard ready --fetch" in out


def test_why_an_answer_ran_there_is_said_for_its_decision(say: Say) -> None:
    say.run("ask", TORQUE)
    listed = say.run("evidence", "list")[1]
    code, out, _ = say.run("evidence", "show", listed.split()[0])
    assert code == 0
    for words in ("THIS LAPTOP: ", "not CLOUD: ", "Try 1: THIS LAPTOP", "Nothing left this laptop."):
        assert words in out
    assert say.run("evidence", "show", "00")[0] == 1


def test_never_is_said_and_taken_back_as_a_command(say: Say) -> None:
    assert say.run("consent", "never", "--to", "private_cluster")[1] == "Never asked for PRIVATE CLUSTER.\n"
    assert say.run("consent", "give", "WO-1042")[0] == 1
    say.run("consent", "never", "--to", "private_cluster", "--undo")
    assert say.run("consent", "give", "WO-1042")[0] == 0


def test_what_a_consent_would_let_leave_is_said_to_the_last_line(say: Say) -> None:
    say.world.device.model = None
    code, out, _ = say.run("consent", "show", PERSONAL, "--job", "WO-1042", "--plain")
    assert code == 0
    assert "To PRIVATE CLUSTER: personal data (" in out
    assert out.rstrip().endswith(PERSONAL)
    assert say.world.device.store.decisions() == []
    assert say.run("consent", "show", "Which bolt?", "--class", "public")[0] == 1


async def test_an_outbox_of_all_five_states_is_linear(make_world: MakeWorld) -> None:
    world = make_world(online=True)
    await all_five(world)
    outbox = world.device.workbench.outbox()
    lines = [in_ascii(line) for item in outbox for line in commands.item_lines(world.device, item, outbox)]
    for words in ("! Refused", "? In review", "^ Sent, waiting", "o Saved", "+ Accepted"):
        assert any(words in line for line in lines)


def test_words_of_others_cannot_steer_the_terminal_on_the_command_line(say: Say) -> None:
    hostile = "\x1b[2J\x1b]52;c;aGk=\x07 \u202ecod.exe"
    note = {
        "id": "0193a000-0000-7000-8000-0000000000bb",
        "text": hostile,
        "author": "x.y",
        "at": "2026-11-20T01:00:00Z",
    }
    item = {"id": "seal", "text": f"look at the seal {hostile}"}
    job = record(JOB, title=f"Quarterly {hostile}", asset="asset/P-7", notes=[note], checklist=[item])
    say.world.device.store.absorb([replace(job, version=2)], "1:8")
    for verb in (("jobs",), ("job", "WO-1042")):
        out = say.run(*verb)[1]
        assert "Quarterly" in out
        assert not any(ord(each) < 32 or each in "\x7f\u202e" for each in out.replace("\n", ""))
    assert "[ ] look at the seal" in say.run("job", "WO-1042")[1]


def test_no_input_asks_nothing_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Also where there is a terminal, and somebody at it."""
    asked: list[str] = []

    def at_the_keyboard(words: str) -> str:
        asked.append(words)
        return "1234"

    monkeypatch.setattr("getpass.getpass", at_the_keyboard)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    (tmp_path / "keys.json").write_text("{}", encoding="utf-8")
    for verb in (("jobs",), ("outbox", "--json"), ("enrol", "http://127.0.0.1:1", "ABCD-EFGH-JKMN")):
        assert main([*verb, "--no-input", "--home", str(tmp_path)]) == 2
        assert "give --pin-file FILE" in capsys.readouterr().err
    assert asked == []
