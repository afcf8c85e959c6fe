"""What a laptop tells the organisation of its evidence: a chain of traces, and how it goes up.

Rules
1. A trace holds words of closed lists, numbers and keyed digests. There is no place in it for anything that anybody
   said, for a name, or for the id of a job; whose laptop it was, the signature of the request says.
2. A link's hash covers what is told (the very text), and a keyed digest of what stays on the laptop. So the server
   can verify the chain over what it was given, and the laptop can later open one entry without opening the others.
3. A laptop that was set back, or that lost what it had not told yet, goes on in a new strand. The strands before are
   kept: what does not fit is evidence too.

Source: ADR 28.
"""

import hashlib
import hmac
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from shared import strict_json
from shared.contract import CommandId, Contract, Hash, Instant, Name
from shared.envelope import WireEnvelope
from shared.problems import Code
from shared.routing import (
    Boundary,
    Capability,
    Consented,
    Count,
    DataClass,
    Decision,
    Link,
    Obstacle,
    Purpose,
    Route,
    RouteRequest,
    Seconds,
    Steady,
    Tier,
)

EVIDENCE_PATH = "/v1/evidence"
#: What the first entry of all names.
NOTHING = "0" * 64
ENTRIES_MAX = 100
TOLD_CHARS_MAX = 16_384
#: A request is not filled further; the first entry always goes.
UPLOAD_CHARS = 128 << 10
Kind = Literal["decision", "shadow", "attempt", "consent", "probe"]
#: What goes wrong with a place, besides the server's own codes.
FAILURES = frozenset({"no_answer", "model_failed", *map(str, Code)})


def _a_failure(word: str) -> str:
    if word and word not in FAILURES:
        raise ValueError("is no problem that has a name")
    return word


#: Stands for an id, so that equal ones can be seen to be equal (`Blind`).
Digest = Annotated[str, Field(pattern=r"^k[0-9a-f]{32}$")]
#: A word for what went wrong; empty if nothing did.
Failure = Annotated[str, AfterValidator(_a_failure)]
#: Why a strand goes on, or begins.
Because = Literal["follows", "first", "set_back", "lost"]
Strand = Annotated[int, Field(ge=1, le=1 << 31)]


class Ability(Contract):
    """`shared.routing.Capability` without the names of models, which somebody gave."""

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


class Agreed(Contract):
    """`shared.routing.Consented` with digests for ids."""

    id: Digest
    target: Boundary
    data_class: DataClass
    purpose: Purpose
    conversation: Digest | None
    expires_at: Instant


class Facts(Contract):
    """`shared.routing.RouteRequest` without whose it is, and with digests for ids."""

    purpose: Purpose
    conversation: Digest | None = None
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
    known: dict[Boundary, Ability] = Field(default_factory=dict)
    consents: tuple[Agreed, ...] = ()
    approved: bool = False


class WhyNot(Contract):
    """Why a place was not taken, without the sentence."""

    route: Boundary
    obstacle: Obstacle
    policies: tuple[Name, ...] = ()


class Decided(Contract):
    """A decision. `ref` stands for its hash; `followed` is the ref of what was done instead, of one in shadow."""

    ref: Digest
    followed: Digest | None = None
    decided_at: Instant
    facts: Facts
    steady: Steady | None = None
    data_class: DataClass
    route: Route
    fallbacks: tuple[Boundary, ...] = ()
    waits_for: tuple[Boundary, ...] = ()
    bundle: Name
    policies: tuple[Name, ...] = ()
    why_not: tuple[WhyNot, ...] = ()
    consents: tuple[Digest, ...] = ()


class Attempted(Contract):
    """One try at one place. `task` is told only of what left, for then the server has it already.

    `fallback` says that another place had failed before. `took_s` and `first_token_s` are seconds.
    """

    decision: Digest
    task: CommandId | None = None
    route: Boundary
    data_class: DataClass
    link: Link | None = None
    fallback: bool = False
    problem: Failure = ""
    bytes_up: Count = 0
    bytes_down: Count = 0
    tokens: Count = 0
    first_token_s: Seconds | None = None
    took_s: Seconds = 0.0


class Consenting(Contract):
    """A consent that was given, used, or taken back; `consent` stands for its id."""

    consent: Digest
    act: Literal["given", "used", "revoked"]
    target: Boundary
    data_class: DataClass
    purpose: Purpose
    reach: Literal["once", "job"]


class Probed(Contract):
    """A place was tried, or asked what it can do, before anything was decided, and did not answer."""

    route: Boundary
    problem: Failure


Told = Decided | Attempted | Consenting | Probed
_SHAPES: dict[str, type[Decided] | type[Attempted] | type[Consenting] | type[Probed]] = {
    "decision": Decided,
    "shadow": Decided,
    "attempt": Attempted,
    "consent": Consenting,
    "probe": Probed,
}


