"""The policies that ship, as the gateway asks them."""

from datetime import datetime
from importlib import resources

from policies.bundle import Bundle, parse_bundle
from policies.route import choose
from shared.routing import DataClass, Decision, RouteRequest


class BundlePolicies:
    """A bundle, and the classifier."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`."""
        return None

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route under this bundle."""
        return choose(self._bundle, request, at)


def shipped_policies() -> BundlePolicies:
    """The bundle that ships."""
    folder = resources.files("policies.default")
    texts = [(folder / f"boundary.{kind}").read_text(encoding="utf-8") for kind in ("cedar", "cedarschema")]
    return BundlePolicies(parse_bundle("default", *texts))
