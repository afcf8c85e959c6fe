"""Many worlds, one a seed, judged: in this process or in several, for as many seeds or seconds as asked.

Rules
1. A campaign is a value: seeds, options, and how much time. What a seed does depends on nothing else.
2. Whatever is found is kept at once: an interrupted campaign has everything that was judged before.
3. A world that does not come to its end, or in which a program raises what it may not, is a finding too.
4. A sample of the seeds runs twice: the same seed has to be the same world (`a-seed-is-a-world`).
"""

import gc
import logging
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from shared.ports import Clock
from simulators.checkers import CHECKERS, Finding, judged
from simulators.faults import PROFILES, Hit, Hits
from simulators.loop import SimulationFault
from simulators.script import Script, written
from simulators.shrink import Bounds, Shrunk, case_of, shrink
from simulators.world import Options, Run, run

#: What a program may never do in any world, and what a seed has to be; the judges name the rest.
NO_ERRORS, ONE_WORLD = "no-errors", "a-seed-is-a-world"
PROMISES: tuple[str, ...] = (*(checker.promise for checker in CHECKERS), NO_ERRORS, ONE_WORLD)
#: One seed in so many runs twice.
SAMPLE = 25


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which worlds to run: `seeds` of them from `first` on, of one profile and size."""

    first: int = 0
    seeds: int = 100
    profile: str = "rough"
    devices: int = 3
    commands: int = 12

    @property
    def options(self) -> Options:
        """What each of its worlds consists of."""
        return Options(self.devices, self.commands, PROFILES[self.profile])

    def replay(self, seed: int) -> str:
        """The one command that runs one of its worlds again."""
        size = f"--devices {self.devices} --commands {self.commands}"
        return f"tailboard-sim run --seed {seed} --profile {self.profile} {size}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one seed. `commands` were called saved; `trace` is empty if the world did not come to its end.

    `recovery_s` is how long after everything healed the last command was settled, None if it never was; `schedule`
    are the faults in order, kept of worlds in which a promise was broken.
    """

    seed: int
    findings: tuple[Finding, ...] = ()
    trace: str = ""
    commands: int = 0
    crashes: int = 0
    steps: int = 0
    virtual_s: float = 0.0
    hits: Hits = field(default_factory=Hits)
    recovery_s: float | None = None
    schedule: tuple[Hit, ...] = ()


@dataclass
class Found:
    """What a campaign has found so far."""

    campaign: Campaign
    verdicts: list[Verdict] = field(default_factory=list)
    interrupted: bool = False
    wall_s: float = 0.0

    @property
    def hits(self) -> Hits:
        """How often each fault was committed, over all worlds."""
        total = Hits()
        for verdict in self.verdicts:
            total.update(verdict.hits)
        return total

    @property
    def failures(self) -> list[Verdict]:
        """The worlds in which a promise was broken, by seed."""
        return sorted((verdict for verdict in self.verdicts if verdict.findings), key=lambda each: each.seed)


def judge(result: Run) -> list[Finding]:
    """Everything that is wrong with a world that came to its end."""
    findings = [finding for found in judged(result.evidence).values() for finding in found]
    return findings + [Finding("a program", error, NO_ERRORS) for error in result.errors]


def play(campaign: Campaign, seed: int) -> Verdict:
    """One seed of a campaign, run and judged."""
    return verdict_of(seed, campaign.options, twice=seed % SAMPLE == 0)


def verdict_of(seed: int, options: Options, *, twice: bool = False) -> Verdict:
    """One world, run and judged; with `twice`, it has to be the same world again."""
    hits: list[Hit] = []
    try:
        result = run(seed, options, committed=hits)
        again = run(seed, options) if twice else result
    except SimulationFault as fault:
        return _fell(seed, str(fault), hits)
    except Exception as error:  # noqa: BLE001  # what a world dies of is a finding
        return _fell(seed, f"{type(error).__name__}: {error}", hits)
    findings = judge(result)
    if (again.trace, again.steps_hash) != (result.trace, result.steps_hash):
        findings.append(Finding(f"seed {seed}", "two runs of it are two worlds", ONE_WORLD))
    return _verdict(result, findings)


