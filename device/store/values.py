"""Named single values: who this device is, how far its copy reaches, what it has seen of the server."""

import json

from device.store.base import Part
from shared.contract import Contract

#: Named values.
TABLES = ("CREATE TABLE meta (key VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)",)
_READ = "SELECT value FROM meta WHERE key = ?"
_WRITE = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class Identity(Contract):
    """Who this device is, from enrolment. Keys are raw public keys, hexadecimal.

    `epoch`, `incarnation` and `receipt_key` are those of enrolment; what has become of them since, the store says.
    """

    server_url: str
    tenant: str
    tenant_name: str
    device: str
    actor: str
    actor_name: str
    epoch: int
    incarnation: int
    receipt_key: str


class Values(Part):
    """Named values."""

    _identity: Identity | None = None

    def meta(self, key: str) -> str | None:
        """The named value, None if it was never set."""
        found = self._rows(_READ, (key,))
        return str(found[0][0]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Set the named value."""
        self._write(_WRITE, (key, value))

    def drop_meta(self, key: str) -> None:
        """Forget the named value."""
        self._write("DELETE FROM meta WHERE key = ?", (key,))

    def identity(self) -> Identity | None:
        """Who this device is; None before enrolment. It never changes after it, so it is read once."""
        if self._identity is None and (stored := self.meta("identity")):
            self._identity = Identity.model_validate_json(stored)
        return self._identity

    def epoch(self) -> int:
        """The stretch of the device's chain that its next command goes into."""
        identity = self.identity()
        return int(self.meta("epoch") or (identity.epoch if identity else 1))

    def begin_epoch(self, epoch: int) -> None:
        """From now on the next command goes into `epoch`."""
        self._changes += 1
        self.set_meta("epoch", str(epoch))

    def incarnation(self) -> int:
        """The newest life of the server's database that this device has seen."""
        identity = self.identity()
        return int(self.meta("incarnation") or (identity.incarnation if identity else 1))

    def receipt_keys(self) -> tuple[str, ...]:
        """The server's receipt keys, raw and hexadecimal: the pinned one, and those it handed over to, in order."""
        stored, identity = self.meta("receipt_keys"), self.identity()
        return tuple(json.loads(stored)) if stored else (identity.receipt_key,) if identity else ()

    def set_receipt_keys(self, keys: tuple[str, ...]) -> None:
        """Keep the longer chain of receipt keys."""
        self.set_meta("receipt_keys", json.dumps(keys))
