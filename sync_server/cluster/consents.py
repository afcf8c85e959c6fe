"""Which of the consents that came with a task hold: whose they are, what for, until when, and not taken back.

Rules
1. A consent counts if the asking person's own key signed it on the asking device, for this task (`once`) or this
   conversation (`job`). One that is forged, or given for something else, is refused by name: that is no accident.
2. One that ended or was taken back counts for nothing, silently: the decision says what is missing.
3. What taking back was brought along counts from now on, for good.
4. A consent for a single task is spent when a task that was left in the queue is dispatched under it, in the
   transaction that does so. From then on it is worth something to further tries of that very task alone.
5. Taking back and spending are links of the audit.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from policies.consent import TOLERANCE
from shared.assist import AssistRequest
from shared.consent import Consent, ConsentRevocation
from shared.envelope import CONSENT_TYPE, REVOCATION_TYPE, BadSignature, Envelope, verify, wire_from
from shared.problems import Code, Refused
from shared.routing import Consented, Decision
from sync_server.authentication import Caller
from sync_server.reading import read
from sync_server.store import Tx

C = TypeVar("C", Consent, ConsentRevocation)
#: What the audit is told.
Note = dict[str, str]
CONSENTS_MAX = 16


def hold(
    tx: Tx,
    caller: Caller,
    request: AssistRequest,
    now: datetime,
    note: Callable[[Note], None] = lambda _: None,
    *,
    queued: bool = False,
) -> tuple[Consented, ...]:
    """The consents of `request` that count at `now`.

    Args:
        tx: where keys and what was taken back are looked up.
        caller: who asks.
        request: the question; the consents with it are in wire form.
        now: the instant.
        note: hears what the audit is to be told.
        queued: its task waits in the queue.

    Raises:
        Refused: `consent_invalid`.
    """
    if len(request.consents) > CONSENTS_MAX:
        raise Refused(Code.CONSENT_INVALID, f"more than {CONSENTS_MAX} consents with one task")
    given: list[Consent] = []
    for envelope in _envelopes(request.consents):
        if envelope.payload_type == REVOCATION_TYPE:
            if said := take_back(tx, caller, envelope, now):
                note(said)
        else:
            given.append(_signed(tx, caller, envelope, CONSENT_TYPE, Consent))
    for consent in given:
        _check_reach(consent, request)
    return tuple(
        _fact(each, request)
        for each in given
        if _in_force(tx, caller, each, now) and not _spent(tx, caller, each, request.task, queued=queued)
    )


def take_back(tx: Tx, caller: Caller, envelope: Envelope, now: datetime) -> Note | None:
    """The person behind `caller` takes a consent back, from now on; for the audit. None if that was known.

    It narrows, so that it counts from a laptop that is shut out as well.

    Raises:
        Refused: `consent_invalid`.
    """
    said = _signed(tx, caller, envelope, REVOCATION_TYPE, ConsentRevocation)
    if not tx.revoke_consent(caller.tenant, caller.actor, said.consent, now):
        return None
    return {"act": "consent revoked", "consent": said.consent, "device": caller.device, "actor": caller.actor}


def spend(tx: Tx, decision: Decision, task: str, given: Iterable[Mapping[str, Any]], now: datetime) -> list[Note]:
    """A task that was left in the queue leaves under `decision`.

    Those of the consents `given` with it that are for a single task, and that the decision rests on, are spent.

    Returns:
        What the audit is told: each consent once, however often its task is tried.
    """
    asked = decision.request
    return [
        {"act": "consent spent", "consent": each, "task": task, "device": asked.device, "actor": asked.actor}
        for each in sorted(_for_one_task(given) & set(decision.consents))
        if tx.spend_consent(asked.tenant, asked.actor, each, task, now)
    ]


def _for_one_task(given: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of those consents that are for a single task; their signatures were checked when it was decided."""
    said = (read(Consent, each.payload) for each in _envelopes(given) if each.payload_type == CONSENT_TYPE)
    return {each.id for each in said if each.reach == "once"}


def _envelopes(wires: Iterable[Mapping[str, Any]]) -> Iterable[Envelope]:
    try:
        return [wire_from(dict(wire)) for wire in wires]
    except ValueError as error:
        raise Refused(Code.CONSENT_INVALID, "a consent is not an envelope") from error


def _signed(tx: Tx, caller: Caller, envelope: Envelope, kind: str, contract: type[C]) -> C:
    key = tx.key(envelope.keyid)
    whose = key and (key.purpose, key.tenant, key.device, key.actor)
    if key is None or whose != ("technician", caller.tenant, caller.device, caller.actor):
        raise Refused(Code.CONSENT_INVALID, "a consent is not signed by the key of the person who asks")
    if kind == CONSENT_TYPE and key.state != "active":
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
    begun = consent.given_at <= now + TOLERANCE and now < consent.expires_at
    return begun and not tx.consent_revoked(caller.tenant, caller.actor, consent.id)


def _spent(tx: Tx, caller: Caller, consent: Consent, task: str, *, queued: bool) -> bool:
    """Whether it was for one task, and was spent by another, or on another way."""
    by = tx.consent_spent(caller.tenant, caller.actor, consent.id) if consent.reach == "once" else None
    return by is not None and not (queued and by == task)


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
