"""The house as tests: what lies where, how long things are, what a quick command may load.

Import directions are import-linter's; this file holds what no tool checks.
"""

import ast
import importlib
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import device.cli
import simulators.cli
import sync_server.cli
from shared.commandline import Program

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("shared", "reconciliation", "policies", "device", "sync_server", "simulators")
ALLOWED = {
    *PACKAGES, "tests", "docs", ".ci",
    "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
    "Makefile", "pyproject.toml", "requirements.lock", ".gitignore", ".gitattributes", ".editorconfig",
}  # fmt: skip

# May tighten, never loosen.
MEDIAN_LINES = 10
P90_LINES = 40

# Character classes keep the patterns from finding themselves.
REGISTRY_HOST = re.compile(
    r"py[p]i\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|crate[s]\.io|de[b]ian\.org", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:roo[t]|hom[e]/\w|wor[k]|User[s]/\w)[\w/]*/|\b[A-Z]:\\User[s]\\")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def project_files() -> list[Path]:
    """Everything that is, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def lines_of(function: Function) -> int:
    """Lines from `def` to the end, docstring not counted: explaining is not length."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_the_top_level_holds_only_what_belongs_there() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in project_files()}
    assert found <= ALLOWED


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if (source := path.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(source))
    ]
    assert silent == []


def test_functions_stay_short() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in modules()]
    lengths = [lines_of(node) for tree in trees for node in ast.walk(tree) if isinstance(node, Function)]
    assert statistics.median(lengths) < MEDIAN_LINES
    assert statistics.quantiles(lengths, n=10)[-1] < P90_LINES


def test_no_file_names_a_registry_or_a_machine() -> None:
    offences = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture or another binary
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if REGISTRY_HOST.search(line) or MACHINE_PATH.search(line):
                offences.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert offences == []


@pytest.mark.parametrize("program", [device.cli.PROGRAM, sync_server.cli.PROGRAM, simulators.cli.PROGRAM])
def test_the_readme_names_every_verb(program: Program) -> None:
    table = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## The three commands")[2].partition("\n\n## ")[0]
    )
    rows = re.split(r"^\| `(tailboard[\w-]*)` \|", table, flags=re.MULTILINE)
    told = dict(zip(rows[1::2], rows[2::2], strict=True))[program.name].partition("\n\n")[0]
    nouns = {verb.path[0] for verb in program.verbs if verb.path}
    assert nouns - set(re.findall(r"`([\w-]+)`", told)) == set()
    benches = {verb.path[1] for verb in program.verbs if verb.path[:1] == ("bench",)}
    assert benches - set(re.findall(r"\w+", told.partition("`bench`")[2])) == set()


@pytest.mark.parametrize("command", ["tailboard", "tailboard-server", "tailboard-sim"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_quick_answer_loads_nothing_heavy(command: str, option: str) -> None:
    program = Path(sys.executable).with_name(command)
    env = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([program, option], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "encodings" in loaded, "the list of imports was not read"
    assert loaded & {"llama_cpp", "fastapi", "textual", "sqlmodel"} == set()


@pytest.mark.parametrize("program", [device.cli.PROGRAM, sync_server.cli.PROGRAM, simulators.cli.PROGRAM])
def test_every_verb_and_argument_says_what_it_is(program: Program) -> None:
    for verb in program.verbs:
        module, _, name = verb.handler.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
        assert verb.summary.endswith(".")
        silent = [each.flags for each in verb.arguments if not each.settings.get("help")]
        assert not silent, f"{program.name} {' '.join(verb.path)}: no help for {silent}"
