"""What a laptop calls settled is proved by what it keeps: the pinned key's signature, over these very bytes."""

import json
from collections.abc import Iterator
from typing import Any

from shared.envelope import BadSignature, wire_from
from shared.merkle import Inclusion
from shared.receipts import Proof, read_receipt, verify_root
from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Every settled command has its proof, and the receipt names the bytes that the laptop signed."""
    for device in evidence.devices.values():
        verified: dict[str, Any] = {}
        for sent in device.outbox:
            if sent.receipt is None or sent.proof is None:
                if sent.state == "settled":
                    yield Finding(sent.id, "is called settled without a receipt")
            elif why := unproved(sent.receipt, sent.proof, device.receipt_key, verified):
                yield Finding(sent.id, why)
            elif (receipt := json.loads(sent.receipt))["command"] != sent.id or receipt["envelope_hash"] != sent.hash:
                yield Finding(sent.id, "is settled by a receipt for something else")


def unproved(receipt: str, stored: str, key: bytes, verified: dict[str, Any]) -> str | None:
    """Why the receipt is not proved by what is stored beside it; None if it is. `verified` remembers signed roots."""
    proof = json.loads(stored)
    envelope, place = wire_from(proof["envelope"]), proof["place"]
    name = json.dumps(proof["envelope"])
    try:
        if name not in verified:
            verified[name] = verify_root(envelope, key)
        inclusion = place and Inclusion(place[0], place[1], tuple(bytes.fromhex(each) for each in place[2]))
        read_receipt(receipt.encode(), Proof(envelope, inclusion), verified[name])
    except (BadSignature, ValueError) as error:
        return f"its receipt is not proved: {error}"
    return None


CHECKER = Checker("receipts-are-proof", judge)
