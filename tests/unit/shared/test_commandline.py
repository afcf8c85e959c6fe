import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest

import device.cli
import simulators.cli
import sync_server.cli
from shared.commandline import OK, Program, Report, Verb, argument, run

HERE = "said_here:work"
WHERE = argument("--home", metavar="DIR", default="its own", help="where")
PROGRAM = Program(
    "program",
    "It does things.",
    verbs=(
        Verb((), "What it does alone.", HERE, (argument("--hidden", action="store_true", help="once more"),)),
        Verb(("look",), "Look.", HERE),
        Verb(("box",), "All of it.", HERE),
        Verb(("box", "show"), "One of it.", HERE, (argument("one", help="which"),)),
    ),
    examples="",
    common=(WHERE,),
)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Namespace]:
    found: list[Namespace] = []

    def work(said: Namespace) -> Report:
        found.append(said)
        return Report("said.v1", {"home": said.home})

    monkeypatch.setitem(sys.modules, "said_here", SimpleNamespace(work=work))
    return found


@pytest.mark.parametrize(
    "words",
    [
        "--home here",
        "--home here look",
        "look --home here",
        "--home here box",
        "--home here box show 7",
        "box --home here show 7",
        "box show 7 --home here",
        "--home there box --home here show 7",
        "--home there box show 7 --home here",
    ],
)
def test_an_option_counts_before_the_verb_and_behind_it(words: str, heard: list[Namespace]) -> None:
    assert run(PROGRAM, words.split(), lambda _: None) == OK
    assert [each.home for each in heard] == ["here"]


@pytest.mark.parametrize("words", ["", "look", "box", "box show 7"])
def test_who_says_nothing_gets_the_default(words: str, heard: list[Namespace]) -> None:
    assert run(PROGRAM, words.split(), lambda _: None) == OK
    assert [each.home for each in heard] == ["its own"]


@pytest.mark.parametrize("words", ["--json box show 7", "box --json show 7", "box show 7 --json"])
def test_json_is_said_wherever_it_was_asked_for(
    words: str, heard: list[Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(PROGRAM, words.split(), lambda _: None) == OK
    assert capsys.readouterr().out.startswith('{"schema": "said.v1"')


@pytest.mark.parametrize("program", [device.cli.PROGRAM, sync_server.cli.PROGRAM, simulators.cli.PROGRAM])
def test_every_verb_says_what_it_takes(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in program.verbs:
        with pytest.raises(SystemExit) as ended:
            run(program, [*verb.path, "--help"], lambda _: None)
        assert ended.value.code == OK
        assert capsys.readouterr().out.startswith("usage: ")
