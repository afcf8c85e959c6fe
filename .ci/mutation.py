"""Plants bugs in the rules one by one and lists those that no test notices.

mutmut changes one expression of `reconciliation/` at a time (its settings are in `pyproject.toml`) and runs the quick
tests that reach it. What survives is either a test that is missing, or code that may be written either way: that is
explained in `mutation.toml` beside this file, by the function and what became of its text, so that it still fits when
other lines move. A survivor that is not explained, and an explanation that explains nothing any more, fail the run.

    make mutation                            everything, anew: some 1,600 bugs, minutes
    make mutation BUGS="reconciliation.merge.*"   only these, on top of what was found before
    make mutation BUGS=survivors             only what changed or survived last time, after tests were added
    make mutation BUGS=report                nothing; the list of last time again

Standard library only. mutmut is fetched by uv into its cache and laid over `.venv`, which stays as it was; it needs
`fork`, so on Windows it runs under WSL.
"""

import ast
import difflib
import json
import os
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PLANTED = ROOT / "mutants"
LOG = ROOT / "mutants.log"
EXPLAINED = Path(__file__).with_suffix(".toml")

MUTMUT = "mutmut==3.8.1"
OVERLAY = ("--quiet", "--no-project", "--python", BIN / "python", "--with", MUTMUT)
RUN = ("mutmut", "run", "--max-children", str(max(1, (os.cpu_count() or 2) - 1)))

KILLED = frozenset({1, 3})  # pytest's: a test failed, or it broke down
UNTOUCHED = frozenset({5, 33})  # no test reaches it
TIMEOUT = frozenset({-24, 24, 36, 152, 255})  # it went on and on, which a person would notice too


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug: the lines of a function that it took away, and those that stand there instead."""

    function: str
    was: str
    becomes: str

    def __str__(self) -> str:
        lines = [f"- {line}" for line in self.was.splitlines()] + [f"+ {line}" for line in self.becomes.splitlines()]
        return "\n".join([self.function, *(f"    {line}" for line in lines)])


def outcomes() -> dict[str, int | None]:
    """Mutmut's name of every bug → pytest's exit status over it, None if it was not tried."""
    found: dict[str, int | None] = {}
    for meta in sorted(PLANTED.rglob("*.py.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def bug(name: str) -> Bug:
    """What mutmut calls `name`, read from the file in which all bugs of a module stand side by side."""
    module, _, mangled = name.rpartition(".")
    plain, _, _ = mangled.partition("__mutmut_")
    bodies = _bodies(PLANTED / f"{module.replace('.', '/')}.py")
    before, after = bodies[f"{plain}__mutmut_orig"], bodies[mangled]
    lines = list(difflib.ndiff(before, after))
    was, becomes = ("\n".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return Bug(f"{module}.{plain.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}", was, becomes)


_read: dict[Path, dict[str, list[str]]] = {}


def _bodies(path: Path) -> dict[str, list[str]]:
    """Every function of a file by name, as lines that no longer depend on how it was laid out."""
    if path not in _read:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        _read[path] = {each.name: _lines(each) for each in functions}
    return _read[path]


def _lines(function: ast.FunctionDef) -> list[str]:
    text = ast.unparse(function).replace(function.name, "_", 1)
    return text.splitlines()


def explained() -> dict[Bug, str]:
    """The survivors that may live, each with the reason."""
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("survivor", [])
    return {
        Bug(each["function"], each["was"].strip(), each["becomes"].strip()): each["because"].strip()
        for each in entries
    }


def plant(names: Sequence[str] = ()) -> None:
    """Runs mutmut over the bugs that are named, or over those that it does not know yet.

    Raises:
        subprocess.CalledProcessError: mutmut failed, as it does where the tests fail without any bug.
    """
    # The copies below `mutants/` must be found before the tree itself.
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    uv: list[str | Path] = [BIN / "uv", "run", *OVERLAY]
    if (
        subprocess.run([*uv, "--offline", "true"], cwd=ROOT, env=env, capture_output=True, check=False).returncode
        == 0
    ):
        uv.append("--offline")  # it is in the cache: uv would ask the index all the same
    if sys.stdout.isatty():
        subprocess.run([*uv, *RUN, *names], cwd=ROOT, env=env, check=True)
        return
    with LOG.open("ab") as log:  # a spinner is no good in a file that a person reads
        subprocess.run([*uv, *RUN, *names], cwd=ROOT, env=env, stdout=log, stderr=log, check=True)


def survivors() -> list[str]:
    """Mutmut's names of the bugs that no test noticed, those that no test reaches included."""
    return [name for name, status in outcomes().items() if status == 0 or status in UNTOUCHED]


def report() -> bool:
    """Prints what is to do, then the counts. True if there is nothing to do."""
    known, lives = explained(), {bug(name): name for name in survivors()}
    new = [each for each in lives if each not in known]
    for each in new:
        print(f"\nno test notices {lives[each]}\n{each}")
    over = [each for each in known if each not in lives]
    for each in over:
        print(f"\nexplained in {EXPLAINED.name}, but it does not survive (any more)\n{each}")
    statuses = list(outcomes().values())
    killed, late = (sum(status in some for status in statuses) for some in (KILLED, TIMEOUT))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"\n{len(statuses)} bugs: {killed} noticed, {late} ran out of time, {len(survivors())} survived, "
        f"of them {len(new)} not explained; {len(over)} explanations too many; "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor time"
    )
    untried = statuses.count(None)
    if untried:
        print(f"{untried} were not tried: run it again without BUGS")
    return not (new or over or untried)


def main() -> int:
    """Returns 0 if every survivor is explained, 1 if there is something to do, 3 if mutmut itself failed."""
    names = sys.argv[1:]
    try:
        if not names:
            shutil.rmtree(PLANTED, ignore_errors=True)
        if names in ([], ["survivors"]):
            plant()
        if names not in ([], ["report"]):
            plant(survivors() if names == ["survivors"] else names)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"{MUTMUT} did not run, see above or {LOG.name} ({error}). Once fetched it needs no network.",
            file=sys.stderr,
        )
        return 3
    return 0 if report() else 1


if __name__ == "__main__":
    sys.exit(main())
