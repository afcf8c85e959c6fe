"""Small makers of what routes are decided from. The default: a question on an approved laptop, all places up."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

from policies.bundle import CEDAR, FILES, ROUTES, Bundle, parse_bundle
from shared.routing import BOUNDARIES, Boundary, Capability, Consented, DataClass, Link, Route, RouteRequest, Tier
from tests.builders import NOW

#: Every way in which the defaults differ from the shipped bundle: one organisation has the managed service.
CLOUD_TENANT = "cloudy"


@cache
def shipped_files() -> Mapping[str, str]:
    folder = resources.files("policies.default")
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def bundle_of(**files: str) -> Bundle:
    """The shipped bundle with other texts for `cedar`, `routes`, `manifest` or `schema`."""
    names = {"cedar": CEDAR, "routes": ROUTES, "manifest": "manifest.toml", "schema": "boundary.cedarschema"}
    return parse_bundle({**shipped_files(), **{names[key]: text for key, text in files.items()}})


@cache
def shipped() -> Bundle:
    return bundle_of()


@cache
def cloudy() -> Bundle:
    """The shipped bundle of an organisation that switched the managed service on."""
    return bundle_of(routes=shipped_files()[ROUTES].replace("tenants = []", f'tenants = ["{CLOUD_TENANT}"]'))


def capability(**given: Any) -> Capability:
    facts: dict[str, Any] = {
        "model": "small-q4",
        "runtime": "llama.cpp 1",
        "tier": Tier.BASIC,
        "context_tokens": 4096,
        "tokens_per_s": 50,
        "measured_at": NOW - timedelta(minutes=1),
        "expires_at": NOW + timedelta(minutes=5),
    }
    return Capability(**(facts | given))


def everywhere() -> dict[Boundary, Capability]:
    return {
        Route.DEVICE: capability(),
        Route.PRIVATE_CLUSTER: capability(
            model="large-70b", tier=Tier.HIGH, context_tokens=32_768, tools=("search",)
        ),
        Route.MANAGED_CLOUD: capability(
            model="managed-xl", tier=Tier.HIGH, context_tokens=200_000, tools=("search",), cost_per_1k_tokens=0.01
        ),
    }


def request(**given: Any) -> RouteRequest:
    facts: dict[str, Any] = {
        "tenant": "t",
        "device": "d",
        "actor": "a",
        "purpose": "answer",
        "conversation": "WO-1",
        "data_class": DataClass.INTERNAL,
        "input_chars": 200,
        "within_s": 30,
        "device_approved": True,
        "link": Link.UP,
        "known": everywhere(),
    }
    return RouteRequest(**(facts | given))


def consent(target: Boundary = Route.PRIVATE_CLUSTER, **given: Any) -> Consented:
    facts: dict[str, Any] = {
        "id": "consent-1",
        "target": target,
        "data_class": DataClass.RESTRICTED,
        "purpose": "answer",
        "conversation": "WO-1",
        "expires_at": NOW + timedelta(hours=1),
    }
    return Consented(**(facts | given))


def without(*places: Boundary) -> dict[Boundary, Capability]:
    """What the others can do, if nothing is known of `places`."""
    known = everywhere()
    return {place: known[place] for place in BOUNDARIES if place not in places}
