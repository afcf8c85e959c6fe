"""What an administrator does: tenants, people, enrolment codes, imports, conflicts.

The command line and the console are two ways to it.

Rules
1. Records change through commands only, imports and sample data included.
2. What a person decides rests on what that person looked at: if it changed since, the decision is stale.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue, TypeAdapter

from shared.commands.base import SERVICE_PERSON, Payload, Role
from shared.commands.conflict_resolved import ConflictResolved, Place, place_of
from shared.commands.external_decided import ExternalDecided
from shared.commands.field_updated import FieldUpdated
from shared.commands.question_asked import QuestionAsked
from shared.commands.record_imported import RecordImported
from shared.commands.resolution_undone import ChangedSince, ResolutionUndone, restoration
from shared.contract import Name
from shared.ids import id_of, kind_of, record_ref
from shared.outcomes import FieldName, Outcome, Receipt
from shared.problems import Code, Refused
from shared.records import (
    Choice,
    Clash,
    Conflict,
    ConflictStatus,
    Record,
    Settlement,
    WriteStatus,
    waits_for_a_person,
)
from sync_server.imports import ImportPlan, plan
from sync_server.server_keys import OFFICE_KEY, RECEIPT_KEY
from sync_server.service import AUDIT_START, CODE_LIFETIME, Service, code_hash
from sync_server.store import Device, DeviceState, EnrolCode, OutgoingEntry, Person, Tx

#: Letters and digits that are not mistaken for one another when read aloud.
_CODE_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Pick:
    """What shall become of a clash; `value` is for `Choice.EDIT`."""

    choice: Choice
    value: JsonValue = None


class Office:
    """An administrator's work on one server."""

    def __init__(self, service: Service) -> None:
        self.service = service

    # -- tenants and people

    def add_tenant(self, tenant: str, name: str) -> bool:
        """Open an organisation with its keys. False if it is there already."""
        _check_name("tenant", tenant)
        with self.service.store.transaction() as tx:
            if tenant in tx.tenants():
                return False
            tx.add_tenant(tenant, name, AUDIT_START)
            for purpose in (OFFICE_KEY, RECEIPT_KEY):
                self.service.ring.make(tx, tenant, purpose, self.service.ports.randomness)
            if tx.server_value("incarnation") is None:
                tx.set_server_value("incarnation", "1")
        return True

    def the_tenant(self, asked: str | None) -> str:
        """The tenant that was asked for, or the only one. Raises `Refused` if that is not clear."""
        with self.service.store.transaction() as tx:
            tenants = list(tx.tenants())
        if asked in tenants or (asked is None and len(tenants) == 1):
            return asked or tenants[0]
        names = ", ".join(tenants) or "none; run: tailboard-server init"
        raise Refused(Code.NOT_FOUND, f"say --tenant with one of: {names}")

    def put_person(self, tenant: str, person: Person) -> None:
        """Add somebody, or change name and roles; the act is audited."""
        _check_name("person", person.id)
        if person.id == SERVICE_PERSON or Role.SERVICE in person.roles:
            raise Refused(Code.MALFORMED, f"{SERVICE_PERSON} and the role {Role.SERVICE} are the server's own")
        with self.service.store.transaction() as tx:
            if tx.person(tenant, person.id) == person:
                return
            tx.put_person(tenant, person)
            batch = self.service.batch(tx, tenant)
            batch.note(act="person", person=person.id, roles=sorted(person.roles))
            batch.flush()

    def people(self, tenant: str) -> list[Person]:
        """Everybody, by id."""
        with self.service.store.transaction() as tx:
            return tx.people(tenant)

    def enrol_code(self, tenant: str, person: str) -> str:
        """A fresh one-time code for a person's new device, as they will type it: ``XXXX-XXXX-XXXX``."""
        ports = self.service.ports
        letters = "".join(_CODE_ALPHABET[byte % len(_CODE_ALPHABET)] for byte in ports.randomness.draw(12))
        code = "-".join(letters[at : at + 4] for at in (0, 4, 8))
        with self.service.store.transaction() as tx:
            if person == SERVICE_PERSON or tx.person(tenant, person) is None:
                raise Refused(Code.NOT_FOUND, f"there is no person {person}; run: tailboard-server person add")
            tx.add_code(EnrolCode(code_hash(code), tenant, person, ports.clock.now() + CODE_LIFETIME, None))
        return code

    def devices(self, tenant: str) -> list[Device]:
        """Every laptop, by id."""
        with self.service.store.transaction() as tx:
            return tx.devices(tenant)

    def device(self, tenant: str, device: str) -> Device:
        """One laptop. Raises `Refused` if there is none."""
        found = {each.id: each for each in self.devices(tenant)}
        if device not in found:
            raise Refused(Code.NOT_FOUND, f"there is no device {device}; see: tailboard-server device list")
        return found[device]

    def revoke_device(self, tenant: str, device: str, actor: str, reason: str) -> None:
        """From now on the laptop may only upload, and what it brings is kept for review."""
        self._move_device(tenant, device, DeviceState.REVOKED, {"act": "revoked", "actor": actor, "why": reason})

    def readmit_device(self, tenant: str, device: str, actor: str, reason: str) -> None:
        """A revoked or forked laptop syncs again, in a new epoch; what is in quarantine stays there."""
        self._move_device(tenant, device, DeviceState.ACTIVE, {"act": "readmitted", "actor": actor, "why": reason})

    def _move_device(self, tenant: str, device: str, state: DeviceState, note: dict[str, str]) -> None:
        self.device(tenant, device)

        def unit(tx: Tx) -> None:
            batch = self.service.batch(tx, tenant)
            stored = batch.device(device)
            if stored.state is state:
                raise Refused(Code.STALE, f"{device} is {state} already")
            batch.set_device(replace(stored, state=state))
            if state is DeviceState.ACTIVE:
                batch.open_epoch(device, "readmitted")
            batch.note(device=device, **note)
            batch.flush()

        self.service.store.attempt(unit)

    # -- what records hold

    def records(self, tenant: str, kind: str) -> list[Record]:
        """Every record of a kind, by reference."""
        with self.service.store.transaction() as tx:
            return tx.records_of(tenant, kind)

    def record(self, tenant: str, ref: str) -> Record:
        """One record. Raises `Refused` if there is none."""
        with self.service.store.transaction() as tx:
            found = tx.records(tenant, [ref])
        if ref not in found:
            raise Refused(Code.NOT_FOUND, f"there is no {ref}")
        return found[ref]

    def set_field(self, tenant: str, actor: str, ref: str, name: str, value: JsonValue) -> Receipt:
        """Set one editable field as `actor`."""
        return self._give(tenant, actor, ref, FieldUpdated(field=name, value=value))

    def _give(self, tenant: str, actor: str, ref: str, payload: Payload) -> Receipt:
        return self.service.office(tenant, actor, [(ref, payload)])[0]

    # -- conflicts

    def conflicts(self, tenant: str, *, everything: bool = False) -> list[Record]:
        """The open conflicts, or all of them."""
        found = self.records(tenant, "conflict")
        return [each for each in found if everything or each.fields["status"] == ConflictStatus.OPEN]

    def conflict(self, tenant: str, named: str) -> tuple[Record, Conflict]:
        """One conflict, by its reference or its command's id. Raises `Refused` if there is none."""
        ref = named if "/" in named else record_ref("conflict", named)
        if kind_of(ref) != "conflict":
            raise Refused(Code.NOT_FOUND, f"{ref} is not a conflict; see: tailboard-server conflict list")
        record = self.record(tenant, ref)
        return record, Conflict.model_validate(record.fields)

    def resolve(
        self,
        tenant: str,
        actor: str,
        conflict: str,
        choice: Choice,
        reason: str,
        value: JsonValue = None,
        *,
        seen: int | None = None,
    ) -> Receipt:
        """Settle every clash of a conflict that still waits the same way; see `settle`.

        `Choice.ASK` leaves it open and asks the technician; `reason` is then the question.
        """
        if choice is Choice.ASK:
            return self.ask(tenant, actor, conflict, reason)
        _, body = self.conflict(tenant, conflict)
        waiting = body.unsettled()
        if choice is Choice.EDIT and len(waiting) > 1:
            raise Refused(Code.MALFORMED, "this conflict has several clashes; name the field that the value is for")
        picks = {place_of(clash): Pick(choice, value) for clash in waiting}
        return self.settle(tenant, actor, conflict, picks, reason, seen=seen)

    def settle(
        self,
        tenant: str,
        actor: str,
        conflict: str,
        picks: Mapping[Place, Pick],
        reason: str,
        *,
        seen: int | None = None,
    ) -> Receipt:
        """Settle some or all clashes of a conflict, each its own way.

        `seen` is the version of the records that the person looked at; None if they know what the conflict shows and
        no more, so that a later change of the field makes the decision stale.
        """
        record, body = self.conflict(tenant, conflict)
        waiting = {place_of(clash): clash for clash in body.unsettled()}
        if not picks or not picks.keys() <= waiting.keys():
            raise Refused(Code.MALFORMED, f"nothing of that waits for a decision in {id_of(record.ref)}")
        settlements = tuple(_settlement(waiting[place], pick) for place, pick in picks.items())
        try:
            closes = len(picks) == len(waiting)
            payload = ConflictResolved(settlements=settlements, reason=reason, closes=closes)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "the reason has more than 400 characters") from error
        clashes = [waiting[place] for place in picks]
        looked_at = {
            f"{each.record}:{each.field}": self._shown(tenant, body, each) if seen is None else seen
            for each in clashes
        }
        return self.service.office(tenant, actor, [(record.ref, payload)], looked_at)[0]

    def _shown(self, tenant: str, body: Conflict, clash: Clash) -> int:
        """The version at which a field is what its conflict shows: when it clashed, or when a decision was undone."""
        stamp = self.record(tenant, clash.record).stamp(clash.field)
        return stamp.version if stamp.command in {entry.command for entry in body.settled} else clash.version

    def undo(
        self, tenant: str, actor: str, conflict: str, reason: str, places: Collection[Place] | None = None
    ) -> Receipt:
        """Take back what was settled, all of it or at `places`: the values from before stand, the conflict waits.

        Raises:
            Refused: nothing of that is settled, or a field changed since.
        """
        record, body = self.conflict(tenant, conflict)
        standing = body.standing()
        chosen = list(standing) if places is None else list(places)
        if not chosen or not {*chosen} <= standing.keys():
            raise Refused(Code.MALFORMED, f"nothing of that is settled in {id_of(record.ref)}")
        entries = [standing[place] for place in chosen]
        try:
            restored = restoration(body, entries, {ref: self.record(tenant, ref) for ref, _ in chosen})
            taken_back = tuple(Settlement(**each.model_dump(include={*Settlement.model_fields})) for each in entries)
            payload = ResolutionUndone(settlements=taken_back, restored=restored, reason=reason)
        except ChangedSince as error:
            raise Refused(Code.STALE, f"{error}; decide anew by setting the field") from error
        except ValueError as error:
            raise Refused(Code.MALFORMED, "the reason has more than 400 characters") from error
        return self._give(tenant, actor, record.ref, payload)

    def ask(self, tenant: str, actor: str, ref: str, text: str, about: Place | None = None) -> Receipt:
        """Ask the technician about a work order, a conflict, or one clash of a conflict, which stays open."""
        subject = ref if "/" in ref else record_ref("conflict", ref)
        clash = FieldName(record=about[0], field=about[1]) if about else None
        try:
            payload = QuestionAsked(text=text, about=clash)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "a question has 1 to 4000 characters") from error
        return self._give(tenant, actor, self.record(tenant, subject).ref, payload)

    # -- writes to systems of record

    def external_writes(self, tenant: str, *, everything: bool = False) -> list[Record]:
        """The writes that wait for a person, or all of them."""
        found = self.records(tenant, "external_write")
        return [each for each in found if everything or waits_for_a_person(each.fields)]

    def outgoing(self, tenant: str, *, everything: bool = False) -> list[OutgoingEntry]:
        """The writes that are still on their way, or all of them, oldest first."""
        states = tuple(WriteStatus) if everything else (WriteStatus.QUEUED, WriteStatus.SENDING)
        with self.service.store.transaction() as tx:
            return tx.outgoing_in(tenant, states)

    def decide_external(
        self, tenant: str, actor: str, command: str, decision: ExternalDecided, *, seen: int | None = None
    ) -> Receipt:
        """Settle a write that the server could not settle alone.

        `seen` is the version of the write's record that the person looked at; None for the one that stands now.
        """
        ref = command if "/" in command else record_ref("external_write", command)
        if kind_of(ref) != "external_write":
            raise Refused(Code.NOT_FOUND, f"{ref} is not a write; see: tailboard-server parked list")
        self.record(tenant, ref)
        looked_at = {} if seen is None else {ref: seen}
        return self.service.office(tenant, actor, [(ref, decision)], looked_at)[0]

    # -- files that bring records

    def plan_import(self, tenant: str, kind: str, text: str, *, overwrite: bool = False) -> ImportPlan:
        """What a CSV file of `kind` would do (`sync_server.imports`). Raises `Refused` if it cannot be one."""
        standing = {record.ref: record for record in self.records(tenant, kind)}
        assets = {record.ref for record in self.records(tenant, "asset")}
        return plan(kind, text, standing, assets, overwrite=overwrite)

    def apply_import(self, tenant: str, actor: str, planned: ImportPlan) -> list[Receipt]:
        """Do what a plan without bad rows says. Raises `Refused` if it has some, or a row was not accepted."""
        if planned.bad:
            raise Refused(Code.MALFORMED, f"{len(planned.bad)} bad rows; nothing was imported")
        work: list[tuple[str, Payload]] = [
            (ref, RecordImported(fields=fields)) for ref, fields in {**planned.new, **planned.changes}.items()
        ]
        receipts = self.service.office(tenant, actor, work, planned.versions)
        for receipt in receipts:
            if receipt.outcome not in {Outcome.APPLIED, Outcome.MERGED}:
                raise Refused(Code.STALE, f"{receipt.detail}; run the import again")
        return receipts


def _settlement(clash: Clash, pick: Pick) -> Settlement:
    sides = {Choice.KEEP_MINE: clash.mine.value, Choice.TAKE_THEIRS: clash.theirs.value}
    value = sides.get(pick.choice, pick.value)
    return Settlement(record=clash.record, field=clash.field, choice=pick.choice, value=value)


def _check_name(what: str, name: str) -> None:
    """Raises `Refused` if `name` cannot be one."""
    try:
        _NAME.validate_python(name)
    except ValueError:
        words = f"{name!r} cannot be the short name of a {what}: letters, digits, . _ - and at most 64 of them"
        raise Refused(Code.MALFORMED, words) from None
