"""`tailboard-sim explore`: a campaign, told while it runs, and kept whatever ends it."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError
from shared.ports import Clock, system_ports
from simulators import world
from simulators.account import SCHEMA, Account, account, settings
from simulators.explore import Campaign, Found, Verdict, commit, explore, only_what_matters
from simulators.faults import PROFILES
from simulators.reproduction import in_words, smallest, writable, write
from simulators.timeline import Witness

STDERR = 2

DEVICES_MAX, COMMANDS_MAX = 64, 10_000
#: So many failing seeds of a campaign are made smaller.
SHRUNK_MAX = 3
#: What was found is written to the file that often, in seconds, while a campaign runs.
KEEP_EVERY_S = 30.0
_TENTHS = 10


def search(arguments: argparse.Namespace) -> Report:
    """A campaign over many seeds."""
    campaign = asked_for(arguments, arguments.first, arguments.seeds)
    if arguments.jobs < 1:
        raise UsageError("--jobs needs a number of at least 1.")
    if arguments.budget_s is not None and not arguments.budget_s > 0:
        raise UsageError("--budget-s needs a number of seconds above 0.")
    out, folder = writable(arguments.out), _folder(arguments.scripts)
    only_what_matters()
    clock = system_ports().clock
    teller = _Teller(out, clock, on_terminal=sys.stderr.isatty())
    try:
        with _asked_to_end(teller):
            found = explore(campaign, teller.tell, clock, jobs=arguments.jobs, budget_s=arguments.budget_s)
            teller.end()
            shrunken = {} if found.interrupted or not arguments.shrinks else _shrunken(found, folder)
            told = account(found, shrunken, _worst(found))
    finally:
        world.forget_templates()
    lost = _kept(out, told) if out else ""
    lines = [*_lines(found, told, shrunken), *([f"{lost} What was found is in no file."] if lost else [])]
    return Report(SCHEMA, told.data() | ({"not_written": lost} if lost else {}), lines, ok=told.ok and not lost)


def asked_for(arguments: argparse.Namespace, first: int, seeds: int) -> Campaign:
    """The campaign that was asked for. Raises `UsageError`."""
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


def _folder(name: str) -> Path:
    """Where schedules are written; found out before hours are spent."""
    writable(str(Path(name) / ".tailboard-sim"))
    return Path(name)


@contextmanager
def _asked_to_end(teller: "_Teller") -> Iterator[None]:
    """Whoever ends the campaign politely gets what was found, once the world that runs is judged; twice, at once.

    Not by an exception the first time: raised while SQLite calls back into Python, it would be lost.
    """

    def end(*_: object) -> None:
        if teller.ending or teller.ended:
            raise KeyboardInterrupt
        teller.ending = True
        os.write(STDERR, b"\nEnding after this world; once more ends at once.\n")  # `print` may be what it interrupts

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


# -- what is worth a closer look


def _shrunken(found: Found, folder: Path) -> dict[int, dict[str, Any]]:
    """One failing seed for each promise that was broken is made smaller, the first few of them."""
    first: dict[str, Verdict] = {}
    for verdict in found.failures:
        for finding in verdict.findings:
            first.setdefault(finding.checker, verdict)
    chosen = {verdict.seed: verdict for verdict in first.values()}
    files = {seed: folder / f"shrunk-{seed}.toml" for seed in sorted(chosen)[:SHRUNK_MAX]}
    shrunken: dict[int, dict[str, Any]] = {}
    for seed, file in files.items():
        try:
            shrunken[seed] = smallest(chosen[seed], found.campaign.options, file)
        except OSError as error:  # the whole world can still be run again
            print(error, file=sys.stderr, flush=True)
    return shrunken


def _worst(found: Found) -> dict[str, Any] | None:
    """The worst world, run again with a witness; None if there is none or nobody wants to wait for it."""
    if not found.verdicts:
        return None
    verdict, why = _chosen(found)
    witness, trace = Witness(), ""
    try:
        trace = world.run(verdict.seed, found.campaign.options, watch=witness).trace
    except KeyboardInterrupt:
        return None
    except Exception as error:  # noqa: BLE001  # a world that falls apart does so again; what was seen is worth telling
        why = f"{why} ({type(error).__name__})"
    same = trace == verdict.trace
    replay = found.campaign.replay(verdict.seed)
    return {"seed": verdict.seed, "why": why, "replay": replay, "same_world": same, **witness.data()}


def _chosen(found: Found) -> tuple[Verdict, str]:
    if found.failures:
        return found.failures[0], "the first world in which a promise was broken"
    slowest = max(found.verdicts, key=lambda each: (each.recovery_s or 0.0, sum(each.hits.values()), -each.seed))
    return slowest, "no promise was broken; this world took longest to settle after everything healed"


# -- telling


class _Teller:
    """Says how far a campaign is, and keeps what was found."""

    def __init__(self, out: Path | None, clock: Clock, *, on_terminal: bool) -> None:
        self._out, self._clock, self._on_terminal = out, clock, on_terminal
        self._kept_s = clock.monotonic_s()
        self._told_tenths = 0
        #: Somebody asked for the end; the campaign is over.
        self.ending = self.ended = False

    def tell(self, found: Found, verdict: Verdict) -> None:
        """Of one more world. Raises `KeyboardInterrupt` if somebody asked for the end."""
        if self._on_terminal:
            print(f"\r{_bar(found)}", end="", file=sys.stderr, flush=True)
        elif (tenths := _TENTHS * len(found.verdicts) // found.campaign.seeds) > self._told_tenths:
            self._told_tenths = tenths
            print(_how_far(found), file=sys.stderr, flush=True)
        if verdict.findings:
            print(f"\n{_failure(found.campaign, verdict)}", file=sys.stderr, flush=True)
        if self._out and self._clock.monotonic_s() - self._kept_s >= KEEP_EVERY_S:
            self._kept_s = self._clock.monotonic_s()
            _kept(self._out, account(found, {}, None))  # what it cannot keep now it tries again
        if self.ending:
            raise KeyboardInterrupt

    def end(self) -> None:
        """The bar is done."""
        self.ended = True
        if self._on_terminal:
            print(file=sys.stderr)


def _bar(found: Found) -> str:
    return f"[{'#' * (20 * len(found.verdicts) // found.campaign.seeds):20}] {_how_far(found)} "


def _how_far(found: Found) -> str:
    done, of = len(found.verdicts), found.campaign.seeds
    rate = 60 * done / found.wall_s if found.wall_s else 0
    left = f", {(of - done) / rate:.0f} min left" if rate and done < of else ""
    return f"{done}/{of} seeds, {len(found.failures)} failed, {rate:.0f} a minute{left}"


def _kept(path: Path, told: Account) -> str:
    """Keep what was found; why that cannot be, or nothing. A full disk takes nothing away that can still be told."""
    try:
        write(path, json.dumps({"schema": SCHEMA, "ok": told.ok, **told.data()}, ensure_ascii=False))
    except OSError as error:
        return str(error)
    return ""


def _failure(campaign: Campaign, verdict: Verdict) -> str:
    return "\n".join(
        [
            f"seed {verdict.seed}, commit {commit() or 'unknown'}, {_in_a_line(settings(campaign))}",
            *(f"  {finding}" for finding in verdict.findings[:5]),
            f"  again: {campaign.replay(verdict.seed)}",
        ]
    )


def _in_a_line(options: Mapping[str, Any]) -> str:
    flat = {**options, **options["armed"]}
    return " ".join(f"{name}={value}" for name, value in flat.items() if name != "armed")


def _lines(found: Found, told: Account, shrunken: Mapping[int, Any]) -> list[str]:
    lines = []
    for verdict in found.failures:
        lines.append(_failure(found.campaign, verdict))
        lines += [in_words(shrunken[verdict.seed])] if verdict.seed in shrunken else []
    lines += [f"{name:22} {count}" for name, count in told.faults.items()]
    if told.never_happened:
        lines.append(f"Armed and never happened: {', '.join(told.never_happened)}.")
    if told.interrupted:
        lines.append(f"Interrupted after {told.seeds} of {told.seeds_asked} seeds; this is what was found.")
    elif told.seeds < told.seeds_asked:
        lines.append(f"The time was up after {told.seeds} of {told.seeds_asked} seeds.")
    lines.append(
        f"{told.seeds} seeds, {told.commands} commands, {told.virtual_hours} h in the field, "
        f"{told.crashes} crashes, {told.violations} violations; {told.wall_s} s."
    )
    return lines
