"""Which device speaks? Proved on every request, and a request is taken once.

Rules
1. The device key signed the request within the tolerance of now (`shared.request_signature`); if the device's clock
   is too far off, it is told the time under the server's signature, for this request alone, and can sign again.
2. A nonce is remembered for as long as its signature is good, so that the same request is never taken twice.
3. A device that is revoked or forked is still recognised; what it may do is not decided here.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.envelope import TIME_TYPE, SigningKey, seal
from shared.problems import Code, Refused
from shared.request_signature import (
    TOLERANCE,
    Message,
    NotAuthentic,
    TooFarOff,
    claimed_key_id,
    claimed_nonce,
    verify_request,
)
from shared.statements import TimeTold
from sync_server.store import Key, Tx

log = logging.getLogger("tailboard.server")


@dataclass(frozen=True, slots=True)
class Caller:
    """The device behind a verified request."""

    tenant: str
    device: str
    actor: str


@dataclass
class Seen:
    """Whether this very request spent its nonce in an earlier try of the same unit of work."""

    spent: bool = False


def authenticate(tx: Tx, message: Message, body: bytes, now: datetime, seen: Seen) -> Caller:
    """The device that signed `message` with `body`.

    Raises:
        TooFarOff: signed at another time; answer with `time_told`.
        Refused: `not_authentic`.
    """
    try:
        key = device_key(tx, claimed_key_id(message.headers))
        nonce = verify_request(message, body, key.public, now)
        if not tx.spend_nonce(key.keyid, nonce, now) and not seen.spent:
            raise NotAuthentic("the request was taken before")
        seen.spent = True
        tx.forget_nonces(now - 3 * TOLERANCE)
    except TooFarOff:
        raise
    except NotAuthentic as error:
        log.warning("request refused", extra={"why": str(error)})
        raise Refused(
            Code.NOT_AUTHENTIC, "the request carries no valid signature of an enrolled device, or was sent before"
        ) from error
    return caller_of(key)


def device_key(tx: Tx, keyid: str) -> Key:
    """The device key with that id. Raises `NotAuthentic` if there is none."""
    key = tx.key(keyid)
    if key is None or key.purpose != "device" or key.device is None:
        raise NotAuthentic("no such device key")
    return key


def caller_of(key: Key) -> Caller:
    """Whose device key it is."""
    assert key.device is not None, "a device key names its device"
    assert key.actor is not None, "a device key names its person"
    return Caller(key.tenant, key.device, key.actor)


def time_told(headers: Any, now: datetime, receipt_key: SigningKey) -> Refused:
    """The refusal that tells a device the time, signed for its request and no other."""
    told = TimeTold(nonce=claimed_nonce(headers), at=now)
    refused = Refused(Code.CLOCK_SKEW, f"the server's time is {now:%Y-%m-%d %H:%M} UTC")
    signed = seal(TIME_TYPE, told.to_bytes(), receipt_key).to_wire()
    refused.problem = refused.problem.model_copy(update={"time": signed})
    return refused
