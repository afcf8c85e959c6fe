"""How a failure is handed on: the smallest world that still fails, as a file, and the one command that runs it."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.commandline import UsageError
from shared.ports import system_ports
from simulators.explore import Verdict, shrunk
from simulators.script import Script, UnusableScript, from_toml, to_toml
from simulators.shrink import Bounds
from simulators.world import Options

_SHOWN_MAX = 10


def writable(name: str | None) -> Path | None:
    """The file of that name, which can be written; what it holds stays until then.

    Raises:
        UsageError: it cannot.
    """
    if name is None:
        return None
    path = Path(name)
    new = not path.exists()
    if not new and not (path.is_file() or path.is_dir()):  # a device, which would be replaced by a file
        raise UsageError(f"Cannot write {name}: it is no file. Give a file in a folder that exists.")
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise UsageError(f"Cannot write {name}: {error.strerror}. Give a file in a folder that exists.") from error
    if new:
        path.unlink()
    return path


def write(path: Path, text: str) -> None:
    """Whole or not at all: whoever writes may be ended in the middle of it, and others may write the same file.

    Raises:
        OSError: it cannot be written; the words say why, and what stood there stands there still.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OSError(f"Cannot write {path}: {error.strerror}.") from error


def read(name: str) -> Script:
    """A schedule from a file.

    Raises:
        UsageError: there is none that this program reads.
    """
    try:
        return from_toml(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"Cannot read {name}: {why}. Give a schedule that --shrink or explore wrote.") from error
    except UnusableScript as error:
        raise UsageError(f"{name} {error}.") from error


def again(file: str) -> str:
    """The one command that runs a schedule."""
    return f"tailboard-sim run --script {shlex.quote(file)}"


def smallest(verdict: Verdict, options: Options, file: Path, bounds: Bounds | None = None) -> dict[str, Any]:
    """Make a failing world smaller and write it to `file`; what came of it, for programs."""
    print(f"\nShrinking seed {verdict.seed} …", file=sys.stderr, flush=True)
    script, result = shrunk(verdict, options, system_ports().clock, bounds)
    command = again(str(file))
    headline = f"The smallest world found that breaks {script.broken}. Run it again with\n{command}"
    write(file, to_toml(script, headline))
    return {
        "file": str(file),
        "replay": command,
        "script": script.model_dump(),
        "hits_before": len(verdict.schedule),
        "tries": result.tries,
        "seconds": round(result.seconds, 1),
        "whole": result.whole,
    }


def in_words(found: Mapping[str, Any]) -> str:
    """What `smallest` came to, for people."""
    script = found["script"]
    hits, said = script["hits"], sum(script["commands"].values())
    size = f"{len(hits)} of {found['hits_before']} faults, {said} commands on {script['devices']} laptops"
    stopped = "" if found["whole"] else "; stopped at its bound, so less may do"
    lines = [f"  smallest: {size} still break {script['broken']} ({found['tries']} worlds tried{stopped})"]
    lines += [f"    {hit}" for hit in hits[:_SHOWN_MAX]]
    lines += [f"    and {len(hits) - _SHOWN_MAX} more"] if len(hits) > _SHOWN_MAX else []
    return "\n".join([*lines, f"  again: {found['replay']}"])
