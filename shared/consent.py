"""A person lets data of a class cross one boundary, for one purpose, for a while: signed by that person's own key.

A consent widens nothing by itself: policies say which crossings a consent can open (`policies.consent`), and never
more than its class, its target and its purpose. Taking one back is signed too, and counts at once where it is known.

Source: ISO/IEC TS 27560 (consent record information structure), for what a receipt has to say.
"""

from typing import Literal

from pydantic import Field

from shared.contract import Contract, Instant, Name
from shared.routing import Boundary, DataClass, Line, Purpose

#: How far a consent reaches: one task, or one job for as long as it lasts.
Reach = Literal["once", "job"]


class Consent(Contract):
    """What a person agreed to (`CONSENT_TYPE`), with the words that were on the screen.

    `conversation` is the task (reach `once`) or the job (reach `job`) that it is for. `data_class` is the highest
    class that it covers. `told` are the exact words of disclosure.
    """

    id: Name
    tenant: Name
    device: Name
    actor: Name
    target: Boundary
    data_class: DataClass
    purpose: Purpose
    reach: Reach
    conversation: Name
    given_at: Instant
    expires_at: Instant
    told: Line
    bundle_version: Line


class ConsentRevocation(Contract):
    """The person takes the consent `consent` back (`REVOCATION_TYPE`)."""

    consent: Name
    tenant: Name
    device: Name
    actor: Name
    at: Instant


class ConsentShown(Contract):
    """A consent as it stands: given, used up, taken back or expired."""

    consent: Consent
    standing: Literal["in_force", "used", "revoked", "expired"]
    used: int = Field(ge=0)
