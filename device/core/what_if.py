"""What would be decided if things were otherwise: ``link=down,model=none,cluster=up``.

A supposition changes the facts of a dry decision and nothing else; it never reaches a decision that counts.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from device.errors import LocalError
from shared.routing import Boundary, Capability, Consented, DataClass, Link, Route, RouteRequest, Tier

#: What is supposed, where nothing is known.
SUPPOSED = "supposed"
_LIFE = timedelta(minutes=5)
_PLACES: Mapping[str, Boundary] = {
    "model": Route.DEVICE,
    "cluster": Route.PRIVATE_CLUSTER,
    "cloud": Route.MANAGED_CLOUD,
}
_WINDOWS: Mapping[Boundary, int] = {
    Route.DEVICE: 2048,
    Route.PRIVATE_CLUSTER: 32_768,
    Route.MANAGED_CLOUD: 200_000,
}
_WORDS = (
    "link=up|marginal|down, model|cluster|cloud=none|basic|standard|high, consent=private_cluster|managed_cloud, "
    "approved=yes|no, laptop=approved|unapproved, battery=0..100, hot=yes|no"
)

Change = Callable[[RouteRequest, datetime], RouteRequest]


def suppositions(text: str) -> dict[str, str]:
    """``link=down,model=none`` as a table. Raises `LocalError`."""
    pairs = [each.strip().partition("=") for each in text.split(",") if each.strip()]
    for name, sign, value in pairs:
        if not sign or not _fits(name, value):
            raise LocalError(f"--what-if does not know {name}{sign}{value}. It takes: {_WORDS}")
    return {name: value for name, _, value in pairs}


def supposed(request: RouteRequest, suppose: Mapping[str, str], at: datetime) -> RouteRequest:
    """`request` with everything in it that is supposed; the order of the words does not matter."""
    for name in sorted(suppose, key=list(_CHANGES).index):
        request = _CHANGES[name](suppose[name])(request, at)
    return request


def place_up(place: Boundary, at: datetime, tier: Tier = Tier.HIGH) -> Capability:
    """A place of which nothing is known, as it would be at its best."""
    return Capability(
        model=SUPPOSED,
        tier=tier,
        context_tokens=_WINDOWS[place],
        tokens_per_s=0,
        measured_at=at,
        expires_at=at + _LIFE,
    )


def with_consent(request: RouteRequest, target: Boundary, at: datetime) -> RouteRequest:
    """As if the person had agreed that this task goes to `target`."""
    conversation = request.conversation or SUPPOSED
    consent = Consented(
        id=SUPPOSED,
        target=target,
        data_class=DataClass.RESTRICTED,
        purpose=request.purpose,
        conversation=conversation,
        expires_at=at + _LIFE,
    )
    consents = (*request.consents, consent)
    return request.model_copy(update={"consents": consents, "conversation": conversation})


def _fits(name: str, value: str) -> bool:
    match name:
        case "link":
            return value in set(Link)
        case "model" | "cluster" | "cloud":
            return value == "none" or value in set(Tier)
        case "consent":
            return value in {Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD}
        case "battery":
            return value.isascii() and value.isdigit() and int(value) <= 100
        case "laptop":
            return value in {"approved", "unapproved"}
        case "approved" | "hot":
            return value in {"yes", "no"}
        case _:
            return False


def _known(place: Boundary) -> Callable[[str], Change]:
    def change(value: str) -> Change:
        def apply(request: RouteRequest, at: datetime) -> RouteRequest:
            known = {each: told for each, told in request.known.items() if each is not place}
            if value != "none":
                known[place] = place_up(place, at, Tier(value))
            return request.model_copy(update={"known": known})

        return apply

    return change


def _laptop(request: RouteRequest, **told: object) -> RouteRequest:
    here = request.known.get(Route.DEVICE)
    if here is None:
        return request
    return request.model_copy(update={"known": {**request.known, Route.DEVICE: here.model_copy(update=told)}})


#: What each word changes, in the order in which they are heard: a place comes before what is supposed of it.
_CHANGES: Mapping[str, Callable[[str], Change]] = {
    "link": lambda value: lambda request, _: request.model_copy(update={"link": Link(value)}),
    **{name: _known(place) for name, place in _PLACES.items()},
    "consent": lambda value: lambda request, at: with_consent(request, _boundary(value), at),
    "approved": lambda value: lambda request, _: request.model_copy(update={"approved": value == "yes"}),
    "laptop": lambda value: lambda request, _: request.model_copy(update={"device_approved": value == "approved"}),
    "battery": lambda value: lambda request, _: _laptop(request, battery_pct=int(value)),
    "hot": lambda value: lambda request, _: _laptop(request, throttled=value == "yes"),
}


def _boundary(value: str) -> Boundary:
    return Route.PRIVATE_CLUSTER if value == Route.PRIVATE_CLUSTER else Route.MANAGED_CLOUD
