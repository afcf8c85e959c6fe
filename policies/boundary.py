"""May this data cross this boundary? Cedar answers; this module asks safely.

Rules
1. Deny by default.
2. Any evaluation error is a deny: in Cedar a policy that errs is skipped, and a skipped `forbid` would be a permit.
   Every question is checked against the bundle's schema, so that a missing or unknown attribute is such an error.
3. A bundle outside its validity permits this laptop at most, whatever its policies say.
4. The determining policies are named by their `@id`, sorted, because the engine's order differs from call to call.
5. The engine is asked the same thing once (`policies.answers`); what holds an error is asked again.
6. A denial that nothing but forbids with `@lifts` brought about says what would lift it. That is a hint for people:
   with the consent, or the approval, the policies are asked again like any other time.

Source: Cedar policy language, authorization semantics (skip-on-error). ADR 23.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cedarpy

from policies.bundle import Bundle, Policy
from shared.routing import BOUNDARIES, Boundary, DataClass, Obstacle, Route, RouteRequest

_NOBODY = cedarpy.Entities.from_json_str("[]")
_ACTION = {"type": "Tailboard::Action", "id": "run"}
_RESOURCES = {place: {"type": "Tailboard::Boundary", "id": str(place)} for place in BOUNDARIES}
REASON_CHARS_MAX = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether data may cross, the ids of the policies that said so, their reason, and what stands in the way."""

    permitted: bool
    policies: tuple[str, ...]
    reason: str
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the policies are asked about one task.

    `data_class` is the highest of the input's and its conversation's. `consented` has the places for which a consent
    counts (`policies.consent`).
    """

    request: RouteRequest
    data_class: DataClass
    interactive: bool
    consented: frozenset[Boundary] = frozenset()


def may_run(bundle: Bundle, question: Question, at: datetime) -> dict[Boundary, Verdict]:
    """Whether the task may run at each place, asked at `at`."""
    contexts = _contexts(bundle, question, at)
    key = bundle.answers.key(question.request.actor, contexts)
    verdicts = bundle.answers.get(key)
    if verdicts is None:
        verdicts = _ask(bundle, question, contexts)
        if not any(each.obstacle is Obstacle.POLICY_ERROR for each in verdicts.values()):
            bundle.answers.keep(key, verdicts)
    return _narrowed(verdicts) if bundle.expired(at) else dict(verdicts)


def _ask(bundle: Bundle, question: Question, contexts: Sequence[Mapping[str, Any]]) -> dict[Boundary, Verdict]:
    asked = _written(question.request.actor, contexts)
    results = cedarpy.is_authorized_batch(asked, bundle.policy_set, _NOBODY, bundle.schema)
    return {place: _verdict(bundle, result) for place, result in zip(BOUNDARIES, results, strict=True)}


def questions(bundle: Bundle, question: Question, at: datetime) -> list[dict[str, object]]:
    """What the engine is asked, one question for each of `BOUNDARIES`."""
    return _written(question.request.actor, _contexts(bundle, question, at))


def _contexts(bundle: Bundle, question: Question, at: datetime) -> list[dict[str, Any]]:
    """What the policies may know, for each of `BOUNDARIES`; places that differ in nothing share one."""
    request, rules = question.request, bundle.rules
    context = {
        "tenant": request.tenant,
        "device": request.device,
        "purpose": request.purpose,
        "data_class": question.data_class.value,
        "rank": question.data_class.rank,
        "input_chars": request.input_chars,
        "output_tokens": request.output_tokens,
        "tools": request.tools,
        "link": request.link.value,
        "interactive": question.interactive,
        "device_approved": request.device_approved,
        "approved": request.approved,
        "cloud_allowed": request.tenant in rules.cloud.tenants,
        "bundle_expired": bundle.expired(at),
    }
    made: dict[tuple[bool, bool], dict[str, Any]] = {}
    contexts = []
    for place in BOUNDARIES:
        consented = place in question.consented
        within = request.input_chars <= rules.limits.get(place, {}).get(question.data_class, -1)
        if (consented, within) not in made:
            made[consented, within] = {**context, "consented": consented, "within_limits": within}
        contexts.append(made[consented, within])
    return contexts


def _written(actor: str, contexts: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """The questions as the engine takes them, each context written out once."""
    principal = {"type": "Tailboard::Person", "id": actor}
    texts = {id(each): json.dumps(each) for each in contexts}
    return [
        {"principal": principal, "action": _ACTION, "resource": _RESOURCES[place], "context": texts[id(context)]}
        for place, context in zip(BOUNDARIES, contexts, strict=True)
    ]


def _verdict(bundle: Bundle, result: cedarpy.AuthzResult) -> Verdict:
    determining = sorted((bundle.policies[name] for name in result.diagnostics.reasons), key=lambda policy: policy.id)
    ids = tuple(policy.id for policy in determining)
    if result.diagnostics.errors:
        reason = "a policy could not be evaluated, so nothing is permitted"
        return Verdict(False, ids, reason, Obstacle.POLICY_ERROR)
    reason = "; ".join(policy.reason for policy in determining)[:REASON_CHARS_MAX] or "no policy permits it"
    permitted = bool(result.allowed)
    return Verdict(permitted, ids, reason, None if permitted else _obstacle(determining))


def _obstacle(determining: list[Policy]) -> Obstacle:
    lifts = {policy.lifts for policy in determining}
    if not lifts or None in lifts:
        return Obstacle.NOT_PERMITTED
    return Obstacle.NEEDS_CONSENT if Obstacle.NEEDS_CONSENT in lifts else Obstacle.NEEDS_APPROVAL


def _narrowed(verdicts: Mapping[Boundary, Verdict]) -> dict[Boundary, Verdict]:
    return {
        place: verdict if place is Route.DEVICE or verdict.obstacle is Obstacle.POLICY_ERROR
        else Verdict(False, verdict.policies, "the policies have expired", Obstacle.BUNDLE_EXPIRED)
        for place, verdict in verdicts.items()
    }  # fmt: skip
