"""Which bundle decides: a new one goes first in shadow, then in force, to workloads and risks, and back.

Rules
1. What a stage is for is named: purposes, data classes, groups of devices. Nothing is drawn by lot.
2. The first stage in force that fits decides; if none fits, the bundle that is in force everywhere does.
3. A bundle in shadow decides too, and its decision is recorded and not used.
4. Work that has begun keeps the version that it began with, as long as that version is still known here.
5. Going back is a roll-out without the stage, or an older content under a higher version: versions only rise.
6. Of two roll-outs the one with the higher serial is the newer, whatever it says. The same roll-out is written as the
   same bytes.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field, field_serializer, model_validator

from shared.contract import Contract, Name
from shared.routing import DataClass, Purpose

STAGES_MAX = 32

#: `shadow`: decided and recorded, and not followed.
Mode = Literal["shadow", "in_force"]

Version = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Stage(Contract):
    """Where a version is tried. None stands for any. A device is a group of its own, by its name."""

    version: Version
    mode: Mode
    purposes: frozenset[Purpose] | None = None
    classes: frozenset[DataClass] | None = None
    groups: frozenset[Name] | None = None

    @field_serializer("purposes", "classes", "groups")
    def _in_order(self, names: frozenset[str] | None) -> list[str] | None:
        return None if names is None else sorted(names)

    def fits(self, purpose: Purpose, data_class: DataClass, groups: Collection[str]) -> bool:
        """Whether it is for such a task on a device of `groups`."""
        return (
            (self.purposes is None or purpose in self.purposes)
            and (self.classes is None or data_class in self.classes)
            and (self.groups is None or not self.groups.isdisjoint(groups))
        )


class Rollout(Contract):
    """`rollout.json`: what is in force everywhere, and what is tried where.

    `in_force` None stands for the bundle that came with the program.

    Raises:
        ValidationError: a stage is for a version that is not above the one in force everywhere: a step back.
    """

    version: Literal[1] = 1
    serial: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    in_force: Version | None = None
    stages: Annotated[tuple[Stage, ...], Field(max_length=STAGES_MAX)] = ()

    @model_validator(mode="after")
    def _never_back(self) -> Self:
        floor = self.in_force or 0
        if any(each.version <= floor for each in self.stages):
            raise ValueError("a stage is for a version above the one that is in force everywhere")
        return self

    def versions(self, groups: Collection[str] | None = None) -> frozenset[int]:
        """Every version that is named; with `groups`, every one that a task on a device of these may meet."""
        met = [each for each in self.stages if groups is None or each.groups is None or each.groups & set(groups)]
        return frozenset(each.version for each in met) | ({self.in_force} if self.in_force else set())


class Applies(Contract):
    """The versions for one task: the one that decides, and those that decide in shadow, sorted.

    `in_force` None stands for the bundle that came with the program.
    """

    in_force: Version | None
    shadow: tuple[Version, ...] = ()


def applies(
    rollout: Rollout,
    purpose: Purpose,
    data_class: DataClass | None,
    groups: Collection[str],
    known: Collection[int],
    begun_with: int | None = None,
) -> Applies:
    """Which versions are asked about a task.

    Args:
        rollout: the plan.
        purpose: the workload.
        data_class: the risk; None counts as restricted.
        groups: of the device.
        known: the versions that are here; what is not here is not asked.
        begun_with: the version with which the task began, if it is under way.

    Raises:
        LookupError: no version that applies is here.
    """
    risk = data_class or DataClass.RESTRICTED
    fitting = [each for each in rollout.stages if each.version in known and each.fits(purpose, risk, groups)]
    wanted = [begun_with, *(each.version for each in fitting if each.mode == "in_force"), rollout.in_force]
    deciding = next((version for version in wanted if version is not None and version in known), None)
    if deciding is None and rollout.in_force is not None:
        raise LookupError(f"version {rollout.in_force} of the policies is in force, and it is not here")
    shadow = {each.version for each in fitting if each.mode == "shadow"} - {deciding}
    return Applies(in_force=deciding, shadow=tuple(sorted(shadow)))
