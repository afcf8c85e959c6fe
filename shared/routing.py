"""The words of routing: what data is, where it may go, what is known of each place, and what was decided.

A decision is made before any data moves. This module only says what one looks like; `policies` makes them. No word of
a question, and no name that a person could be known by beyond the actor's own, is among the facts: they are kept,
hashed, replayed and uploaded.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.contract import Contract, Hash, Instant, Name

LINE_CHARS_MAX = 400
Line = Annotated[str, Field(max_length=LINE_CHARS_MAX)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


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


#: One of `BOUNDARIES`.
Boundary = Literal[Route.DEVICE, Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD]

#: The routes that run a task, nearest first; each crosses one boundary more than the one before.
BOUNDARIES: tuple[Boundary, ...] = (Route.DEVICE, Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD)


def _nearest_first(known: dict[Boundary, "Capability"]) -> dict[Boundary, "Capability"]:
    """In the order of `BOUNDARIES`, so that the same facts are the same bytes."""
    return {each: known[each] for each in BOUNDARIES if each in known}


#: What a task is for. `propose`: a note becomes commands; `answer`: a question about the manuals; `summarise`: a long
#: text made short; `complete`: whatever a plain OpenAI client of the tenant asks.
Purpose = Literal["propose", "answer", "summarise", "complete"]


class Link(StrEnum):
    """How the way to the server is, as the device's own exchanges showed it."""

    DOWN = "down"
    MARGINAL = "marginal"
    UP = "up"


class Tier(StrEnum):
    """How good a model's answers are, in rising order; an organisation's evaluation says which tier a model has."""

    BASIC = "basic"
    STANDARD = "standard"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Position in the rising order, from 0."""
        return _TIER_RANKS[self]


_TIER_RANKS = {each: rank for rank, each in enumerate(Tier)}


class Capability(Contract):
    """What a place can do, as it was measured or told; worth nothing after `expires_at`.

    Of this laptop: the model that really loaded and what it did when it was tried. Of another place: what the server
    last said. `queue_s` is how long a task would wait there before it begins; `tokens_per_s` is 0 if nobody measured.
    """

    model: Line
    model_sha256: Hash | None = None
    runtime: Line = ""
    tier: Tier
    context_tokens: Count
    tokens_per_s: Seconds
    tools: tuple[Name, ...] = ()
    queue_s: Seconds = 0.0
    cost_per_1k_tokens: Seconds = 0.0
    memory_free_mib: Count | None = None
    battery_pct: Annotated[int, Field(ge=0, le=100)] | None = None
    throttled: bool = False
    measured_at: Instant
    expires_at: Instant


class Capabilities(Contract):
    """What the places behind a server can do for a tenant (`CAPABILITY_TYPE`, signed by the receipt key).

    `places` has only what is up now; nothing of it holds after `expires_at`.
    """

    tenant: Name
    places: dict[Boundary, Capability]
    told_at: Instant
    expires_at: Instant


class Consented(Contract):
    """A consent whose signature and standing were checked, as a fact of the decision (`shared.consent`)."""

    id: Name
    target: Boundary
    data_class: DataClass
    purpose: Purpose
    conversation: Name | None
    expires_at: Instant


class RouteRequest(Contract):
    """The facts that a route is decided from.

    `data_class` None says that nobody could tell, and counts as restricted. `conversation_class` is the highest class
    that was ever in the conversation. `known` says what each place can do: one that is not named cannot be used.
    `within_s` None says that nobody waits for it. `device_approved` says that the organisation approved this laptop
    for sensitive work. `approved` says that somebody with the right to approved it.
    """

    tenant: Name
    device: Name
    actor: Name
    purpose: Purpose
    conversation: Name | None = None
    data_class: DataClass | None
    conversation_class: DataClass = DataClass.PUBLIC
    input_chars: Count
    output_tokens: Count = 256
    tools: tuple[Name, ...] = ()
    tier: Tier = Tier.BASIC
    within_s: Seconds | None = None
    cost_max: Seconds | None = None
    device_approved: bool = False
    link: Link
    known: Annotated[dict[Boundary, Capability], AfterValidator(_nearest_first)] = Field(default_factory=dict)
    consents: tuple[Consented, ...] = ()
    approved: bool = False


class Steady(Contract):
    """What a while of watching adds to the facts of a moment (`policies.stability`).

    `link` is the way to the server without its flutter. `unhealthy` are places whose last answers were failures.
    `held` is where this conversation runs and should stay, if it may and can.
    """

    link: Link
    unhealthy: tuple[Boundary, ...] = ()
    held: Boundary | None = None


class Obstacle(StrEnum):
    """Why a place was not taken, as a word for counting; the sentence stands beside it."""

    NOT_PERMITTED = "not_permitted"
    NEEDS_CONSENT = "needs_consent"
    NEEDS_APPROVAL = "needs_approval"
    POLICY_ERROR = "policy_error"
    BUNDLE_EXPIRED = "bundle_expired"
    NO_LINK = "no_link"
    UNKNOWN = "unknown"
    STALE = "stale"
    TIER = "tier"
    CONTEXT = "context"
    TOOLS = "tools"
    DEADLINE = "deadline"
    COST = "cost"
    UNHEALTHY = "unhealthy"
    OUTRANKED = "outranked"


#: What stands in the way for now only: a task may wait for such a place.
PASSING = frozenset({Obstacle.NO_LINK, Obstacle.UNKNOWN, Obstacle.STALE, Obstacle.UNHEALTHY, Obstacle.DEADLINE})


class Refusal(Contract):
    """Why a candidate was not taken; `policies` are those that said so, sorted."""

    route: Boundary
    obstacle: Obstacle
    reason: Line
    policies: tuple[Name, ...] = ()


class Decision(Contract):
    """The recorded choice of a route.

    `fallbacks` are the other places that may take over, best first: permitted each, able, and no further away than
    `route` unless a consent covers them. `waits_for` are the permitted places that the task can wait for in the
    queue: where it waits if the route is `QUEUE`, and what is left besides if the route and its fallbacks fail.
    `policies` names the determining policies, sorted, and `reason` is theirs. `why_not` has every place that was not
    taken. `advice` says what the person can do if nothing ran. `consents` are those that the decision rests on.
    `data_class` is the highest of the request's and its conversation's. `hash` covers everything else, so that a
    recorded decision can be made again and compared.
    """

    version: Literal[1] = 1
    decided_at: Instant
    request: RouteRequest
    steady: Steady | None = None
    data_class: DataClass
    route: Route
    fallbacks: tuple[Boundary, ...] = ()
    waits_for: tuple[Boundary, ...] = ()
    bundle_version: Line
    policies: tuple[Name, ...]
    reason: Line
    why_not: tuple[Refusal, ...]
    consents: tuple[Name, ...] = ()
    disclosure: Line
    advice: Line = ""
    hash: Hash
