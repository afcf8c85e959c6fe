"""Signed bytes: DSSE envelopes with Ed25519.

Rules
1. What is verified is what is stored: the payload travels and rests as the bytes that were signed, so nothing has to
   agree on a canonical form of JSON.
2. The payload type is under the signature; each purpose has its own, so bytes signed for one can never be replayed
   as another.
3. An envelope's hash covers type and payload, not the signatures: it names *what was said*. The next command of a
   device's chain carries it as `prev`.

Source: DSSE v1.0.2 (Dead Simple Signing Envelope), protocol and JSON envelope; RFC 8032 (Ed25519).
"""

import base64
import binascii
from functools import cached_property
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, StringConstraints

from shared.contract import Contract, KeyId
from shared.ids import key_id, sha256_hex
from shared.values import value

COMMAND_TYPE = "application/vnd.tailboard.command.v1+json"
WITHDRAWAL_TYPE = "application/vnd.tailboard.withdrawal.v1+json"
RECEIPTS_TYPE = "application/vnd.tailboard.receipts.v1+json"
HEAD_TYPE = "application/vnd.tailboard.head.v1+json"
TIME_TYPE = "application/vnd.tailboard.time.v1+json"
TRANSFER_TYPE = "application/vnd.tailboard.transfer.v1+json"
ANSWER_TYPE = "application/vnd.tailboard.answer.v1+json"
WHOLE_ANSWER_TYPE = "application/vnd.tailboard.whole-answer.v1+json"
SUCCESSION_TYPE = "application/vnd.tailboard.succession.v1+json"
RECEIPT_TYPE = "application/vnd.tailboard.receipt.v1+json"
ENROLMENT_TYPE = "application/vnd.tailboard.enrolment.v1+json"
CONSENT_TYPE = "application/vnd.tailboard.consent.v1+json"
REVOCATION_TYPE = "application/vnd.tailboard.consent-revocation.v1+json"
CAPABILITY_TYPE = "application/vnd.tailboard.capability.v1+json"
FIRST_ROOT_TYPE = "application/vnd.tailboard.first-root.v1+json"
EVIDENCE_TYPE = "application/vnd.tailboard.evidence.v1+json"


class BadSignature(Exception):
    """The envelope is not what the named key signed."""


class Signature(Contract):
    """One signature over an envelope; `sig` is base64 of 64 bytes."""

    keyid: KeyId
    sig: Annotated[str, StringConstraints(max_length=128)]


class WireEnvelope(Contract):
    """An envelope as JSON. Source: DSSE v1.0.2, envelope.md."""

    payloadType: Annotated[str, StringConstraints(max_length=100)]  # noqa: N815 - the standard's spelling
    payload: str
    signatures: Annotated[tuple[Signature, ...], Field(max_length=4)]


@value(frozen=True)
class Envelope:
    """Bytes, what they are for, and who signed them: `signatures` are (key id, 64 bytes)."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the pre-authentication encoding, hexadecimal."""
        return sha256_hex(pae(self.payload_type, self.payload))

    @cached_property
    def wire_json(self) -> str:
        """The JSON form as text, made once: one envelope may prove hundreds of receipts."""
        return self.to_wire().model_dump_json()

    @property
    def keyid(self) -> str:
        """The key id of the first signature."""
        return self.signatures[0][0]

    def to_wire(self) -> WireEnvelope:
        """The JSON form."""
        return WireEnvelope(
            payloadType=self.payload_type,
            payload=base64.b64encode(self.payload).decode(),
            signatures=tuple(
                Signature(keyid=key, sig=base64.b64encode(sig).decode()) for key, sig in self.signatures
            ),
        )

    @classmethod
    def from_wire(cls, wire: WireEnvelope) -> "Envelope":
        """The bytes behind the JSON form. Raises `ValueError` if they are not base64 or nobody signed."""
        if not wire.signatures:
            raise ValueError("an envelope without a signature")
        return cls(
            wire.payloadType,
            _unbase64(wire.payload),
            tuple((signature.keyid, _unbase64(signature.sig)) for signature in wire.signatures),
        )


class SigningKey:
    """An Ed25519 private key that knows its name. Never printed: its `repr` shows the key id only."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the 32 raw private bytes, drawn from `shared.ports.Randomness`."""
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.keyid = key_id(self.public)

    def __repr__(self) -> str:
        return f"SigningKey({self.keyid})"

    def sign(self, message: bytes) -> bytes:
        """64 signature bytes over `message`."""
        return self.private.sign(message)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are really signed. Source: DSSE v1.0.2, protocol.md, pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, *keys: SigningKey) -> Envelope:
    """`payload` signed by each of `keys` for the purpose `payload_type`."""
    message = pae(payload_type, payload)
    return Envelope(payload_type, payload, tuple((key.keyid, key.sign(message)) for key in keys))


def verify(envelope: Envelope, payload_type: str, public_key: bytes) -> None:
    """Check that the raw 32-byte `public_key` signed this envelope for this purpose.

    Raises:
        BadSignature: other purpose, no signature by that key, or a signature that does not fit.
    """
    if envelope.payload_type != payload_type:
        raise BadSignature(f"signed for {envelope.payload_type!r}, not for {payload_type!r}")
    wanted = key_id(public_key)
    message = pae(envelope.payload_type, envelope.payload)
    for keyid, signature in envelope.signatures:
        if keyid == wanted:
            _check(public_key, signature, message)
            return
    raise BadSignature(f"no signature by key {wanted}")


def wire_from(value: Any) -> Envelope:
    """An envelope from parsed JSON. Raises `ValueError` (pydantic's is one) on anything else."""
    return Envelope.from_wire(WireEnvelope.model_validate(value))


def _check(public_key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature as error:
        raise BadSignature("the signature does not fit the bytes") from error


def _unbase64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii's is one
        raise ValueError("not base64") from error
