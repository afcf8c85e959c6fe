"""What the gateway asks of the policies: how sensitive words are, and which route a task takes.

Rules
1. What an organisation rolled out, its vocabulary, and the names that the classifier looks for, are read anew every
   `READ_EVERY_S` seconds. A laptop's task looks whether something was rolled out since, in the transaction that takes
   it: the two never decide by different bundles because the server had not looked. For programs nothing is read
   between.
2. Of a tenant that was not read yet, no text can be classified: it counts as restricted.
3. A bundle that is in force and cannot be read by this program is not replaced by a wider one: the program's own is
   taken as if its time were over, and permits nothing here. That holds for a stage's tasks as well.
4. Where a transaction is at hand (`RolledOut`), what is rolled out is read in it: nothing is older than that moment.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.bundle import BadBundle, Bundle, narrowed, unpack
from policies.classify import Vocabulary, vocabulary
from policies.rollout import Rollout, applies
from policies.route import choose, class_of
from policies.rulebook import Classifier
from shared.commands.base import Role
from shared.routing import DataClass, Decision, RouteRequest
from shared.vocabulary import Vocabulary as Shorthand
from sync_server.cluster.marking import class_of as class_of_text
from sync_server.cluster.marking import newest
from sync_server.service import Service
from sync_server.store import Tx
from sync_server.updates.bundles import shipped_bundle
from sync_server.updates.publisher import Publisher, mark_of

READ_EVERY_S = 30.0


class Policies(Protocol):
    """The bundle in force, and the classifier with what it knows of a tenant."""

    def heed(self, tx: Tx, tenant: str) -> None:
        """Look whether the organisation rolled out something since it was last read."""

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`; None if that cannot be told."""

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route for `request`, decided at `at`."""


#: What an organisation publishes, inside a transaction.
Published = Callable[[Tx, str], Publisher]


@dataclass(frozen=True, slots=True)
class _Plan:
    """An organisation's roll-out, and the bundles that it names and this program can read; `shipped` is its own.

    `shorthand` is the organisation's vocabulary, if it published one.
    """

    rollout: Rollout
    bundles: Mapping[int, Bundle]
    shipped: Bundle
    shorthand: Shorthand | None

    def everywhere(self) -> Bundle:
        """The bundle for everything that no stage is for, or the program's own."""
        return self.bundles.get(self.rollout.in_force or 0, self.shipped)

    def bundle(self, request: RouteRequest) -> Bundle:
        """The bundle that is in force for such a task."""
        named = self.rollout.versions()  # what cannot be read must not make room for what is in force elsewhere
        version = applies(self.rollout, request.purpose, class_of(request), (request.device,), named).in_force
        if version is None:
            return self.shipped
        return self.bundles.get(version) or narrowed(self.shipped)


class RolledOut:
    """What organisations rolled out, as the transaction sees it that asks. Bundles are parsed once."""

    def __init__(self, shipped: Bundle, published: Published) -> None:
        self._shipped, self._published = shipped, published
        self._plans: dict[str, tuple[str | None, _Plan]] = {}
        self._names: dict[str, tuple[Classifier, tuple[str, ...], Vocabulary]] = {}

    def plan(self, tx: Tx, tenant: str) -> _Plan:
        """The organisation's plan."""
        mark = mark_of(tx, tenant)
        known_mark, known = self._plans.get(tenant, (None, None))
        if known is None or mark != known_mark:
            known = self._read(self._published(tx, tenant), known.bundles if known else {})
            self._plans[tenant] = (mark, known)
        return known

    def names(self, tx: Tx, tenant: str) -> Vocabulary:
        """What the classifier looks for: the people of the organisation."""
        rules = self.plan(tx, tenant).everywhere().rules.classifier
        people = tuple(person.name for person in tx.people(tenant) if Role.SERVICE not in person.roles)
        # Mostly they are what they were, and words take long to prepare.
        known = self._names.get(tenant)
        if known is None or known[0] is not rules or known[1] != people:
            known = self._names[tenant] = rules, people, vocabulary(rules, people=people)
        return known[2]

    def class_of(self, tx: Tx, tenant: str, text: str, declared: DataClass | None) -> DataClass:
        """The class of words of the organisation's, as its laptops would find it too."""
        return class_of_text(text, self.names(tx, tenant), self.plan(tx, tenant).shorthand, declared)

    def _read(self, published: Publisher, before: Mapping[int, Bundle]) -> _Plan:
        rollout, bundles = published.rollout(), dict(before)
        for version in rollout.versions() - bundles.keys():
            with suppress(BadBundle):
                bundles[version] = unpack(published.bundle(version))
        return _Plan(rollout, bundles, self._shipped, newest(published))


@dataclass(frozen=True, slots=True)
class _Tenant:
    """What is known of an organisation for a while."""

    plan: _Plan
    names: Vocabulary


class ServerPolicies:
    """The bundle that ships, and what every tenant rolled out; both may change while tasks run."""

    def __init__(self, shipped: Bundle) -> None:
        self._shipped = shipped
        self._rolled_out: RolledOut | None = None
        self._tenants: Mapping[str, _Tenant] = {}

    def read(self, service: Service) -> None:
        """Read every tenant's roll-out and names anew; blocking."""
        rolled_out = self._rolled_out = self._rolled_out or RolledOut(self._shipped, service.publisher)
        with service.store.transaction() as tx:
            self._tenants = {
                tenant: _Tenant(rolled_out.plan(tx, tenant), rolled_out.names(tx, tenant)) for tenant in tx.tenants()
            }

    def heed(self, tx: Tx, tenant: str) -> None:
        """Look whether the organisation rolled out something since it was last read: one row, mostly."""
        if (rolled_out := self._rolled_out) is None:
            return
        plan, known = rolled_out.plan(tx, tenant), self._tenants.get(tenant)
        if known is None or plan is not known.plan:
            names = rolled_out.names(tx, tenant)
            self._tenants = {**self._tenants, tenant: _Tenant(plan, names)}

    def classify(self, tenant: str, text: str) -> DataClass | None:
        """The class of `text`."""
        known = self._tenants.get(tenant)
        return class_of_text(text, known.names, known.plan.shorthand, DataClass.PUBLIC) if known else None

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        """The route under the bundle that is in force for such a task."""
        known = self._tenants.get(request.tenant)
        return choose(known.plan.bundle(request) if known else narrowed(self._shipped), request, at)


def shipped_policies() -> ServerPolicies:
    """The bundle that ships, before anything was read."""
    return ServerPolicies(shipped_bundle())
