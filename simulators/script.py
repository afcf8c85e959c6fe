"""A schedule as a file: one seed, what is said, and exactly the faults that happen.

Rules
1. The file is TOML, with a version; what is unknown in it is refused by name. It can be kept as a regression.
2. It needs no profile: every field that is not zero is written out.
3. A hit is `fault place occasion`. One whose occasion never arises does nothing.

Source: docs/adr/0022-a-schedule-is-a-set-of-hits.md.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from shared.contract import Contract, Name
from simulators.faults import FAULTS, FaultProfile, Hit
from simulators.world import Options

VERSION: Literal[1] = 1
_LENGTHS = tuple(each.name for each in fields(FaultProfile) if each.name not in FAULTS)
_KNOWN = frozenset((*FAULTS, *_LENGTHS))


class UnusableScript(Exception):
    """A file that is no schedule of ours; the message is a sentence that says why."""


class Script(Contract):
    """One world, written out.

    Args:
        version: of the file format.
        commit: of the program that wrote it.
        seed: of every stream.
        broken: the promise that this world breaks; empty if it is not known to break any.
        devices: laptops.
        commands: how much each technician says, by laptop; who is not named says nothing.
        faults: fields of `FaultProfile`.
        hits: what happens: `fault place occasion`.
    """

    version: Literal[1]
    commit: str = ""
    seed: Annotated[int, Field(ge=0)]
    broken: str = ""
    devices: Annotated[int, Field(ge=1, le=64)]
    commands: dict[Name, Annotated[int, Field(ge=0, le=10_000)]]
    faults: Annotated[dict[str, float], Field(default_factory=dict)]
    hits: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "Script":
        if unknown := self.faults.keys() - _KNOWN:
            raise ValueError(f"there is no fault {', '.join(sorted(unknown))}")
        profile = self.profile()
        for hit in self.schedule():
            if hit.fault not in FAULTS or not getattr(profile, hit.fault):
                raise ValueError(f"the hit '{hit}' needs {hit.fault} above 0 under [faults]")
        return self

    def profile(self) -> FaultProfile:
        """What its hits are instances of."""
        return FaultProfile(**self.faults)

    def schedule(self) -> tuple[Hit, ...]:
        """Its hits. Raises `ValueError`."""
        return tuple(_hit(text) for text in self.hits)

    def options(self, *, keep_lines: bool = False) -> Options:
        """The world that it describes."""
        said = {f"TB-{n:02d}": 0 for n in range(1, self.devices + 1)} | self.commands
        return Options(self.devices, max(said.values()), self.profile(), keep_lines, said, frozenset(self.schedule()))


def _hit(text: str) -> Hit:
    match text.split():
        case [fault, place, occasion] if occasion.isdecimal() and int(occasion) > 0:
            return Hit(fault, place, int(occasion))
        case _:
            raise ValueError(f"'{text}' is not a hit: write 'fault place occasion'")


def written(
    seed: int, commit: str, broken: str, said: Mapping[str, int], profile: FaultProfile, hits: Iterable[Hit]
) -> Script:
    """A script of what happened. `said` names every laptop of the world."""
    kept = {name: getattr(profile, name) for name in (*FAULTS, *_LENGTHS)}
    return Script(
        version=VERSION,
        commit=commit,
        seed=seed,
        broken=broken,
        devices=len(said),
        commands={name: count for name, count in said.items() if count},
        faults={name: value for name, value in kept.items() if value},
        hits=tuple(str(hit) for hit in hits),
    )


def to_toml(script: Script, headline: str) -> str:
    """The text of the file; `headline` is a comment, one or more lines."""
    lines = [f"# {line}" for line in headline.splitlines()]
    lines += [f"version = {script.version}", f'commit = "{script.commit}"', f"seed = {script.seed}"]
    lines += [f'broken = "{script.broken}"', f"devices = {script.devices}"]
    lines += ["hits = [", *(f'  "{hit}",' for hit in script.hits), "]", "", "[commands]"]
    lines += [f"{name} = {count}" for name, count in script.commands.items()]
    lines += ["", "[faults]", *(f"{name} = {value!r}" for name, value in script.faults.items())]
    return "\n".join(lines) + "\n"


def from_toml(text: str) -> Script:
    """Read a file.

    Raises:
        UnusableScript: it is not TOML, of another version, or says something unknown.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnusableScript(f"is not TOML: {error}") from error
    if (version := data.get("version")) != VERSION:
        raise UnusableScript(f"is a script of version {version}; this program reads version {VERSION}")
    try:
        return Script.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        words = str(first["msg"]).removeprefix("Value error, ")
        raise UnusableScript(f"cannot be used: {place + ': ' if place else ''}{words}") from error
