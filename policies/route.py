"""Which place, of those permitted: the recorded decision.

Rules
1. Every candidate is asked about, permitted or not, so that each has its why-not.
2. The nearest permitted and capable place is taken. If none is, the task is refused, with the reason against this
   laptop; nothing crosses a boundary for want of a better place.
3. The decision's hash covers everything in it, so that it can be made again and compared.
"""

from datetime import datetime

from policies.boundary import Verdict, may_run
from policies.bundle import Bundle
from shared.ids import sha256_hex
from shared.routing import BOUNDARIES, Decision, Refusal, Route, RouteRequest

_DISCLOSURE = {
    Route.DEVICE: "Answered on this laptop. Nothing left it.",
    Route.REFUSE: "Not run anywhere. Nothing left this laptop.",
}


def choose(bundle: Bundle, request: RouteRequest, decided_at: datetime) -> Decision:
    """The route for `request` under `bundle`, decided at `decided_at`."""
    verdicts = {boundary: may_run(bundle, request, boundary) for boundary in BOUNDARIES}
    obstacles = {boundary: _obstacle(boundary, verdict, request) for boundary, verdict in verdicts.items()}
    route = next((boundary for boundary in BOUNDARIES if obstacles[boundary] is None), Route.REFUSE)
    chosen = verdicts.get(route)
    draft = Decision(
        decided_at=decided_at,
        request=request,
        route=route,
        bundle_version=bundle.version,
        policies=chosen.policies if chosen else (),
        reason=chosen.reason if chosen else str(obstacles[Route.DEVICE]),
        why_not=tuple(Refusal(route=b, reason=reason) for b, reason in obstacles.items() if reason),
        disclosure=_DISCLOSURE[route],
        hash="0" * 64,
    )
    return draft.model_copy(update={"hash": sha256_hex(draft.to_bytes())})


def _obstacle(boundary: Route, verdict: Verdict, request: RouteRequest) -> str | None:
    if not verdict.permitted:
        return verdict.reason
    if boundary is Route.DEVICE and not request.local_model:
        return "no model is loaded on this laptop"
    return None
