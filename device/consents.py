"""What this laptop's person agreed to: signed with that person's key, scoped, and taken back at once.

Rules
1. Only what the technician's key signed counts, for this tenant, this laptop and this person, under its own id. What
   was forged, changed, or copied under another id is not even listed.
2. A consent names its place, class, purpose, job or task, and end. One for a single task is used up by the first task
   that leaves under it.
3. Taking back counts here from the moment it is saved; the server hears of it with the next sync round, and with the
   next question, whichever comes first, and from then on lets nothing leave under that consent.
4. Giving, using and taking back are evidence.

5. To a place to which the person said never, no consent is given, and nobody is asked for one, until that is taken
   back; what was agreed to for that place is taken back with it.

Which consents a crossing needs is the policies' business (`policies.boundary`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from device.errors import LocalError
from device.evidence import Evidence
from device.keys import DeviceKeys
from device.store import DeviceStore, Identity
from policies.consent import as_facts, standings
from policies.explain import PLACES
from shared import strict_json
from shared.consent import Consent, ConsentRevocation, ConsentShown, Reach
from shared.contract import Contract
from shared.envelope import CONSENT_TYPE, REVOCATION_TYPE, BadSignature, Envelope, seal, verify, wire_from
from shared.ports import Ports
from shared.routing import BOUNDARIES, Boundary, Consented, DataClass, Decision, Purpose

LIFE: dict[Reach, timedelta] = {"once": timedelta(hours=1), "job": timedelta(hours=12)}
LIFE_MAX = timedelta(days=31)
#: As many envelopes may go along with one question.
SENT_MAX = 16
_NEVERS = "consent_never"

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a consent is for.

    Args:
        target: the place that it lets data go to.
        data_class: up to which class.
        purpose: for which work.
        reach: one task, or one job.
        conversation: the task's id, or the job's.
    """

    target: Boundary
    data_class: DataClass
    purpose: Purpose
    reach: Reach
    conversation: str


