"""`tailboard-sim run` and `mutants`: from parsed arguments to worlds, and from worlds to a `Report`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError
from simulators import world
from simulators.account import expanded, said
from simulators.campaigns import asked_for
from simulators.checkers import Finding
from simulators.explore import PROMISES, Campaign, Verdict, commit, judge, only_what_matters
from simulators.mutants.hunt import Catch, hunt_all
from simulators.mutants.table import BY_NAME
from simulators.reproduction import again, in_words, read, smallest, writable, write
from simulators.world import Options, Run

#: What a reader of a timeline can do without: the trace file has it.
_FINE_PRINT = frozenset({"commit", "sends", "answers", "asks"})


def run(arguments: argparse.Namespace) -> Report:
    """One world: what happened, and what each judge says of it."""
    seed, options, command = _world(arguments)
    trace = writable(arguments.trace)
    smaller = writable(arguments.shrink)
    only_what_matters()
    try:
        result = world.run(seed, replace(options, keep_lines=True))
        findings = judge(result)
        verdict = Verdict(seed, tuple(findings), schedule=result.schedule)
        shrunken = smallest(verdict, options, smaller) if smaller and findings else None
    finally:
        world.forget_templates()
    if trace:
        _write_trace(trace, result, command)
    data = run_data(result, options, findings) | ({"shrunk": shrunken} if shrunken else {})
    lines = run_lines(result, findings) + ([in_words(shrunken)] if shrunken else [])
    return Report("tailboard.run.v1", data, lines, ok=not findings)


def _world(arguments: argparse.Namespace) -> tuple[int, Options, str]:
    """The seed, what its world consists of, and the command that runs it again."""
    if (arguments.seed is None) == (arguments.script is None):
        raise UsageError("Give --seed N for a world of its own, or --script FILE for one that was written down.")
    if arguments.script is None:
        campaign = asked_for(arguments, arguments.seed, 1)
        return arguments.seed, campaign.options, campaign.replay(arguments.seed)
    usual = Campaign()
    if (arguments.profile, arguments.devices, arguments.commands) != (usual.profile, usual.devices, usual.commands):
        raise UsageError("A script says itself what happens to whom: leave out --profile, --devices and --commands.")
    script = read(arguments.script)
    return script.seed, script.options(), again(arguments.script)


def run_data(result: Run, options: Options, findings: Sequence[Finding]) -> dict[str, Any]:
    """A judged world, for programs."""
    return {
        "seed": result.seed,
        "commit": commit(),
        "options": expanded(options),
        "trace": result.trace,
        "steps_hash": result.steps_hash,
        "steps": result.steps,
        "virtual_s": round(result.virtual_s, 3),
        "commands": len(result.evidence.said),
        "crashes": result.crashes,
        "faults": dict(sorted(result.hits.items())),
        "verdict": {promise: said(findings, promise) for promise in PROMISES},
    }


def run_lines(result: Run, findings: Sequence[Finding]) -> list[str]:
    """A judged world, for people."""
    lines = [_told(line) for line in result.lines if line.split()[2] not in _FINE_PRINT]
    lines += ["", *(_spoken(promise, said(findings, promise)) for promise in PROMISES), ""]
    lines.append(
        f"Seed {result.seed}: {len(result.evidence.said)} commands, {sum(result.hits.values())} faults, "
        f"{result.crashes} crashes in {result.virtual_s / 3600:.1f} h; trace {result.trace}."
    )
    return lines


def _told(line: str) -> str:
    """A line of the trace with the time as people read it."""
    at, who, what = line.split(maxsplit=2)
    return f"{timedelta(seconds=int(float(at)))!s:>9}  {who:8} {what}"


def _spoken(promise: str, found: Sequence[dict[str, str]]) -> str:
    if not found:
        return f"  ok      {promise}"
    return "\n".join(f"  BROKEN  {promise}: {each['what']}: {each['words']}" for each in found)


def _write_trace(path: Path, result: Run, command: str) -> None:
    head = f"tailboard-sim trace 1 commit {commit() or 'unknown'} hash {result.trace}"
    write(path, "".join(f"{line}\n" for line in (head, command, *result.lines)))


def mutants(arguments: argparse.Namespace) -> Report:
    """Whether the judges find the bugs that are planted for them."""
    if arguments.jobs < 1:
        raise UsageError("--jobs needs a number of at least 1.")
    names = arguments.only or list(BY_NAME)
    if unknown := [name for name in names if name not in BY_NAME]:
        raise UsageError(f"There is no mutant {unknown[0]!r}. Choose among: {', '.join(BY_NAME)}.")
    catches: list[Catch] = []
    for catch in hunt_all(names, arguments.jobs):
        catches.append(catch)
        print(f"{len(catches)}/{len(names)} {_caught(catch)}", file=sys.stderr, flush=True)
    missed = sum(not catch.caught for catch in catches)
    lines = [*map(_caught, catches), f"{len(catches) - missed} of {len(catches)} caught."]
    data = {"commit": commit(), "mutants": [asdict(catch) for catch in catches]}
    return Report("tailboard.mutants.v1", data, lines, ok=not missed)


def _caught(catch: Catch) -> str:
    found = f"caught by {catch.checker} in {catch.seeds}" if catch.caught else f"NOT caught in {catch.seeds}"
    return f"{catch.name:30} {found} seeds, {catch.cpu_s:.1f} s"