class Trace(Contract):
    """One entry of the chain as it goes up: `told` is the very text that was hashed, `sealed` stands for the rest.

    `at` is ISO 8601 by the laptop's clock, as it was hashed.
    """

    number: Annotated[int, Field(ge=1, le=2**53 - 1)]
    at: Annotated[str, Field(max_length=40)]
    kind: Kind
    told: Annotated[str, Field(max_length=TOLD_CHARS_MAX)]
    sealed: Hash


class EvidenceHead(Contract):
    """What a chain goes from and to: the entry before the first that is kept, and the last (`EVIDENCE_TYPE`)."""

    base: Count = 0
    base_hash: Hash = NOTHING
    number: Count = 0
    hash: Hash = NOTHING


class EvidenceUpload(Contract):
    """The body of ``POST /v1/evidence``: the entries behind `after`, whose hash is `prev`. With none, it only asks.

    `head` is the laptop's signed word where its chain begins and ends now. `because` says why a new strand begins.
    """

    strand: Strand = 1
    because: Because = "follows"
    after: Count = 0
    prev: Hash = NOTHING
    entries: Annotated[tuple[Trace, ...], Field(max_length=ENTRIES_MAX)] = ()
    head: WireEnvelope


class EvidencePlace(Contract):
    """Up to where the server has the evidence of a laptop: what it answers. Strand 0: it has none."""

    strand: Annotated[int, Field(ge=0, le=1 << 31)] = 0
    number: Count = 0
    hash: Hash = NOTHING


def link_hash(number: int, prev: str, at: str, kind: str, told: str, sealed: str) -> str:
    """The hash of an entry, which the next one names; no part can be read as the end of another."""
    told_all = json.dumps([number, prev, at, kind, told, sealed], ensure_ascii=False)
    return hashlib.sha256(told_all.encode()).hexdigest()


def hashes(prev: str, traces: "tuple[Trace, ...]") -> list[str]:
    """The hash of each of `traces`, the first of which follows `prev`."""
    found = []
    for each in traces:
        prev = link_hash(each.number, prev, each.at, each.kind, each.told, each.sealed)
        found.append(prev)
    return found


class Blind:
    """Stands in for ids under a key that never leaves the laptop: equal ids have equal digests, and no other use."""

    def __init__(self, key: bytes) -> None:
        """`key` is secret, and long."""
        self._key = key

    def __call__(self, text: str) -> str:
        """The digest of an id."""
        return f"k{self._of(b'id', text)[:32]}"

    def sealed(self, number: int, body: str) -> str:
        """What stands for the body of the entry `number`, under a key of its own that opens no other entry."""
        return hmac.new(self.entry_key(number), body.encode(), hashlib.sha256).hexdigest()

    def entry_key(self, number: int) -> bytes:
        """The key of one entry: who is shown it and the body can check what was sealed."""
        return bytes.fromhex(self._of(b"entry", str(number)))

    def _of(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._key, purpose + b":" + text.encode(), hashlib.sha256).hexdigest()


def tell_decision(decision: Decision, blind: Blind, followed: str | None = None) -> Decided:
    """What of a decision may be told. `followed` is the hash of the one that was followed instead."""
    request = decision.request
    return Decided(
        ref=blind(decision.hash),
        followed=blind(followed) if followed else None,
        decided_at=decision.decided_at,
        facts=_facts(request, blind),
        steady=decision.steady,
        data_class=decision.data_class,
        route=decision.route,
        fallbacks=decision.fallbacks,
        waits_for=decision.waits_for,
        bundle=decision.bundle_version,
        policies=decision.policies,
        why_not=tuple(WhyNot(route=no.route, obstacle=no.obstacle, policies=no.policies) for no in decision.why_not),
        consents=tuple(map(blind, decision.consents)),
    )


def _facts(request: RouteRequest, blind: Blind) -> Facts:
    same = Facts.model_fields.keys() - {"conversation", "known", "consents"}
    return Facts(
        **{name: getattr(request, name) for name in same},
        conversation=blind(request.conversation) if request.conversation else None,
        known={place: _ability(each) for place, each in request.known.items()},
        consents=tuple(_agreed(each, blind) for each in request.consents),
    )


def _ability(known: Capability) -> Ability:
    return Ability(**{name: getattr(known, name) for name in Ability.model_fields})


def _agreed(consent: Consented, blind: Blind) -> Agreed:
    told = {name: getattr(consent, name) for name in Agreed.model_fields}
    conversation = blind(consent.conversation) if consent.conversation else None
    return Agreed(**told | {"id": blind(consent.id), "conversation": conversation})


def text_of(told: Told) -> str:
    """What is hashed and goes up: JSON without what is as usual."""
    return told.model_dump_json(exclude_defaults=True)


def read_told(kind: str, told: str) -> Told:
    """What the text of a trace says. Raises `ValueError` for anything that has no place in one."""
    try:
        value: Any = strict_json.parse(told.encode(), bytes_max=4 * TOLD_CHARS_MAX)
        return _SHAPES[kind].model_validate(value)
    except (strict_json.BadJson, ValidationError, KeyError) as error:
        raise ValueError(f"{kind}: not what a trace may tell") from error
