"""Decisions in plain words: where it ran, why there and nowhere else, and what the person can do.

Facts only; nothing is decided here.
"""

from collections.abc import Sequence

from shared.routing import BOUNDARIES, Decision, Route

#: What a person reads where the program says `device`, `private_cluster`, `managed_cloud`.
PLACES = {
    Route.DEVICE: "THIS LAPTOP",
    Route.PRIVATE_CLUSTER: "PRIVATE CLUSTER",
    Route.MANAGED_CLOUD: "CLOUD",
    Route.QUEUE: "QUEUE",
    Route.REFUSE: "NOWHERE",
}


def listed(places: Sequence[Route]) -> str:
    """Places in words, best first."""
    return ", then ".join(PLACES[place] for place in places)


def explain(decision: Decision) -> list[str]:
    """The decision for a person, a line a thing."""
    lines = [f"{PLACES[decision.route]}: {decision.reason}", f"  {decision.disclosure}"]
    if decision.fallbacks:
        lines.append(f"  if that fails: {listed(decision.fallbacks)}")
    if decision.waits_for:
        how = "waits" if decision.route is Route.QUEUE else "or waits in the queue"
        lines.append(f"  {how} for: {listed(decision.waits_for)}")
    lines += [
        f"  not {PLACES[each.route]}: {each.reason} ({', '.join((each.obstacle.value, *each.policies))})"
        for each in sorted(decision.why_not, key=lambda each: BOUNDARIES.index(each.route))
    ]
    if decision.advice:
        lines.append(f"  {decision.advice}")
    rests = f", consents {', '.join(decision.consents)}" if decision.consents else ""
    lines.append(
        f"  {decision.data_class} data, policies {decision.bundle_version} "
        f"({', '.join(decision.policies) or 'none'}){rests}, decision {decision.hash[:12]}"
    )
    return lines
