"""Which laptops get what they ask for.

Rules
1. An active laptop whose key is good gets everything.
2. One whose key ran out may bring its work, which is settled like anybody's, and gets nothing until an administrator
   renews the key: no changes, no files, no updates, no answers of the cluster. ADR 38.
3. One that waits to be approved may do nothing; nothing of it is taken, and nothing on it is lost.
4. A revoked or forked one may only upload, into quarantine.
"""

from collections.abc import Mapping
from datetime import datetime

from shared.problems import Code, Refused
from sync_server.authentication import Caller
from sync_server.store import Device, DeviceState, Tx

SHUT_OUT: Mapping[DeviceState, Code] = {
    DeviceState.WAITING: Code.DEVICE_WAITING,
    DeviceState.FORKED: Code.DEVICE_FORKED,
    DeviceState.REVOKED: Code.DEVICE_REVOKED,
}


def barred(device: Device | None, now: datetime) -> Code | None:
    """Why a laptop gets nothing at `now`; None if it does. Whoever is not enrolled is treated as revoked."""
    if device is None:
        return Code.DEVICE_REVOKED
    return SHUT_OUT.get(device.state) or (Code.KEY_EXPIRED if device.key_ended(now) else None)


def refuse_unless_let_in(tx: Tx, caller: Caller, now: datetime, what: str) -> None:
    """Raises `Refused` with why `caller` gets nothing at `now`; `what` says what it asked for in vain."""
    if code := barred(tx.device(caller.tenant, caller.device), now):
        raise Refused(code, what)
