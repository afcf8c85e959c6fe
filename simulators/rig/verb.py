"""`tailboard-sim rig`: from parsed arguments to a run, and from what came of it to a `Report`."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from shared.commandline import Report, UsageError
from shared.ports import system_ports
from simulators.checkers import CHECKERS, Finding
from simulators.explore import NO_ERRORS, commit
from simulators.postgresql import find_programs
from simulators.rig.course import Order, Result, play
from simulators.rig.plan import KINDS, Options

#: What a run is judged by.
PROMISES = (*(checker.promise for checker in CHECKERS), NO_ERRORS)


def rig(arguments: argparse.Namespace) -> Report:
    """One run: what happened, and what each judge says of it."""
    options = _options(arguments)
    programs = find_programs()
    if programs is None:
        raise UsageError("The rig needs PostgreSQL (initdb and postgres), which is not installed here.")
    result = play(Order(options), programs, system_ports(), _say)
    return Report("tailboard.rig.v1", as_data(options, result), as_lines(options, result), ok=not result.findings)


def _options(arguments: argparse.Namespace) -> Options:
    try:
        return Options(arguments.seed, arguments.laptops, arguments.servers, arguments.seconds)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def as_data(options: Options, result: Result) -> dict[str, Any]:
    """A run for programs."""
    return {
        "seed": options.seed,
        "commit": commit(),
        "options": {"laptops": options.laptops, "servers": options.servers, "seconds": options.seconds},
        "commands": len(result.evidence.said),
        "planned": {kind.name: result.planned(kind.name) for kind in KINDS},
        "faults": {kind.name: result.hits[kind.name] for kind in KINDS},
        "skipped": dict(result.missing),
        "never_happened": list(result.never_happened),
        "settled_s": round(result.settled_s, 1),
        "verdict": {promise: _of(result.findings, promise) for promise in PROMISES},
        "timeline": list(result.lines),
    }


def as_lines(options: Options, result: Result) -> list[str]:
    """A run for people: the verdict, the acts, and the end; the timeline was told as it happened."""
    lines = [_spoken(promise, _of(result.findings, promise)) for promise in PROMISES]
    lines += ["", f"  {'act':<16}{'planned':>8}{'hits':>8}"]
    lines += [_counted(result, kind.name) for kind in KINDS]
    total = sum(result.hits.values())
    setting = f"{options.laptops} laptops, {options.servers} servers, {options.seconds:g} s of faults"
    came = f"{len(result.evidence.said)} commands, {total} hits, settled in {result.settled_s:.1f} s"
    lines += ["", f"Seed {options.seed}: {setting}; {came}; {len(result.findings)} violations."]
    return lines


def _counted(result: Result, name: str) -> str:
    line = f"  {name:<16}{result.planned(name):>8}{result.hits[name]:>8}"
    if why := result.missing.get(name):
        return f"{line}  skipped: {why}"
    return f"{line}  never happened" if name in result.never_happened else line


def _of(findings: Sequence[Finding], promise: str) -> list[dict[str, str]]:
    return [{"what": each.what, "words": each.words} for each in findings if each.checker == promise]


def _spoken(promise: str, found: Sequence[dict[str, str]]) -> str:
    if not found:
        return f"  ok      {promise}"
    return "\n".join(f"  BROKEN  {promise}: {each['what']}: {each['words']}" for each in found)
