"""The server's own signing keys, sealed in the database under a secret that is not in it.

Each tenant has an office key (signs what signed-in people confirm) and a receipt key (signs outcomes). A copy of the
database alone signs nothing. Source: NIST SP 800-38D (GCM).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.envelope import SigningKey
from shared.ports import Randomness
from shared.problems import Code, Refused
from sync_server.store import Key, Tx

OFFICE_KEY, RECEIPT_KEY = "office", "receipt"
SECRET_BYTES = 32


class KeyRing:
    """Makes and opens the server's keys with the 32-byte `secret`."""

    def __init__(self, secret: bytes) -> None:
        self._box = AESGCM(secret)
        self._open: dict[str, SigningKey] = {}

    def make(self, tx: Tx, tenant: str, purpose: str, randomness: Randomness) -> SigningKey:
        """A new key for `purpose`, kept sealed."""
        seed, nonce = randomness.draw(32), randomness.draw(12)
        key = SigningKey(seed)
        sealed = nonce + self._box.encrypt(nonce, seed, key.keyid.encode())
        tx.add_key(Key(key.keyid, tenant, purpose, None, None, key.public, "active", sealed.hex()))
        return key

    def active(self, tx: Tx, tenant: str, purpose: str) -> SigningKey:
        """The tenant's key for `purpose`. Raises `Refused` if there is none or the secret does not open it."""
        stored = tx.server_key(tenant, purpose)
        if stored is None or stored.sealed is None:
            raise Refused(Code.NOT_FOUND, f"tenant {tenant} has no {purpose} key; run: tailboard-server init")
        if stored.keyid not in self._open:
            self._open[stored.keyid] = self._unseal(stored.keyid, bytes.fromhex(stored.sealed))
        return self._open[stored.keyid]

    def _unseal(self, keyid: str, sealed: bytes) -> SigningKey:
        try:
            return SigningKey(self._box.decrypt(sealed[:12], sealed[12:], keyid.encode()))
        except InvalidTag as error:
            raise Refused(Code.INTERNAL, "the server's secret file does not open its keys; restore it") from error