def _fell(seed: int, words: str, hits: list[Hit]) -> Verdict:
    findings = (Finding("the world", words, NO_ERRORS),)
    return Verdict(seed, findings, hits=Hits(hit.fault for hit in hits), schedule=tuple(hits))


def _verdict(result: Run, findings: list[Finding]) -> Verdict:
    return Verdict(
        result.seed,
        tuple(findings),
        result.trace,
        len(result.evidence.said),
        result.crashes,
        result.steps,
        result.virtual_s,
        result.hits,
        result.recovery_s,
        result.schedule if findings else (),
    )


def shrunk(verdict: Verdict, options: Options, clock: Clock, bounds: Bounds | None = None) -> tuple[Script, Shrunk]:
    """The smallest schedule that breaks the first of the promises that a world broke.

    Args:
        verdict: of a world in which a promise was broken.
        options: what it consisted of.
        clock: real time, for the bounds.
        bounds: how much it may cost.
    """
    broken = {finding.checker for finding in verdict.findings}
    promise = next(promise for promise in PROMISES if promise in broken)

    def trial(smaller: Options) -> tuple[Hit, ...] | None:
        found = verdict_of(verdict.seed, smaller, twice=promise == ONE_WORLD)
        return found.schedule if promise in {each.checker for each in found.findings} else None

    result = shrink(case_of(options, verdict.schedule), options, trial, clock, bounds)
    case = result.case
    return written(verdict.seed, commit(), promise, case.said, options.profile, case.hits), result


def explore(
    campaign: Campaign,
    say: Callable[[Found, Verdict], None],
    clock: Clock,
    *,
    jobs: int = 1,
    budget_s: float | None = None,
) -> Found:
    """Play a campaign; `say` hears of each verdict as it comes.

    Args:
        campaign: which worlds.
        say: told after each world.
        clock: real time, for the budget.
        jobs: how many processes; 1 stays in this one.
        budget_s: begin no world after so many seconds of real time.
    """
    found, began_s = Found(campaign), clock.monotonic_s()
    try:
        with closing(_verdicts(campaign, jobs)) as verdicts:
            for verdict in verdicts:
                found.verdicts.append(verdict)
                found.wall_s = clock.monotonic_s() - began_s
                say(found, verdict)
                if budget_s is not None and found.wall_s >= budget_s:
                    break
    except KeyboardInterrupt:
        found.interrupted = True
    found.wall_s = clock.monotonic_s() - began_s
    return found


#: Machines that died in a world are never tidied up (their `finally` blocks must not run), so their files stay open.
WORLDS_A_PROCESS = 200


def _verdicts(campaign: Campaign, jobs: int) -> Generator[Verdict]:
    seeds = range(campaign.first, campaign.first + campaign.seeds)
    if jobs == 1:
        yield from (play(campaign, seed) for seed in seeds)
        return
    # Fresh interpreters: a copy of this one would bring along open files and loaded libraries.
    with multiprocessing.get_context("spawn").Pool(jobs, begin_child, maxtasksperchild=WORLDS_A_PROCESS) as pool:
        yield from pool.imap_unordered(_Play(campaign), seeds)


def begin_child() -> None:
    """What a process of a campaign does first. Ctrl-C is for the one that collects; it ends these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # a run collects what is its own; what its dead machines leave is not looked at again and again
    only_what_matters()


def only_what_matters() -> None:
    """What programs log in a world full of faults is nobody's news; errors come as findings."""
    logging.getLogger("tailboard").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class _Play:
    """`play` of one campaign, in a form that can be sent to another process."""

    campaign: Campaign

    def __call__(self, seed: int) -> Verdict:
        return play(self.campaign, seed)


def commit() -> str:
    """The commit that this program was started from, and whether it was changed since; empty where nobody can say."""
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=Path(__file__).parent,
            env={"PATH": os.environ.get("PATH", "")},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return asked.stdout.strip()
