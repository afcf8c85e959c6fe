"""Which version of the policy bundle applies to what: what the office publishes, and what every device reads.

Rules
1. `serial` only rises: of two roll-outs the one with the higher serial is the newer, whatever it says.
2. A bundle's number only rises too. To go back, the older content is published under a higher number.
3. A stage is for requests that match all of its conditions; no condition matches everything.
4. What the numbers mean for one request is `policies.rollout`'s business. Nothing here is chosen at random: whoever
   reads the same roll-out for the same request comes to the same versions.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.contract import Contract, Name
from shared.routing import DataClass, Purpose

STAGES_MAX = 32
DEVICES_MAX = 10_000

#: A bundle's number.
Version = Annotated[int, Field(ge=1, le=2**53)]


class Mode(StrEnum):
    """`SHADOW`: decided and logged beside what is in force, and never followed. `FORCE`: followed."""

    SHADOW = "shadow"
    FORCE = "force"


class Stage(Contract):
    """Bundle `version` in `mode` for requests of these workloads, risk classes and devices; empty: of all."""

    version: Version
    mode: Mode
    workloads: tuple[Purpose, ...] = ()
    risks: tuple[DataClass, ...] = ()
    devices: Annotated[tuple[Name, ...], Field(max_length=DEVICES_MAX)] = ()


class Rollout(Contract):
    """`in_force` is the bundle for everything that no stage takes over; None for the one that came with the program.

    Raises:
        ValidationError: a stage is in force for a version below `in_force`, which would be a step back.
    """

    format: Annotated[int, Field(ge=1, le=1)] = 1
    serial: Annotated[int, Field(ge=0)] = 0
    in_force: Version | None = None
    stages: Annotated[tuple[Stage, ...], Field(max_length=STAGES_MAX)] = ()

    @model_validator(mode="after")
    def _never_back(self) -> Self:
        floor = self.in_force or 0
        if any(each.version <= floor for each in self.stages):
            raise ValueError("a stage is for a version above the one that is in force for everything")
        return self

    def versions(self) -> frozenset[int]:
        """Every version that is named."""
        named = {each.version for each in self.stages}
        return frozenset(named | ({self.in_force} if self.in_force else set()))

    def versions_on(self, device: str) -> frozenset[int]:
        """Every version that a request of `device` may meet."""
        named = {each.version for each in self.stages if not each.devices or device in each.devices}
        return frozenset(named | ({self.in_force} if self.in_force else set()))
