"""Is this server as far as the world has seen it? Detects a database that was set back, and stops writing to it.

Rules
1. A device shows the newest head that the server signed for it. A head of a later life, beyond our own end, or with
   another history at a place that we hold, proves that this database is older than what was acknowledged.
2. From then on nothing is written for that tenant until an operator raises the incarnation: devices then bring again
   what this database lacks.
3. A head is shown when a session begins. In between a device shows a cursor with a mark of where the audit ended,
   which stops nobody, since anybody could make one up: if it does not fit, the device is asked for its head.
"""

from datetime import UTC, datetime

from shared.contract import to_instant
from shared.envelope import HEAD_TYPE, BadSignature, Envelope, verify
from shared.problems import Code, Refused
from shared.statements import Head
from shared.sync import mark_of, read_cursor
from sync_server.reading import read
from sync_server.store import Tx

_STOPPED = "stopped:"
_NEVER_SINCE = datetime.max.replace(tzinfo=UTC)
_LIFE, _SEEN, _BEGAN = "incarnation", "incarnation_seen", "incarnation_began"


def refuse_if_stopped(tx: Tx, tenant: str) -> None:
    """Raises `Refused` (`server_stopped`) if an operator must look first."""
    if why := tx.server_value(_STOPPED + tenant):
        raise Refused(Code.SERVER_STOPPED, why)


def refuse_if_another(tx: Tx, tenant: str, cursor: str | None, incarnation: int) -> None:
    """Raises `Refused` (`head_wanted`) if `cursor` is of this life, and not of this history."""
    mark = mark_of(cursor)
    if mark is None or read_cursor(cursor)[0] != incarnation:
        return
    position, digest = mark
    if not (tx.link_hash_at(tenant, position) or "").startswith(digest):
        raise Refused(Code.HEAD_WANTED, "this is not the history that the cursor was given in")


def stopped(tx: Tx) -> dict[str, str]:
    """Tenant → why it is stopped, for those that are."""
    values = tx.server_values()
    return {key.removeprefix(_STOPPED): why for key, why in values.items() if key.startswith(_STOPPED)}


def go_on(tx: Tx, incarnation: int, now: datetime) -> None:
    """An operator begins a new life of this database: it writes again, and says so in every cursor and receipt."""
    for tenant in stopped(tx):
        tx.drop_server_value(_STOPPED + tenant)
    tx.set_server_value(_LIFE, str(incarnation))
    tx.set_server_value(_BEGAN, now.isoformat())
    tx.doubt_outgoing()
    tx.fence_tasks()


def set_back_at(tx: Tx) -> datetime | None:
    """When this life of the database began, if it is not the first: what was confirmed before may be known outside.

    Where an older program began it, that is not known, and nothing was confirmed since.
    """
    if int(tx.server_value(_LIFE) or 1) == 1:
        return None
    began = tx.server_value(_BEGAN)
    return to_instant(began) if began else _NEVER_SINCE


def lives_seen(tx: Tx) -> list[int]:
    """The lives of this database that we know of: its own, and the latest that a device's head told of."""
    return [int(value) for key in (_LIFE, _SEEN) if (value := tx.server_value(key))] or [1]


def shown(tx: Tx, tenant: str, envelope: Envelope, incarnation: int) -> Refused | None:
    """What follows from a head that a device shows; a refusal is to be committed with the stop that it reports."""
    head = _read(tx, tenant, envelope)
    if head is None or head.incarnation < incarnation:
        return None
    if head.incarnation == incarnation and _held(tx, tenant, head):
        return None
    ours = tx.head(tenant).audit_position
    why = (
        f"a device has seen life {head.incarnation} up to audit position {head.audit_position}; this database is at "
        f"life {incarnation}, position {ours}. Restore the newest backup, or run: tailboard-server incarnation raise"
    )
    tx.set_server_value(_STOPPED + tenant, why)
    tx.set_server_value(_SEEN, str(max(head.incarnation, *lives_seen(tx))))
    return Refused(Code.SERVER_STOPPED, why)


def _held(tx: Tx, tenant: str, head: Head) -> bool:
    return head.audit_position == 0 or tx.link_hash_at(tenant, head.audit_position) == head.audit_hash


def _read(tx: Tx, tenant: str, envelope: Envelope) -> Head | None:
    """The head, if one of this tenant's receipt keys signed it: what anybody else made proves nothing."""
    key = tx.key(envelope.keyid)
    if key is None or (key.tenant, key.purpose) != (tenant, "receipt"):
        return None
    try:
        verify(envelope, HEAD_TYPE, key.public)
    except BadSignature:
        return None
    head = read(Head, envelope.payload)
    return head if head.tenant == tenant else None
