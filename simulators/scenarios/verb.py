"""`tailboard-sim scenarios`: from parsed arguments to the named worlds, and from them to a `Report`."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.commandline import Report, UsageError
from simulators.explore import commit, only_what_matters
from simulators.scenarios import Played, Scenario, play, shipped
from simulators.world import forget_templates


@dataclass(frozen=True, slots=True)
class Told:
    """A scenario that was played."""

    name: str
    scenario: Scenario
    worlds: tuple[Played, ...]

    @property
    def broken(self) -> list[Played]:
        """Its worlds in which a promise was broken."""
        return [world for world in self.worlds if world.findings]


def scenarios(arguments: argparse.Namespace) -> Report:
    """List them, or play some or all of them."""
    known = shipped()
    if unknown := [name for name in arguments.names if name not in known]:
        raise UsageError(f"There is no scenario {unknown[0]!r}. Choose among: {', '.join(known)}.")
    if arguments.list:
        return _listed(known)
    if arguments.devices is not None and arguments.devices < 1:
        raise UsageError("--devices needs a number of at least 1.")
    only_what_matters()
    told = [_played(name, known[name], arguments.devices) for name in arguments.names or known]
    lines = [line for each in told for line in _lines(each)]
    data = {"commit": commit(), "scenarios": [_data(each) for each in told]}
    return Report("tailboard.scenarios.v1", data, lines, ok=not any(each.broken for each in told))


def _listed(known: Mapping[str, Scenario]) -> Report:
    lines = [line for name, each in known.items() for line in (name, f"    {each.title}.", f"    {each.why}")]
    data = {"scenarios": [{"name": name, "title": each.title, "why": each.why} for name, each in known.items()]}
    return Report("tailboard.scenarios.v1", data, lines)


def _played(name: str, scenario: Scenario, devices: int | None) -> Told:
    worlds: list[Played] = []
    try:
        for world in scenario.worlds(devices):
            print(
                f"{name}: {world.name}, {world.options.devices} laptops", file=sys.stderr, flush=True
            )  # some take long
            worlds.append(play(world))
    finally:
        forget_templates()
    return Told(name, scenario, tuple(worlds))


def _lines(told: Told) -> list[str]:
    worlds = told.worlds
    counted = (
        f"{len(worlds)} worlds, {sum(w.commands for w in worlds)} commands, {sum(w.faults for w in worlds)} faults"
    )
    head = f"{'BROKEN' if told.broken else 'ok':7} {told.name}: {counted}"
    return [head, *(f"        {world.name}: {finding}" for world in told.broken for finding in world.findings)]


def _data(told: Told) -> dict[str, Any]:
    return {
        "name": told.name,
        "title": told.scenario.title,
        "worlds": [
            {
                "world": world.name,
                "commands": world.commands,
                "faults": world.faults,
                "virtual_s": round(world.virtual_s, 3),
                "findings": [str(finding) for finding in world.findings],
            }
            for world in told.worlds
        ],
    }
