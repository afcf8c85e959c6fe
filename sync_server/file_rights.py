"""Who may have the bytes of a file, and who may name it as theirs.

Rules
1. Whoever may see a record that a file belongs to may have it. It belongs to a record through a command that took
   effect and names it.
2. Naming a file that is here already takes more than its sha256: the author may have it by rule 1, or has brought
   every byte of it. So a sha256 that somebody overheard opens nothing, and tells not even whether the file is here.
"""

from reconciliation.scope import visible
from sync_server.store import Tx
from sync_server.store.blobs import Blob


def may_read(tx: Tx, tenant: str, actor: str, blob: Blob) -> bool:
    """Whether a person may see one of the records that a file belongs to."""
    person = tx.person(tenant, actor)
    records = tx.records(tenant, blob.records).values() if blob.records else ()
    return person is not None and any(visible(record, person.teams) for record in records)


def may_have(tx: Tx, tenant: str, actor: str, sha256: str, blob: Blob) -> bool:
    """Whether a file that is here is somebody's to name."""
    return tx.brought(tenant, sha256, actor) or may_read(tx, tenant, actor, blob)
