"""Which consents count for a task.

Rules
1. A consent counts for its own target, purpose and conversation, up to its class, before it expires, and for nothing
   else. A task without a conversation has none.
2. Whether a consent can open a crossing at all is for the policies to say (`policies.boundary`).
3. In force is what its signer gave for this tenant and this device, has begun, has not expired, was not taken back,
   and, given for one task, was not used by another.

Not handled here: signatures (`shared.envelope`) and who signed; the caller checked both.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from shared.consent import Consent, ConsentRevocation, ConsentShown
from shared.routing import BOUNDARIES, Boundary, Consented, DataClass, RouteRequest

#: How far ahead of ours the clock may be under which a consent was given.
TOLERANCE = timedelta(minutes=2)


def counting(request: RouteRequest, data_class: DataClass, at: datetime) -> dict[Boundary, tuple[str, ...]]:
    """The ids of the consents of `request` that count, by the place that they are for; sorted."""
    if not request.consents:
        return {}
    counted = [each for each in request.consents if _covers(each, request, data_class, at)]
    return {
        place: ids
        for place in BOUNDARIES
        if (ids := tuple(sorted(each.id for each in counted if each.target is place)))
    }


def _covers(consent: Consented, request: RouteRequest, data_class: DataClass, at: datetime) -> bool:
    return (
        consent.conversation is not None
        and consent.conversation == request.conversation
        and consent.purpose == request.purpose
        and consent.data_class.rank >= data_class.rank
        and at < consent.expires_at
    )


def standings(
    consents: Iterable[Consent], revocations: Iterable[ConsentRevocation], used: Mapping[str, int], at: datetime
) -> list[ConsentShown]:
    """Each consent as it stands at `at`.

    Args:
        consents: whose signatures were checked.
        revocations: whose signatures were checked; one by anybody but the consent's signer takes nothing back.
        used: how many tasks have left under each consent, by id.
        at: now.
    """
    taken_back = {(each.consent, each.tenant, each.actor) for each in revocations}
    return [_standing(each, taken_back, used.get(each.id, 0), at) for each in consents]


def _standing(consent: Consent, taken_back: set[tuple[str, str, str]], used: int, at: datetime) -> ConsentShown:
    if (consent.id, consent.tenant, consent.actor) in taken_back:
        return ConsentShown(consent=consent, standing="revoked", used=used)
    if at >= consent.expires_at or consent.given_at > at + TOLERANCE:
        return ConsentShown(consent=consent, standing="expired", used=used)
    if consent.reach == "once" and used:
        return ConsentShown(consent=consent, standing="used", used=used)
    return ConsentShown(consent=consent, standing="in_force", used=used)


def as_facts(shown: Iterable[ConsentShown], *, tenant: str, device: str, actor: str) -> tuple[Consented, ...]:
    """What a decision may know of the consents in force that this person gave on this device; by id."""
    given = (
        each.consent
        for each in shown
        if each.standing == "in_force"
        and (each.consent.tenant, each.consent.device, each.consent.actor) == (tenant, device, actor)
    )
    return tuple(sorted((_fact(each) for each in given), key=lambda each: each.id))


def _fact(consent: Consent) -> Consented:
    return Consented(
        id=consent.id,
        target=consent.target,
        data_class=consent.data_class,
        purpose=consent.purpose,
        conversation=consent.conversation,
        expires_at=consent.expires_at,
    )
