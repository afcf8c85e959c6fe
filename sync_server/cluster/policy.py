"""What the gateway asks of the policies: how sensitive words are, and which route a task takes.

Rules
1. The names that the classifier looks for are read anew every `NAMES_EVERY_S` seconds; between, nothing is read.
2. Of a tenant whose names were not read yet, no text can be classified: it counts as restricted.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Protocol

from policies.bundle import FILES, Bundle, parse_bundle
from policies.classify import Vocabulary, classify, vocabulary
from policies.route import choose
from shared.routing import DataClass, Decision, RouteRequest
from sync_server.store import Store

NAMES_EVERY_S = 30.0


class Policies(Protocol):
    """The bundle in force, and the classifier with what it knows of a tenant."""

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`; None if that cannot be told."""

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route for `request`, decided at `at`."""


class ServerPolicies:
    """`bundle`, and the names of every tenant's people; `bundle` may be replaced while tasks run."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._known: Mapping[str, Vocabulary] = {}

    def read_names(self, store: Store) -> None:
        """Read every tenant's names anew; blocking."""
        with store.transaction() as tx:
            people = {tenant: [person.name for person in tx.people(tenant)] for tenant in tx.tenants()}
        rules = self.bundle.rules.classifier
        self._known = {tenant: vocabulary(rules, people=names) for tenant, names in people.items()}

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`."""
        known = self._known.get(tenant)
        return None if known is None else classify(text, known, declared=DataClass.PUBLIC).data_class

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route under the bundle in force."""
        return choose(self.bundle, request, at)


def shipped_policies() -> ServerPolicies:
    """The bundle that ships, before any names were read."""
    folder = resources.files("policies.default")
    return ServerPolicies(parse_bundle({name: (folder / name).read_text(encoding="utf-8") for name in FILES}))
