"""What `routes.toml` says: limits, preferences and words, as typed values. Nothing in it permits anything.

Rules
1. Closed: a key that is not known is an error, and so is a table that is missing.
2. In every list of rules the first that fits is taken; the last one fits always, so that there is always one.
3. A sentence names only facts from `FIELDS`: a template cannot reach into the program.
"""

from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.contract import Contract, Name
from shared.routing import BOUNDARIES, Boundary, Count, DataClass, Line, Link, Obstacle, Purpose, Route, Seconds

#: What a sentence may say of a decision.
FIELDS = frozenset({"model", "runtime", "tier", "data_class", "fallback", "waits_for", "place"})

Criterion = Literal["held", "whole", "spared", "marginal", "preference", "tier", "wait", "cost"]
Percent = Annotated[int, Field(ge=0, le=100)]
#: What the classifier looks for besides words of the rule book and what it cannot read.
Pattern = Literal[
    "secret", "account", "national_id", "phone", "email", "address", "person", "customer", "id"
]  # fmt: skip


def _known_fields(text: str) -> str:
    """`text`, if it is a template over `FIELDS` alone."""
    for _, name, form, conversion in Formatter().parse(text):
        if name is not None and (name not in FIELDS or form or conversion):
            raise ValueError(f"{{{name}}} is not one of {', '.join(sorted(FIELDS))}")
    return text


Template = Annotated[Line, AfterValidator(_known_fields)]


class When(Contract):
    """Which decisions a rule is about; None stands for any. `whole`: whether the place can take the whole text."""

    purposes: frozenset[Purpose] | None = None
    classes: frozenset[DataClass] | None = None
    links: frozenset[Link] | None = None
    routes: frozenset[Route] | None = None
    interactive: bool | None = None
    whole: bool | None = None
    chars_min: Count = 0
    chars_max: Count | None = None

    @property
    def always(self) -> bool:
        """Whether it fits every decision."""
        return self == _ALWAYS


_ALWAYS = When()


class Prefer(Contract):
    """In which order places are taken. Every place stands in it once."""

    when: When = _ALWAYS
    order: tuple[Boundary, Boundary, Boundary]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.order)) != len(BOUNDARIES):
            raise ValueError("order names every place once")
        return self


class Disclose(Contract):
    """What a person is told."""

    when: When = _ALWAYS
    text: Template


class Cloud(Contract):
    """Organisations that may use the managed service."""

    tenants: frozenset[Name]


class Words(Contract):
    """The class of what a person types, as long as no rule raises it."""

    data_class: DataClass


class Workload(Contract):
    """What a purpose is like: whether somebody always waits, may queue all the same, and gains from half a text."""

    interactive: bool
    queue: bool
    partial: bool


class Estimate(Contract):
    """Speeds where nobody measured, in tokens and seconds; how far ahead another clock may be."""

    chars_per_token: Annotated[float, Field(gt=0.1, le=100)]
    tokens_per_s: dict[Boundary, Annotated[float, Field(gt=0, le=1e9)]]
    round_trip_s: dict[Boundary, Seconds]
    clock_tolerance_s: Seconds


class Laptop(Contract):
    """When this laptop runs nothing, when it is spared, and for how many days an approval of it holds unconfirmed.

    `approved_days_max` need not be said, so that bundles of before it are as good as ever.
    """

    battery_pct_min: Percent
    battery_pct_spare: Percent
    memory_free_mib_min: Count
    approved_days_max: Annotated[int, Field(ge=1, le=3650)] = 120


class Marginal(Contract):
    """What a weak link can bear, in characters, and what it costs, in seconds."""

    chars_max: Count
    extra_s: Seconds


class StabilityRules(Contract):
    """See `policies.stability`; all in seconds but `failures`."""

    window_s: Seconds
    lifetime_s: Seconds
    affinity_s: Seconds
    failures: Annotated[int, Field(ge=1, le=1000)]
    health_s: Seconds
    rest_s: Seconds


class Classifier(Contract):
    """What the classifier's findings mean, and words of the organisation's own."""

    chars_max: Annotated[int, Field(ge=1, le=10_000_000)]
    classes: dict[Pattern, DataClass]
    words: dict[DataClass, tuple[Annotated[str, Field(min_length=2, max_length=80)], ...]]


class Rulebook(Contract):
    """`routes.toml`."""

    rank_by: tuple[Criterion, ...]
    cloud: Cloud
    words: Words
    limits: dict[Boundary, dict[DataClass, Count]]
    purposes: dict[Purpose, Workload]
    estimate: Estimate
    device: Laptop
    marginal: Marginal
    stability: StabilityRules
    prefer: Annotated[tuple[Prefer, ...], Field(min_length=1)]
    disclose: Annotated[tuple[Disclose, ...], Field(min_length=1)]
    advice: dict[Obstacle, Template]
    classifier: Classifier

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, rules in (("prefer", self.prefer), ("disclose", self.disclose)):
            if not rules[-1].when.always:
                raise ValueError(f"the last rule of {name} has a `when`; it must fit always")
        places = set(BOUNDARIES)
        required = (
            ("purposes", self.purposes, {"propose", "answer", "summarise", "complete"}),
            ("estimate.tokens_per_s", self.estimate.tokens_per_s, places),
            ("estimate.round_trip_s", self.estimate.round_trip_s, places),
            ("advice", self.advice, set(Obstacle) - {Obstacle.OUTRANKED}),
        )
        for name, table, keys in required:
            if missing := sorted(keys - set(table)):
                raise ValueError(f"{name} says nothing about {', '.join(missing)}")
        return self
