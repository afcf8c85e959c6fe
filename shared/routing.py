"""The words of routing: what data is, where it may go, and what was decided.

A decision is made before any data moves. This module only says what one looks like; `policies` makes them.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.contract import Contract, Hash, Instant


class DataClass(StrEnum):
    """How sensitive data is, in rising order. What cannot be classified counts as `RESTRICTED`."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """Position in the rising order, from 0."""
        return _RANKS[self]


_RANKS = {each: rank for rank, each in enumerate(DataClass)}


def highest(*classes: DataClass) -> DataClass:
    """The most sensitive of `classes`; of none, `RESTRICTED`, because nothing is known."""
    return max(classes, key=lambda each: each.rank, default=DataClass.RESTRICTED)


class Route(StrEnum):
    """Where a task runs; the last two say that it does not run now."""

    DEVICE = "device"
    PRIVATE_CLUSTER = "private_cluster"
    MANAGED_CLOUD = "managed_cloud"
    QUEUE = "queue"
    REFUSE = "refuse"


#: The routes that run a task, nearest first; each crosses one boundary more than the one before.
BOUNDARIES = (Route.DEVICE, Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD)

Purpose = Literal["propose", "answer"]


class RouteRequest(Contract):
    """The facts that a route is decided from. No word of the question itself is among them."""

    tenant: str
    device: str
    actor: str
    purpose: Purpose
    data_class: DataClass
    input_chars: int = Field(ge=0)
    online: bool
    local_model: bool


class Refusal(Contract):
    """Why a candidate was not taken."""

    route: Route
    reason: str


class Decision(Contract):
    """The recorded choice of a route.

    `policies` names the determining policies, sorted; `hash` covers everything else, so that a recorded decision can
    be made again and compared.
    """

    decided_at: Instant
    request: RouteRequest
    route: Route
    bundle_version: str
    policies: tuple[str, ...]
    reason: str
    why_not: tuple[Refusal, ...]
    disclosure: str
    hash: Hash
