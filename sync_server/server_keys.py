"""The server's own signing keys, sealed in the database under a secret that is not in it.

Each tenant has an office key (signs what signed-in people confirm) and a receipt key (signs outcomes). A copy of the
database alone signs nothing. Source: NIST SP 800-38D (GCM).
"""

from collections.abc import Callable
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.envelope import SUCCESSION_TYPE, SigningKey, seal
from shared.ports import Randomness
from shared.problems import Code, Refused
from shared.statements import Succession
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
        return self._keep(tx, tenant, purpose, randomness, lambda _: None)

    def succeed(self, tx: Tx, tenant: str, randomness: Randomness, at: datetime) -> SigningKey:
        """A new receipt key, handed over to by the one before under its signature; that one signs nothing more."""
        old = self.active(tx, tenant, RECEIPT_KEY)
        tx.set_key_state(old.keyid, "retired")

        def handed_over(new: SigningKey) -> str:
            said = Succession(tenant=tenant, key=new.public.hex(), key_id=new.keyid, at=at)
            return seal(SUCCESSION_TYPE, said.to_bytes(), old).to_wire().model_dump_json()

        return self._keep(tx, tenant, RECEIPT_KEY, randomness, handed_over)

    def _keep(
        self,
        tx: Tx,
        tenant: str,
        purpose: str,
        randomness: Randomness,
        succession: Callable[[SigningKey], str | None],
    ) -> SigningKey:
        seed, nonce = randomness.draw(32), randomness.draw(12)
        key = SigningKey(seed)
        sealed = nonce + self._box.encrypt(nonce, seed, key.keyid.encode())
        said = succession(key)
        tx.add_key(Key(key.keyid, tenant, purpose, None, None, key.public, "active", sealed.hex(), said))
        return key

    def active(self, tx: Tx, tenant: str, purpose: str) -> SigningKey:
        """The tenant's key for `purpose`. Raises `Refused` if there is none or the secret does not open it."""
        stored = tx.server_key(tenant, purpose)
        if stored is None or stored.sealed is None:
            raise Refused(Code.NOT_FOUND, f"tenant {tenant} has no {purpose} key; run: tailboard-server init")
        return self._opened(stored.keyid, stored.sealed)

    def all_active(self, tx: Tx, tenant: str, purpose: str) -> tuple[SigningKey, ...]:
        """The tenant's keys for `purpose`, by id, as many as there are. Raises `Refused` as `active`."""
        stored = tx.keys(tenant, purpose)
        return tuple(
            self._opened(each.keyid, each.sealed) for each in stored if each.sealed and each.state == "active"
        )

    def _opened(self, keyid: str, sealed: str) -> SigningKey:
        if keyid not in self._open:
            self._open[keyid] = self._unseal(keyid, bytes.fromhex(sealed))
        return self._open[keyid]

    def _unseal(self, keyid: str, sealed: bytes) -> SigningKey:
        try:
            return SigningKey(self._box.decrypt(sealed[:12], sealed[12:], keyid.encode()))
        except InvalidTag as error:
            raise Refused(Code.INTERNAL, "the server's secret file does not open its keys; restore it") from error
