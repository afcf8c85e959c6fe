"""The Runtime Decision Record: what runs where, what may move, and what happens when that fails.

It is made from the live configuration and the bundle in force, not written by hand: what may move is asked of the
policies, one question for each place, class and purpose. Pure: values in, a document out.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field

from policies.boundary import Question, may_run
from policies.bundle import Bundle
from policies.explain import PLACES
from shared.contract import Contract, Hash, Instant, Name
from shared.routing import (
    BOUNDARIES,
    Boundary,
    Count,
    DataClass,
    Line,
    Link,
    Obstacle,
    Purpose,
    Route,
    RouteRequest,
    Seconds,
    Tier,
)

Role = Literal["control", "execution", "data", "evidence"]
_ROLES = {
    "control": "Who decides",
    "execution": "Where models run",
    "data": "Where data lies",
    "evidence": "Where the evidence lies",
}


class Location(Contract):
    """Something that is somewhere: `where` is a host or a disk, `keeps` how long."""

    role: Role
    name: Line
    where: Line
    boundary: Boundary
    holds: Line
    keeps: Line = ""


class Engine(Contract):
    """A model that can be asked, as it is configured."""

    name: Name
    boundary: Boundary
    where: Line
    model: Line
    tier: Tier
    context_tokens: Count
    slots: Annotated[int, Field(ge=1)]
    first_byte_s: Seconds
    between_tokens_s: Seconds
    cost_per_1k_tokens: Seconds = 0.0


class Transfer(Contract):
    """Data that may cross: from where, to where, of which class, when, by when, and what if it fails."""

    source: Line
    target: Line
    boundary: Boundary
    data_class: DataClass
    when: Line
    deadline: Line
    on_failure: Line


class Configuration(Contract):
    """What the record is made from. `transfers` are those that no policy decides, such as sync and updates."""

    tenant: Name
    written_at: Instant
    locations: tuple[Location, ...]
    engines: tuple[Engine, ...]
    transfers: tuple[Transfer, ...] = ()
    versions: dict[str, Line]
    assumptions: dict[str, Line] = Field(default_factory=dict)


class RuntimeRecord(Contract):
    """The record; `to_markdown` is the form for people."""

    schema_: Literal["tailboard.record.v1"] = Field("tailboard.record.v1", alias="schema")
    tenant: Name
    written_at: Instant
    bundle: Line
    bundle_sha256: Hash
    bundle_valid: tuple[Instant, Instant]
    locations: tuple[Location, ...]
    engines: tuple[Engine, ...]
    transfers: tuple[Transfer, ...]
    versions: dict[str, Line]
    assumptions: dict[str, Line]


def make_record(bundle: Bundle, configuration: Configuration) -> RuntimeRecord:
    """The record of `configuration` under `bundle`."""
    return RuntimeRecord(
        tenant=configuration.tenant,
        written_at=configuration.written_at,
        bundle=bundle.version,
        bundle_sha256=bundle.digest(),
        bundle_valid=(bundle.manifest.valid_from, bundle.manifest.expires_at),
        locations=configuration.locations,
        engines=configuration.engines,
        transfers=(*_transfers(bundle, configuration), *configuration.transfers),
        versions=dict(sorted(configuration.versions.items())),
        assumptions={**_assumptions(bundle), **configuration.assumptions},
    )


def _transfers(bundle: Bundle, configuration: Configuration) -> Iterable[Transfer]:
    """One line for each engine away from the laptop and each class, whether it may cross or not."""
    for engine in configuration.engines:
        if engine.boundary is Route.DEVICE:
            continue
        for data_class in DataClass:
            when = _when(bundle, configuration, engine.boundary, data_class)
            yield Transfer(
                source="this laptop",
                target=engine.where,
                boundary=engine.boundary,
                data_class=data_class,
                when=when,
                deadline=f"first byte in {engine.first_byte_s:g} s, then every {engine.between_tokens_s:g} s",
                on_failure="nothing leaves" if when == "never" else _on_failure(bundle),
            )


def _when(bundle: Bundle, configuration: Configuration, place: Boundary, data_class: DataClass) -> str:
    by_answer: dict[str, list[str]] = {}
    for purpose in get_args(Purpose):
        said = _may(bundle, configuration.tenant, purpose, data_class, place, configuration.written_at)
        by_answer.setdefault(said, []).append(purpose)
    if len(by_answer) == 1:
        return next(iter(by_answer))
    return "; ".join(f"{', '.join(purposes)}: {said}" for said, purposes in by_answer.items())[:400]


_ANSWERS = {
    Obstacle.NEEDS_CONSENT: "with the technician's consent",
    Obstacle.NEEDS_APPROVAL: "with an approval",
}


def _may(bundle: Bundle, tenant: str, purpose: Purpose, data_class: DataClass, place: Boundary, at: datetime) -> str:
    """What the policies say of a short question on an approved laptop."""
    asked = RouteRequest(
        tenant=tenant,
        device="any",
        actor="anybody",
        purpose=purpose,
        data_class=data_class,
        input_chars=1,
        device_approved=True,
        link=Link.UP,
    )
    verdict = may_run(bundle, Question(asked, data_class, interactive=True), at)[place]
    return "freely" if verdict.permitted else _ANSWERS.get(verdict.obstacle or Obstacle.NOT_PERMITTED, "never")


def _on_failure(bundle: Bundle) -> str:
    queues = [name for name, each in sorted(bundle.rules.purposes.items()) if each.queue]
    waits = f", {' and '.join(queues)} may wait in the queue" if queues else ""
    return f"a nearer place that is permitted{waits}, else it is refused; no boundary is widened"


def _assumptions(bundle: Bundle) -> dict[str, str]:
    rules = bundle.rules
    speeds = rules.estimate.tokens_per_s
    return {
        "characters per token": f"{rules.estimate.chars_per_token:g}",
        **{f"tokens/s of {PLACES[place]} unless measured": f"{speeds[place]:g}" for place in BOUNDARIES},
        "organisations with the managed service": ", ".join(sorted(rules.cloud.tenants)) or "none",
    }


def to_markdown(record: RuntimeRecord) -> str:
    """The record for people."""
    first, last = record.bundle_valid
    parts = [
        "# Runtime Decision Record\n",
        f"Organisation {record.tenant}, written {record.written_at.isoformat()} from the live configuration.\n",
        f"Policies {record.bundle}, valid from {first.date()} to {last.date()}, sha256 `{record.bundle_sha256}`.\n",
    ]
    for role, title in _ROLES.items():
        rows = [(e.name, e.where, PLACES[e.boundary], e.holds, e.keeps) for e in record.locations if e.role == role]
        parts.append(_table(title, ("what", "where", "boundary", "holds", "kept"), rows))
    parts.append(_table("Models", ("name", "boundary", "model", "quality", "context", "slots", "cost per 1k"), [
        (e.name, PLACES[e.boundary], e.model, e.tier, e.context_tokens, e.slots, f"{e.cost_per_1k_tokens:g}")
        for e in record.engines
    ]))  # fmt: skip
    parts.append(_table("What may move", ("from", "to", "boundary", "class", "when", "deadline", "if it fails"), [
        (e.source, e.target, PLACES[e.boundary], e.data_class, e.when, e.deadline, e.on_failure)
        for e in record.transfers
    ]))  # fmt: skip
    parts.append(_table("Pinned versions", ("what", "version"), list(record.versions.items())))
    parts.append(_table("Assumptions", ("what", "value"), list(record.assumptions.items())))
    return "\n".join(parts)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return f"## {title}\n\nNothing.\n"
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n" + "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
