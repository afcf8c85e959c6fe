"""Decisions again, from what laptops told of theirs.

A trace has all the facts, with digests for ids, and none of the sentences. Made a decision again, it can be replayed
(`policies.flips`): digests are equal where the ids were, and policies look at no more than that. Whose it was is told
by whoever took the trace.
"""

from policies.route import seal_decision
from shared.evidence import Decided
from shared.routing import Capability, Consented, Decision, Refusal, RouteRequest


def recorded(told: Decided, tenant: str, device: str, actor: str) -> Decision:
    """The decision that a trace tells of, of that laptop and person, sealed anew."""
    facts = told.facts
    request = RouteRequest.model_validate(
        dict(facts)
        | {"tenant": tenant, "device": device, "actor": actor}
        | {"known": {place: Capability(model="", **dict(each)) for place, each in facts.known.items()}}
        | {"consents": tuple(Consented.model_validate(dict(each)) for each in facts.consents)}
    )
    why_not = tuple(
        Refusal(route=no.route, obstacle=no.obstacle, reason="", policies=no.policies) for no in told.why_not
    )
    return seal_decision(
        Decision(
            decided_at=told.decided_at,
            request=request,
            steady=told.steady,
            data_class=told.data_class,
            route=told.route,
            fallbacks=told.fallbacks,
            waits_for=told.waits_for,
            bundle_version=told.bundle,
            policies=told.policies,
            reason="",
            why_not=why_not,
            consents=told.consents,
            disclosure="",
            hash="0" * 64,
        )
    )