class Consents:
    """The consents of one laptop."""

    def __init__(
        self, store: DeviceStore, identity: Identity, keys: DeviceKeys, evidence: Evidence, ports: Ports
    ) -> None:
        self._store, self._identity, self._key = store, identity, keys.technician
        self._evidence, self._ports = evidence, ports

    def give(self, scope: Scope, *, told: str, bundle_version: str, life: timedelta | None = None) -> Consent:
        """Sign and keep a consent.

        Args:
            scope: what it is for.
            told: the words of disclosure that the person saw.
            bundle_version: of the policies that asked for it.
            life: how long it holds; `LIFE` if None.

        Raises:
            LocalError: it would hold for too long, or not at all.
        """
        life, now = LIFE[scope.reach] if life is None else life, self._ports.clock.now()
        if scope.target in self.nevers():
            raise LocalError(
                f"You said that nothing shall be asked for {PLACES[scope.target]}. Take that back first with: "
                f"tailboard consent never --to {scope.target} --undo"
            )
        if not timedelta() < life <= LIFE_MAX:
            raise LocalError(f"A consent holds for at least a moment and at most {LIFE_MAX.days} days.")
        consent = Consent(
            id=self._ports.new_id(),
            tenant=self._identity.tenant,
            device=self._identity.device,
            actor=self._identity.actor,
            target=scope.target,
            data_class=scope.data_class,
            purpose=scope.purpose,
            reach=scope.reach,
            conversation=scope.conversation,
            given_at=now,
            expires_at=now + life,
            told=told[:400],
            bundle_version=bundle_version,
        )
        self._keep(consent)
        return consent

    def _keep(self, consent: Consent) -> None:
        envelope = seal(CONSENT_TYPE, consent.to_bytes(), self._key)
        with self._store.transaction():
            self._store.add_consent(consent.id, envelope.wire_json)
            self._note(consent, "given")

    def revoke(self, consent_id: str) -> Consent:
        """Take a consent back, from now on. Raises `LocalError` if there is none, or it was taken back already."""
        with self._store.transaction():
            shown = next((each for each in self.listed() if each.consent.id == consent_id), None)
            if shown is None:
                raise LocalError(f"There is no consent {consent_id} on this laptop. See: tailboard consent list")
            if shown.standing == "revoked":
                raise LocalError("That consent is taken back already.")
            consent = shown.consent
            said = ConsentRevocation(consent=consent.id, at=self._ports.clock.now(), **self._whose())
            envelope = seal(REVOCATION_TYPE, said.to_bytes(), self._key)
            self._store.add_revocation(consent.id, envelope.wire_json)
            self._note(consent, "revoked")
        return consent

    def never(self, target: Boundary) -> None:
        """From now on no consent for `target`, and no question about one; what was agreed to for it is taken back."""
        with self._store.transaction():
            for shown in self.listed():
                if shown.consent.target is target and shown.standing == "in_force":
                    self.revoke(shown.consent.id)
            self._keep_nevers(self.nevers() | {target})

    def ask_again(self, target: Boundary) -> None:
        """A consent for `target` may be asked for again."""
        with self._store.transaction():
            self._keep_nevers(self.nevers() - {target})

    def nevers(self) -> frozenset[Boundary]:
        """The places to which the person said never."""
        kept = (self._store.meta(_NEVERS) or "").split()
        return frozenset(place for place in BOUNDARIES if place.value in kept)

    def _keep_nevers(self, places: frozenset[Boundary]) -> None:
        self._store.set_meta(_NEVERS, " ".join(sorted(places)))

    def told(self) -> frozenset[str]:
        """The consents of which the server is known to have heard that they are taken back."""
        return self._store.revocations_told()

    def listed(self) -> list[ConsentShown]:
        """Every consent that this person really gave, and how it stands now; oldest first."""
        with self._store.transaction():
            kept = self._store.consents()
            given = [(each, used) for name, wire, used in kept if (each := self._given(name, wire))]
            revoked = [said for _, said in self._taken_back()]
        used = {each.id: count for each, count in given}
        return standings([each for each, _ in given], revoked, used, self._ports.clock.now())

    def facts(self, *, task: str | None, conversation: str | None) -> tuple[Consented, ...]:
        """What a decision about `task` in `conversation` may know of the consents in force.

        One that was given for a single task is for that task's conversation, and for no other task in it.
        """
        shown = [_for_this(each) for each in self.listed() if _reaches(each.consent, task, conversation)]
        facts = as_facts(shown, **self._whose())
        return tuple(each.model_copy(update={"conversation": conversation}) for each in facts)

    def use(self, decision: Decision, target: Boundary) -> None:
        """A task leaves for `target` under the consents that its decision rests on."""
        rests = [each.id for each in decision.request.consents if each.target is target]
        used = [each for each in rests if each in decision.consents]
        with self._store.transaction():
            self._store.use_consents(used)
            for shown in self.listed():
                if shown.consent.id in used:
                    self._note(shown.consent, "used")

    def envelopes(self, ids: Sequence[str]) -> tuple[dict[str, object], ...]:
        """The consents `ids` for the server, and besides what was taken back and would still hold; wire form."""
        now = self._ports.clock.now()
        with self._store.transaction():
            wires = {name: wire for name, wire, _ in self._store.consents() if name in ids}
            ends = {each.consent.id: each.consent.expires_at for each in self.listed()}
            revoked = [wire for wire, said in self._taken_back() if ends.get(said.consent, now) > now]
        chosen = [*(wires[each] for each in ids if each in wires), *reversed(revoked)][:SENT_MAX]
        return tuple(json.loads(each) for each in chosen)

    # -- what is believed

    def _given(self, name: str, wire: str) -> Consent | None:
        consent = self._read(wire, CONSENT_TYPE, Consent)
        return consent if consent and consent.id == name and self._ours(consent) else None

    def _taken_back(self) -> Iterator[tuple[str, ConsentRevocation]]:
        for wire in self._store.revocations():
            said = self._read(wire, REVOCATION_TYPE, ConsentRevocation)
            if said and self._ours(said):
                yield wire, said

    def _whose(self) -> dict[str, str]:
        who = self._identity
        return {"tenant": who.tenant, "device": who.device, "actor": who.actor}

    def _ours(self, said: Consent | ConsentRevocation) -> bool:
        return {"tenant": said.tenant, "device": said.device, "actor": said.actor} == self._whose()

    def _read(self, wire: str, payload_type: str, shape: type[C]) -> C | None:
        try:
            envelope: Envelope = wire_from(strict_json.parse(wire.encode()))
            verify(envelope, payload_type, self._key.public)
            return shape.model_validate(strict_json.parse(envelope.payload))
        except (BadSignature, ValueError):
            return None

    def _note(self, consent: Consent, act: str) -> None:
        self._evidence.note(
            "consent",
            act=act,
            consent=consent.id,
            target=consent.target.value,
            data_class=consent.data_class.value,
            purpose=consent.purpose,
            reach=consent.reach,
        )


def _reaches(consent: Consent, task: str | None, conversation: str | None) -> bool:
    wanted = task if consent.reach == "once" else conversation
    return wanted is not None and conversation is not None and consent.conversation == wanted


def _for_this(shown: ConsentShown) -> ConsentShown:
    """Used by the very task that it is for, a consent still holds for that task's next try."""
    again = shown.standing == "used" and shown.consent.reach == "once"
    return shown.model_copy(update={"standing": "in_force"}) if again else shown
