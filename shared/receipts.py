"""What makes a receipt proof: the server's signature over it, alone or together with the others of its unit of work.

A receipt's payload is kept byte for byte as it was signed. Its proof is a signed envelope, and, where that envelope
signs many receipts at once, the receipt's place under the signed root.
"""

from shared import strict_json
from shared.envelope import RECEIPT_TYPE, RECEIPTS_TYPE, BadSignature, Envelope, SigningKey, seal, verify
from shared.merkle import Leaf, Place, proves, tree
from shared.outcomes import Receipt
from shared.statements import ReceiptsRoot
from shared.values import value


@value(frozen=True, slots=True)
class Proof:
    """The signed `envelope`, and the receipt's place under it; None if it signs this one receipt alone."""

    envelope: Envelope
    inclusion: Place | None = None


def seal_all(payloads: list[bytes], root: ReceiptsRoot, key: SigningKey) -> list[Proof]:
    """Proofs for `payloads` under one signature; `root` gives everything but the hash and the size."""
    over = tree(payloads)
    signed = root.model_copy(update={"root": over.root.hex(), "size": len(payloads)})
    envelope = seal(RECEIPTS_TYPE, signed.to_bytes(), key)
    return [Proof(envelope, Leaf(index, over)) for index in range(len(payloads))]


def verify_root(envelope: Envelope, public_key: bytes) -> ReceiptsRoot | None:
    """The root that `envelope` signs, or None if it signs one receipt alone.

    Raises:
        BadSignature: not signed by the raw `public_key`, or for another purpose.
        ValueError: signed, but not a root.
    """
    if envelope.payload_type == RECEIPT_TYPE:
        verify(envelope, RECEIPT_TYPE, public_key)
        return None
    verify(envelope, RECEIPTS_TYPE, public_key)
    return ReceiptsRoot.model_validate(strict_json.parse(envelope.payload))


def read_receipt(payload: bytes, proof: Proof, root: ReceiptsRoot | None) -> Receipt:
    """The receipt in `payload`, given what `verify_root` said of its envelope.

    Raises:
        BadSignature: the signature covers other bytes.
        ValueError: covered, but not a receipt.
    """
    if root is None:
        covered = proof.envelope.payload == payload
    else:
        covered = proof.inclusion is not None and _included(payload, proof.inclusion, root)
    if not covered:
        raise BadSignature("the signature covers other bytes than this receipt")
    return Receipt.model_validate_json(payload)


def _included(payload: bytes, place: Place, root: ReceiptsRoot) -> bool:
    """The size is under the signature too: a path proves nothing without it."""
    return place.size == root.size and proves(payload, place, bytes.fromhex(root.root))
