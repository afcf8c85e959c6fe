"""Named worlds that must always end well: what went wrong once, or would be missed most.

A scenario is a file here, `NAME.toml`:

    title = "The lost reply at every commit point"
    why = "one sentence: what would break, and for whom"
    seeds = [1, 2]              # each is a world
    profile = "calm"            # where the faults start from; see `tailboard-sim run --help`
    devices = 1
    commands = 12               # what each technician says

    [faults]                    # fields of `FaultProfile`, over the profile
    lose_reply = 0.1

    [habits]                    # fields of `simulators.world.options.Habits`
    jobs = 1

    [[events]]                  # see `simulators.world.options.Event`
    at_s = 600.0
    act = "server_down"
    for_s = 3600.0

    [[each]]                    # one more world for each occasion from 1 on: this fault strikes there, and no other
    fault = "lose_reply"
    place = "TB-01"
    occasions = 20

What is unknown in a file is refused by name.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import Field, ValidationError, field_validator

from shared.contract import Contract
from simulators.checkers import Finding
from simulators.explore import judge
from simulators.faults import FAULTS, PROFILES, FaultProfile, Hit
from simulators.world import Options, run
from simulators.world.options import Event, Habits


class UnusableScenario(Exception):
    """A file that is no scenario; the message is a sentence that says why."""


class Each(Contract):
    """One fault at one place, on each of its first `occasions` occasions in turn."""

    fault: str
    place: str
    occasions: Annotated[int, Field(ge=1, le=1000)]

    @field_validator("fault")
    @classmethod
    def _is_one(cls, name: str) -> str:
        if name not in FAULTS:
            raise ValueError(f"there is no fault {name!r}")
        return name


class Scenario(Contract):
    """The file; see the head of this module."""

    title: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    profile: str = "calm"
    devices: Annotated[int, Field(ge=1, le=1000)] = 1
    commands: Annotated[int, Field(ge=1, le=1000)] = 12
    faults: Annotated[dict[str, float], Field(default_factory=dict)]
    habits: Habits = Habits()
    events: tuple[Event, ...] = ()
    each: tuple[Each, ...] = ()

    @field_validator("profile")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"there is no profile {name!r}")
        return name

    @field_validator("faults")
    @classmethod
    def _are_faults(cls, faults: dict[str, float]) -> dict[str, float]:
        known = {each.name for each in fields(FaultProfile)}
        if unknown := sorted(faults.keys() - known):
            raise ValueError(f"there is no fault {unknown[0]!r}")
        FaultProfile(**faults)
        return faults

    def worlds(self, devices: int | None = None) -> "Iterator[World]":
        """Every world of it; with `devices`, in another size."""
        profile = replace(PROFILES[self.profile], **self.faults)
        options = Options(devices or self.devices, self.commands, profile, habits=self.habits, events=self.events)
        for seed in self.seeds:
            yield World(seed, options, f"seed {seed}")
        for each in self.each:
            armed = replace(options, profile=replace(profile, **{each.fault: 1.0}))
            for occasion in range(1, each.occasions + 1):
                hit = Hit(each.fault, each.place, occasion)
                yield World(self.seeds[0], replace(armed, script=frozenset({hit})), str(hit))


@dataclass(frozen=True, slots=True)
class World:
    """One world of a scenario, and what it is called."""

    seed: int
    options: Options
    name: str


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one world: how many commands were said, which faults were committed, and what is wrong."""

    name: str
    commands: int
    faults: int
    virtual_s: float
    findings: tuple[Finding, ...]


def play(world: World) -> Played:
    """Run one world and judge it. Raises `SimulationFault`."""
    result = run(world.seed, world.options)
    said = len(result.evidence.said)
    return Played(world.name, said, sum(result.hits.values()), result.virtual_s, tuple(judge(result)))


def read(text: str) -> Scenario:
    """A scenario from the text of its file. Raises `UnusableScenario`."""
    try:
        return Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UnusableScenario(f"is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UnusableScenario(f"{place}: {str(first['msg']).removeprefix('Value error, ')}") from error


@cache
def shipped() -> dict[str, Scenario]:
    """The scenarios that stand here, by name."""
    files = sorted(resources.files(__package__).iterdir(), key=lambda each: each.name)
    return {each.name.removesuffix(".toml"): read(each.read_text()) for each in files if each.name.endswith(".toml")}
