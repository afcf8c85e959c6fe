"""The names of an organisation's policies: what a laptop may name as a policy, where names are counted."""

from collections.abc import Callable
from contextlib import suppress

from policies.bundle import BadBundle, Bundle, unpack
from sync_server.store import Tx
from sync_server.updates.publisher import Publisher


class PolicyNames:
    """Read again when something else is published."""

    def __init__(self, shipped: Callable[[], Bundle], publisher: Callable[[Tx, str], Publisher]) -> None:
        self._shipped, self._publisher = shipped, publisher
        self._known: dict[str, tuple[list[str], frozenset[str]]] = {}

    def __call__(self, tx: Tx, tenant: str) -> frozenset[str]:
        """The names in every bundle that a laptop of `tenant` may decide by."""
        files = tx.update_names(tenant)
        known = self._known.get(tenant)
        if known is None or known[0] != files:
            known = self._known[tenant] = files, self._read(tx, tenant) if files else _names(self._shipped())
        return known[1]

    def _read(self, tx: Tx, tenant: str) -> frozenset[str]:
        publisher, names = self._publisher(tx, tenant), _names(self._shipped())
        for version in publisher.versions():
            with suppress(BadBundle):
                names |= _names(unpack(publisher.bundle(version)))
        return names


def _names(bundle: Bundle) -> frozenset[str]:
    return frozenset(policy.id for policy in bundle.policies.values())
