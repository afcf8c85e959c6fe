"""May this data cross this boundary? Cedar answers; this module asks safely.

Rules
1. Deny by default.
2. Any evaluation error is a deny: in Cedar a policy that errs is skipped, and a skipped `forbid` would be a permit.
3. The determining policies are named by their `@id`, sorted, because the engine's order differs from call to call.

Source: Cedar policy language, authorization semantics (skip-on-error).
"""

from dataclasses import dataclass

import cedarpy

from policies.bundle import Bundle
from shared.routing import Route, RouteRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether data may cross, the ids of the policies that said so, and the reason in words."""

    permitted: bool
    policies: tuple[str, ...]
    reason: str


def may_run(bundle: Bundle, request: RouteRequest, boundary: Route) -> Verdict:
    """Whether the task behind `request` may run at `boundary`."""
    result = cedarpy.is_authorized(_ask(request, boundary), bundle.policy_set, [], bundle.schema)
    errors = list(result.diagnostics.errors)
    determining = sorted((bundle.policies[name] for name in result.diagnostics.reasons), key=lambda policy: policy.id)
    ids = tuple(policy.id for policy in determining)
    if errors:
        return Verdict(False, ids, "a policy could not be evaluated, so nothing is permitted")
    reason = "; ".join(policy.reason for policy in determining)
    return Verdict(bool(result.allowed), ids, reason or "no policy permits it")


def _ask(request: RouteRequest, boundary: Route) -> dict[str, object]:
    return {
        "principal": {"type": "Tailboard::Person", "id": request.actor},
        "action": {"type": "Tailboard::Action", "id": "run"},
        "resource": {"type": "Tailboard::Boundary", "id": str(boundary)},
        "context": {
            "tenant": request.tenant,
            "device": request.device,
            "purpose": request.purpose,
            "data_class": str(request.data_class),
            "data_class_rank": request.data_class.rank,
            "input_chars": request.input_chars,
            "online": request.online,
        },
    }
