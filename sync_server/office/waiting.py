"""What waits on a decision, listed before it is made."""

from collections import defaultdict
from dataclasses import dataclass

from reconciliation.dependants import dependants
from shared.records import Record
from sync_server.office.base import OfficePart, ref_of
from sync_server.store import Entry, Tx


@dataclass(frozen=True, slots=True)
class Matter:
    """A record that waits for somebody's decision, and the commands that wait with it."""

    record: Record
    waiting: tuple[Entry, ...]


class Matters(OfficePart):
    """Conflicts and approvals with what waits on them."""

    def matter(self, tenant: str, kind: str, named: str) -> Matter:
        """A ``conflict`` or an ``approval``, by its reference or id. Raises `Refused` if there is none."""
        record = self.record(tenant, ref_of(kind, named))
        with self.service.store.transaction() as tx:
            return Matter(record, waiting_on(tx, tenant, record.ref))


def waiting_on(tx: Tx, tenant: str, root: str) -> tuple[Entry, ...]:
    """The held commands that wait on `root` (a command, a conflict or an approval), directly or not, in order."""
    needs: defaultdict[str, list[str]] = defaultdict(list)
    for need, command in tx.all_needs(tenant):
        needs[command].append(need)
    ids = dependants(root, needs)
    entries = tx.entries(tenant, ids)
    return tuple(entries[command] for command in ids)
