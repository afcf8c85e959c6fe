"""Which of the consents that came with a task hold: whose they are, what for, until when, and not taken back.

Rules
1. A consent counts if the asking person's own key signed it on the asking device, for this task (`once`) or this
   conversation (`job`). One that is forged, or given for something else, is refused by name: that is no accident.
2. One that ended or was taken back counts for nothing, silently: the decision says what is missing.
3. What taking back was brought along counts from now on, for good.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from shared.assist import AssistRequest
from shared.consent import Consent, ConsentRevocation
from shared.envelope import CONSENT_TYPE, REVOCATION_TYPE, BadSignature, Envelope, verify, wire_from
from shared.problems import Code, Refused
from shared.routing import Consented
from sync_server.authentication import Caller
from sync_server.reading import read
from sync_server.store import Tx

C = TypeVar("C", Consent, ConsentRevocation)
CONSENTS_MAX = 16


def hold(tx: Tx, caller: Caller, request: AssistRequest, now: datetime) -> tuple[Consented, ...]:
    """The consents of `request` that count at `now`. Raises `Refused`: `consent_invalid`."""
    if len(request.consents) > CONSENTS_MAX:
        raise Refused(Code.CONSENT_INVALID, f"more than {CONSENTS_MAX} consents with one task")
    given: list[Consent] = []
    for envelope in _envelopes(request.consents):
        if envelope.payload_type == REVOCATION_TYPE:
            revoked = _signed(tx, caller, envelope, REVOCATION_TYPE, ConsentRevocation)
            tx.revoke_consent(caller.tenant, caller.actor, revoked.consent, now)
        else:
            given.append(_signed(tx, caller, envelope, CONSENT_TYPE, Consent))
    for consent in given:
        _check_reach(consent, request)
    return tuple(_fact(each, request) for each in given if _in_force(tx, caller, each, now))


def _envelopes(wires: Iterable[dict[str, Any]]) -> Iterable[Envelope]:
    try:
        return [wire_from(wire) for wire in wires]
    except ValueError as error:
        raise Refused(Code.CONSENT_INVALID, "a consent is not an envelope") from error


def _signed(tx: Tx, caller: Caller, envelope: Envelope, kind: str, contract: type[C]) -> C:
    key = tx.key(envelope.keyid)
    whose = key and (key.purpose, key.state, key.tenant, key.device, key.actor)
    if key is None or whose != ("technician", "active", caller.tenant, caller.device, caller.actor):
        raise Refused(Code.CONSENT_INVALID, "a consent is not signed by the key of the person who asks")
    try:
        verify(envelope, kind, key.public)
        said = read(contract, envelope.payload)
    except (BadSignature, Refused) as error:
        raise Refused(Code.CONSENT_INVALID, "a consent is not what its key signed") from error
    if (said.tenant, said.device, said.actor) != (caller.tenant, caller.device, caller.actor):
        raise Refused(Code.CONSENT_INVALID, "a consent is somebody else's")
    return said


def _in_force(tx: Tx, caller: Caller, consent: Consent, now: datetime) -> bool:
    begun = consent.given_at <= now < consent.expires_at
    return begun and not tx.consent_revoked(caller.tenant, caller.actor, consent.id)


def _check_reach(consent: Consent, request: AssistRequest) -> None:
    wanted = request.task if consent.reach == "once" else request.conversation
    if consent.conversation != wanted or consent.purpose != request.purpose:
        raise Refused(Code.CONSENT_INVALID, "a consent was given for another task, job or purpose")


def _fact(consent: Consent, request: AssistRequest) -> Consented:
    return Consented(
        id=consent.id,
        target=consent.target,
        data_class=consent.data_class,
        purpose=consent.purpose,
        conversation=request.conversation or request.task,
        expires_at=consent.expires_at,
    )
