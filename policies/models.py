"""The models that an organisation approves: which there are, and where each is rolled out.

Rules
1. The catalogue is a signed target of the update repository, and names each model's file by sha256 and size: whoever
   believes the one can check the other, wherever its bytes come from.
2. Roll-out is that of policy bundles (`policies.rollout`): in the shadow a model is fetched and evaluated and not
   used; in force it is used where it passed the evaluation. A model's stage is for devices, not for kinds of tasks.
3. A number is used once, and what is in force for everything only goes up; to go back, an older file is published
   again under a higher number.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.rollout import Rollout, Version
from shared.contract import Contract, Hash, Name
from shared.routing import Count, Line, Tier

MODELS_MAX = 32
MODEL_BYTES_MAX = 64 << 30


class ApprovedModel(Contract):
    """One model.

    `memory_mib` is what it needs in all, `template` how a question is put to it (`plain`: as text that it continues),
    `prompts` the version of the prompts that it was evaluated with, and `evals` the suites that it passed then; both
    are empty if it was evaluated nowhere yet.
    """

    number: Version
    name: Name
    sha256: Hash
    size_bytes: Annotated[int, Field(ge=1, le=MODEL_BYTES_MAX)]
    memory_mib: Count
    licence: Line
    tier: Tier
    template: Literal["plain"] = "plain"
    prompts: Annotated[int, Field(ge=1)] | None = None
    evals: Annotated[tuple[Name, ...], Field(max_length=16)] = ()


class ModelCatalogue(Contract):
    """`models.json`.

    Raises:
        ValidationError: a number or a file stands there twice, or the roll-out names a model that does not.
    """

    version: Literal[1] = 1
    models: Annotated[tuple[ApprovedModel, ...], Field(max_length=MODELS_MAX)] = ()
    rollout: Rollout = Field(default_factory=Rollout)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = [each.number for each in self.models]
        if len(set(numbers)) < len(numbers):
            raise ValueError("a number is used once")
        if not self.rollout.versions() <= set(numbers):
            raise ValueError("what is rolled out is in the catalogue")
        if any(each.purposes or each.classes for each in self.rollout.stages):
            raise ValueError("a model's stage is for devices")
        return self

    def model(self, number: int) -> ApprovedModel | None:
        """The model of that number."""
        return next((each for each in self.models if each.number == number), None)

    def meant_for(self, groups: Collection[str]) -> ApprovedModel | None:
        """The model that a device of `groups` should use; None stands for the one that came with the program."""
        staged = (each for each in self.rollout.stages if each.mode == "in_force")
        fitting = [each.version for each in staged if each.groups is None or each.groups & set(groups)]
        number = max(fitting, default=self.rollout.in_force)
        return self.model(number) if number is not None else None

    def wanted_by(self, groups: Collection[str]) -> tuple[ApprovedModel, ...]:
        """Every model that a device of `groups` needs the file of, the newest first."""
        numbers = sorted(self.rollout.versions(groups), reverse=True)
        found = (self.model(number) for number in numbers)
        return tuple(each for each in found if each is not None)
