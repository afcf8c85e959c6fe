"""What proves an outcome, beside the receipt itself: the signed envelope of its unit of work, and the place under it.

Rules
1. An envelope that proves hundreds of receipts is kept once, in `root`; a row's proof names it and its own place.
2. A proof that an older program kept whole (`{"envelope": …, "place": …}`) stays as it is and is still read.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from device.store.base import Part
from shared.envelope import Envelope, wire_from
from shared.ids import sha256_hex
from shared.merkle import HASH_BYTES, Inclusion, Place
from shared.receipts import Proof

#: Signed envelopes (JSON) that proofs name by their number; `digest` is the SHA-256 of that JSON.
TABLES = (
    (
        "CREATE TABLE root (number INTEGER NOT NULL PRIMARY KEY, digest VARCHAR NOT NULL UNIQUE,"
        " envelope VARCHAR NOT NULL)"
    ),
)
_KEEP = """
    INSERT INTO root (digest, envelope) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
    RETURNING number"""
_READ = "SELECT envelope FROM root WHERE number = ?"
_FORGET = """
    DELETE FROM root WHERE number NOT IN (
        SELECT json_extract(proof, '$.root') FROM outbox WHERE json_extract(proof, '$.root') IS NOT NULL
        UNION SELECT json_extract(earlier_proof, '$.root') FROM outbox
        WHERE json_extract(earlier_proof, '$.root') IS NOT NULL)"""


class Proofs(Part):
    """The signed envelopes that proofs share."""

    def _kept_proofs(self, proofs: Sequence[Proof]) -> list[str]:
        """What a row keeps of each proof; their envelopes are kept here."""
        numbers = {text: self._root(text) for text in {proof.envelope.wire_json for proof in proofs}}
        return [_told(numbers[proof.envelope.wire_json], proof.inclusion) for proof in proofs]

    def _root(self, envelope: str) -> int:
        return int(self._rows(_KEEP, (sha256_hex(envelope.encode()), envelope))[0][0])

    def _proof(self, kept: str) -> Proof:
        told = json.loads(kept)
        if "envelope" in told:
            return Proof(wire_from(told["envelope"]), _place(told["place"]))
        return Proof(self._envelope(told["root"]), _place(told["place"]))

    def _envelope(self, number: int) -> Envelope:
        return wire_from(json.loads(self._rows(_READ, (number,))[0][0]))

    def _forget_roots(self) -> None:
        """Drop the envelopes that no proof names any more."""
        self._write(_FORGET, ())


def _told(number: int, place: Place | None) -> str:
    if place is None:
        return f'{{"root":{number},"place":null}}'
    path = base64.b64encode(b"".join(place.path)).decode()
    return f'{{"root":{number},"place":[{place.index},{place.size},"{path}"]}}'


def _place(told: Any) -> Inclusion | None:
    if told is None:
        return None
    index, size, path = told
    return Inclusion(index, size, _hashes(path))


def _hashes(path: str | list[str]) -> tuple[bytes, ...]:
    """The hashes of a path as it is kept: base64 of all of them, or, from an older program, each in hexadecimal."""
    if not isinstance(path, str):
        return tuple(map(bytes.fromhex, path))
    raw = base64.b64decode(path)
    return tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES))
