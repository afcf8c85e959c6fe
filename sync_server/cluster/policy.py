"""What the gateway asks of the policies: how sensitive words are, and which route a task takes.

Rules
1. What an organisation rolled out, and the names that the classifier looks for, are read anew every `READ_EVERY_S`
   seconds; between, nothing is read.
2. Of a tenant that was not read yet, no text can be classified: it counts as restricted.
3. A bundle that is in force and cannot be read by this program is not replaced by a wider one: the program's own is
   taken as if its time were over, and permits nothing here. That holds for a stage's tasks as well.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from policies.bundle import BadBundle, Bundle, narrowed, unpack
from policies.classify import Vocabulary, classify, vocabulary
from policies.rollout import Rollout, applies
from policies.route import choose, class_of
from policies.rulebook import Classifier
from shared.routing import DataClass, Decision, RouteRequest
from sync_server.service import Service
from sync_server.store import Tx
from sync_server.updates.bundles import shipped_bundle
from sync_server.updates.publisher import Publisher

READ_EVERY_S = 30.0


class Policies(Protocol):
    """The bundle in force, and the classifier with what it knows of a tenant."""

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`; None if that cannot be told."""

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route for `request`, decided at `at`."""


@dataclass(frozen=True, slots=True)
class _Tenant:
    """What is known of an organisation: its roll-out, the bundles that it names and this program can read, names.

    `names` were made from `rules` and `people`.
    """

    rollout: Rollout
    bundles: Mapping[int, Bundle]
    rules: Classifier
    people: tuple[str, ...]
    names: Vocabulary


class ServerPolicies:
    """The bundle that ships, and what every tenant rolled out; both may change while tasks run."""

    def __init__(self, shipped: Bundle) -> None:
        self._shipped = shipped
        self._tenants: Mapping[str, _Tenant] = {}

    def read(self, service: Service) -> None:
        """Read every tenant's roll-out and names anew; blocking."""
        with service.store.transaction() as tx:
            self._tenants = {tenant: self._read(tx, service.publisher(tx, tenant), tenant) for tenant in tx.tenants()}

    def _read(self, tx: Tx, published: Publisher, tenant: str) -> _Tenant:
        before, rollout = self._tenants.get(tenant), published.rollout()
        bundles = dict(before.bundles) if before else {}
        for version in rollout.versions() - bundles.keys():
            with suppress(BadBundle):
                bundles[version] = unpack(published.bundle(version))
        rules = bundles.get(rollout.in_force or 0, self._shipped).rules.classifier
        people = tuple(person.name for person in tx.people(tenant))
        if before and before.rules is rules and before.people == people:  # mostly so, and words take long to prepare
            return replace(before, rollout=rollout, bundles=bundles)
        return _Tenant(rollout, bundles, rules, people, vocabulary(rules, people=people))

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`."""
        known = self._tenants.get(tenant)
        return None if known is None else classify(text, known.names, declared=DataClass.PUBLIC).data_class

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route under the bundle that is in force for such a task."""
        return choose(self._bundle(request), request, at)

    def _bundle(self, request: RouteRequest) -> Bundle:
        known = self._tenants.get(request.tenant)
        if known is None:
            return narrowed(self._shipped)
        named = known.rollout.versions()  # what cannot be read must not make room for what is in force elsewhere
        version = applies(known.rollout, request.purpose, class_of(request), (request.device,), named).in_force
        if version is None:
            return self._shipped
        return known.bundles.get(version) or narrowed(self._shipped)


def shipped_policies() -> ServerPolicies:
    """The bundle that ships, before anything was read."""
    return ServerPolicies(shipped_bundle())
