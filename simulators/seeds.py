"""`tailboard-sim run`, `explore` and `mutants`: from parsed arguments to worlds, and from worlds to a `Report`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError
from shared.ports import system_ports
from simulators import world
from simulators.checkers import Finding
from simulators.explore import (
    PROMISES,
    Campaign,
    Found,
    Verdict,
    commit,
    explore,
    judge,
    only_what_matters,
)
from simulators.faults import PROFILES
from simulators.mutants.hunt import Catch, hunt_all
from simulators.mutants.table import BY_NAME
from simulators.reproduction import again, in_words, read, smallest, writable
from simulators.world import Options, Run

#: What a reader of a timeline can do without: the trace file has it.
_FINE_PRINT = frozenset({"commit", "sends", "answers", "asks"})
DEVICES_MAX, COMMANDS_MAX = 64, 10_000
#: So many failing seeds of a campaign are made smaller.
SHRUNK_MAX = 3


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
    data = _run_data(result, options, findings) | ({"shrunk": shrunken} if shrunken else {})
    lines = _run_lines(result, findings) + ([in_words(shrunken)] if shrunken else [])
    return Report("tailboard.run.v1", data, lines, ok=not findings)


def _world(arguments: argparse.Namespace) -> tuple[int, Options, str]:
    """The seed, what its world consists of, and the command that runs it again."""
    if (arguments.seed is None) == (arguments.script is None):
        raise UsageError("Give --seed N for a world of its own, or --script FILE for one that was written down.")
    if arguments.script is None:
        campaign = _campaign(arguments, arguments.seed, 1)
        return arguments.seed, campaign.options, campaign.replay(arguments.seed)
    script = read(arguments.script)
    return script.seed, script.options(), again(arguments.script)


def _run_data(result: Run, options: Options, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "commit": commit(),
        "options": _expanded(options),
        "trace": result.trace,
        "steps_hash": result.steps_hash,
        "steps": result.steps,
        "virtual_s": round(result.virtual_s, 3),
        "commands": len(result.evidence.said),
        "crashes": result.crashes,
        "faults": dict(sorted(result.hits.items())),
        "verdict": {promise: _of(findings, promise) for promise in PROMISES},
    }


def _run_lines(result: Run, findings: Sequence[Finding]) -> list[str]:
    lines = [_told(line) for line in result.lines if line.split()[2] not in _FINE_PRINT]
    lines += ["", *(_spoken(promise, _of(findings, promise)) for promise in PROMISES), ""]
    lines.append(
        f"Seed {result.seed}: {len(result.evidence.said)} commands, {sum(result.hits.values())} faults, "
        f"{result.crashes} crashes in {result.virtual_s / 3600:.1f} h; trace {result.trace}."
    )
    return lines


def _told(line: str) -> str:
    """A line of the trace with the time as people read it."""
    at, who, what = line.split(maxsplit=2)
    return f"{timedelta(seconds=int(float(at)))!s:>9}  {who:8} {what}"


def _of(findings: Sequence[Finding], promise: str) -> list[dict[str, str]]:
    return [{"what": each.what, "words": each.words} for each in findings if each.checker == promise]


def _spoken(promise: str, found: Sequence[dict[str, str]]) -> str:
    if not found:
        return f"  ok      {promise}"
    return "\n".join(f"  BROKEN  {promise}: {each['what']}: {each['words']}" for each in found)


def _write_trace(path: Path, result: Run, command: str) -> None:
    head = f"tailboard-sim trace 1 commit {commit() or 'unknown'} hash {result.trace}"
    path.write_text("".join(f"{line}\n" for line in (head, command, *result.lines)), encoding="utf-8")


def search(arguments: argparse.Namespace) -> Report:
    """A campaign over many seeds."""
    campaign = _campaign(arguments, arguments.first, arguments.seeds)
    if arguments.jobs < 1:
        raise UsageError("--jobs needs a number of at least 1.")
    if arguments.budget_s is not None and arguments.budget_s <= 0:
        raise UsageError("--budget-s needs a number of seconds above 0.")
    folder = _folder(arguments.scripts)
    only_what_matters()
    try:
        clock = system_ports().clock
        found = explore(campaign, _progress, clock, jobs=arguments.jobs, budget_s=arguments.budget_s)
        shrunken = {} if found.interrupted or not arguments.shrinks else _shrunken(found, folder)
    finally:
        world.forget_templates()
        print(file=sys.stderr)
    return Report(
        "tailboard.explore.v1",
        _found_data(found, shrunken),
        _found_lines(found, shrunken),
        ok=bool(found.verdicts) and not found.failures,
    )


def _folder(name: str) -> Path:
    """Where schedules are written; found out before hours are spent."""
    writable(str(Path(name) / ".tailboard-sim"))
    return Path(name)


def _shrunken(found: Found, folder: Path) -> dict[int, dict[str, Any]]:
    """One failing seed for each promise that was broken is made smaller, the first few of them."""
    first: dict[str, Verdict] = {}
    for verdict in found.failures:
        for finding in verdict.findings:
            first.setdefault(finding.checker, verdict)
    chosen = {verdict.seed: verdict for verdict in first.values()}
    files = {seed: folder / f"shrunk-{seed}.toml" for seed in sorted(chosen)[:SHRUNK_MAX]}
    return {seed: smallest(chosen[seed], found.campaign.options, file) for seed, file in files.items()}


def _progress(found: Found, verdict: Verdict) -> None:
    done, of = len(found.verdicts), found.campaign.seeds
    bar = "#" * (20 * done // of)
    rate = 60 * done / found.wall_s if found.wall_s else 0
    line = f"\r[{bar:20}] {done}/{of} seeds, {len(found.failures)} failed, {rate:.0f} a minute"
    print(line, end="", file=sys.stderr, flush=True)
    if verdict.findings:
        print(f"\n{_failure(found.campaign, verdict)}", file=sys.stderr, flush=True)


def _failure(campaign: Campaign, verdict: Verdict) -> str:
    return "\n".join(
        [
            f"seed {verdict.seed}, commit {commit() or 'unknown'}, {_in_words(_options(campaign))}",
            *(f"  {finding}" for finding in verdict.findings[:5]),
            f"  again: {campaign.replay(verdict.seed)}",
        ]
    )


def _in_words(options: Mapping[str, Any]) -> str:
    flat = {**options, **options["armed"]}
    return " ".join(f"{name}={value}" for name, value in flat.items() if name != "armed")


def _found_data(found: Found, shrunken: Mapping[int, Any]) -> dict[str, Any]:
    campaign, hits = found.campaign, found.hits
    return {
        "commit": commit(),
        "options": _options(campaign),
        "from": campaign.first,
        "seeds": len(found.verdicts),
        "seeds_asked": campaign.seeds,
        "interrupted": found.interrupted,
        "wall_s": round(found.wall_s, 1),
        "commands": sum(verdict.commands for verdict in found.verdicts),
        "crashes": sum(verdict.crashes for verdict in found.verdicts),
        "virtual_hours": round(sum(verdict.virtual_s for verdict in found.verdicts) / 3600, 1),
        "faults": dict(sorted(hits.items())),
        "never_happened": list(hits.missed(PROFILES[campaign.profile])),
        "violations": sum(len(verdict.findings) for verdict in found.verdicts),
        "failures": [_failed(campaign, verdict, shrunken) for verdict in found.failures],
    }


def _failed(campaign: Campaign, verdict: Verdict, shrunken: Mapping[int, Any]) -> dict[str, Any]:
    broken = {promise: _of(verdict.findings, promise) for promise in PROMISES}
    return {
        "seed": verdict.seed,
        "broken": {promise: found for promise, found in broken.items() if found},
        "replay": campaign.replay(verdict.seed),
        "shrunk": shrunken.get(verdict.seed),
    }


def _found_lines(found: Found, shrunken: Mapping[int, Any]) -> list[str]:
    data, lines = _found_data(found, shrunken), []
    for verdict in found.failures:
        lines.append(_failure(found.campaign, verdict))
        lines += [in_words(shrunken[verdict.seed])] if verdict.seed in shrunken else []
    lines += [f"{name:22} {count}" for name, count in data["faults"].items()]
    if data["never_happened"]:
        lines.append(f"Armed and never happened: {', '.join(data['never_happened'])}.")
    if found.interrupted:
        lines.append(f"Interrupted after {data['seeds']} of {data['seeds_asked']} seeds; this is what was found.")
    lines.append(
        f"{data['seeds']} seeds, {data['commands']} commands, {data['virtual_hours']} h in the field, "
        f"{data['crashes']} crashes, {data['violations']} violations; {data['wall_s']} s."
    )
    return lines


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
    return f"{catch.name:24} {found} seeds"


# -- what both take


def _campaign(arguments: argparse.Namespace, first: int, seeds: int) -> Campaign:
    if first < 0:
        raise UsageError(f"A seed is a number from 0 up; {first} is none.")
    if seeds < 1:
        raise UsageError("--seeds needs a number of at least 1.")
    if arguments.profile not in PROFILES:
        raise UsageError(f"There is no profile {arguments.profile!r}. Choose one of: {', '.join(PROFILES)}.")
    if not 1 <= arguments.devices <= DEVICES_MAX:
        raise UsageError(f"--devices takes a number from 1 to {DEVICES_MAX}.")
    if not 1 <= arguments.commands <= COMMANDS_MAX:
        raise UsageError(f"--commands takes a number from 1 to {COMMANDS_MAX}.")
    return Campaign(first, seeds, arguments.profile, arguments.devices, arguments.commands)


def _options(campaign: Campaign) -> dict[str, Any]:
    return {"profile": campaign.profile, **_expanded(campaign.options)}


def _expanded(options: Options) -> dict[str, Any]:
    armed = options.profile
    return {
        "devices": options.devices,
        "commands": options.commands,
        "armed": {name: getattr(armed, name) for name in armed.armed()},
    }
