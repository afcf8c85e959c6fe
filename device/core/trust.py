"""Whose word counts: the receipt key that was pinned at enrolment, and the keys that it was handed on to.

Rules
1. A key is believed if it was pinned, or if the last believed one signed it over.
2. What any believed key signed stays believed: receipts outlive the key.
3. A head or a time counts only for this tenant and device, or for the very request that asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shared import strict_json
from shared.contract import Contract
from shared.envelope import (
    HEAD_TYPE,
    SUCCESSION_TYPE,
    TIME_TYPE,
    BadSignature,
    Envelope,
    WireEnvelope,
    verify,
)
from shared.ids import key_id
from shared.problems import Problem
from shared.receipts import verify_root
from shared.statements import Head, ReceiptsRoot, Succession, TimeTold

Said = TypeVar("Said", bound=Contract)


@dataclass(frozen=True, slots=True)
class Trust:
    """The chain of receipt keys of `tenant` (raw, hexadecimal, the pinned one first), as `device` knows it."""

    tenant: str
    device: str
    keys: tuple[str, ...]

    def extended(self, successions: Sequence[WireEnvelope]) -> "Trust":
        """With every key that the last one handed over to; what proves nothing here is left out."""
        keys = self.keys
        for wire in successions:
            said = _read(Succession, wire, SUCCESSION_TYPE, keys[-1:])
            if said and said.tenant == self.tenant and said.key not in keys:
                keys = (*keys, said.key)
        return Trust(self.tenant, self.device, keys)

    def head(self, wire: WireEnvelope) -> Head | None:
        """The server's signed head; None if it is not signed for us."""
        head = _read(Head, wire, HEAD_TYPE, self.keys)
        return head if head and (head.tenant, head.device) == (self.tenant, self.device) else None

    def time_told(self, problem: Problem, nonce: str) -> datetime | None:
        """The server's time, if it was told for the request with that nonce."""
        told = problem.time and _read(TimeTold, problem.time, TIME_TYPE, self.keys)
        return told.at if told and nonce and told.nonce == nonce else None

    def root(self, envelope: Envelope) -> ReceiptsRoot | None:
        """As `shared.receipts.verify_root`, under whichever believed key signed it. Raises as that does."""
        return verify_root(envelope, _signer(envelope, self.keys))

    def opened(self, wire: WireEnvelope, payload_type: str) -> bytes:
        """The payload of an envelope that a believed key signed.

        Raises:
            BadSignature: not signed by one, or for another purpose.
            ValueError: no envelope.
        """
        envelope = Envelope.from_wire(wire)
        verify(envelope, payload_type, _signer(envelope, self.keys))
        return envelope.payload


def _signer(envelope: Envelope, keys: Sequence[str]) -> bytes:
    publics = [bytes.fromhex(key) for key in keys]
    found = [public for public in publics if key_id(public) == envelope.keyid]
    if not found:
        raise BadSignature(f"no believed key {envelope.keyid}")
    return found[0]


def _read(shape: type[Said], wire: WireEnvelope, payload_type: str, keys: Sequence[str]) -> Said | None:
    try:
        envelope = Envelope.from_wire(wire)
        verify(envelope, payload_type, _signer(envelope, keys))
        return shape.model_validate(strict_json.parse(envelope.payload))
    except (BadSignature, ValueError):
        return None
