"""Looks for planted bugs, each in a fresh process: a program that was spoilt once is never used again."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulators import explore, world
from simulators.mutants.base import Mutant
from simulators.mutants.table import BY_NAME


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of the hunt for one mutant.

    Args:
        name: of the mutant.
        checker: who had to find it.
        seeds: how many it took; all that were tried, if it was not caught.
        caught: whether that judge spoke.
        words: the judge's first words about it, or what else was seen.
        others: the judges that spoke in the same worlds.
        cpu_s: the processor's time that it took.
    """

    name: str
    checker: str
    seeds: int
    caught: bool
    words: str
    others: tuple[str, ...]
    cpu_s: float = 0.0


def hunt(mutant: Mutant) -> Catch:
    """Plant it here, for good, and run worlds until its judge speaks. Use a process that ends afterwards."""
    world.template(mutant.trial.devices)  # the machines were set up by a sound program
    for plant in mutant.plant:
        plant()
    others: set[str] = set()
    first, seeds = mutant.trial.first, mutant.trial.seeds
    for count, seed in enumerate(range(first, first + seeds), 1):
        findings = explore.play(mutant.trial, seed).findings
        others |= {finding.checker for finding in findings} - {mutant.checker}
        words = next((str(finding) for finding in findings if finding.checker == mutant.checker), None)
        if words:
            return Catch(mutant.name, mutant.checker, count, True, words, tuple(sorted(others)))
    return Catch(mutant.name, mutant.checker, seeds, False, "nobody saw it", tuple(sorted(others)))


def hunt_all(names: Sequence[str], jobs: int) -> Iterator[Catch]:
    """Each of `names` in a process of its own, `jobs` of them at a time, in order."""
    with _context().Pool(jobs, explore.begin_child, maxtasksperchild=1) as pool:
        yield from pool.imap(_hunt_named, names, chunksize=1)


def _context() -> Any:
    """How processes are started: from one that is sound and has everything loaded, where the system knows how."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["simulators.mutants.hunt"])
    return context


def _hunt_named(name: str) -> Catch:
    try:
        catch = hunt(BY_NAME[name])
        return replace(catch, cpu_s=round(time.process_time(), 1))
    finally:
        world.forget_templates()
