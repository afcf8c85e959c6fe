"""Who works here, what they may do, whose records they see, and the codes that enrol their laptops.

Rules
1. Other teams are another scope: in the same unit every laptop of that person is told to begin its copy anew, at a
   place of its own in the changes feed. So nothing that left stays, and nothing that entered is missed.
"""

from shared.commands.base import SERVICE_PERSON, Role
from shared.problems import Code, Refused
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, check_name, permit
from sync_server.service import CODE_LIFETIME, code_hash
from sync_server.store import EnrolCode, Person, Tx

#: Letters and digits that are not mistaken for one another when read aloud.
_CODE_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


class People(OfficePart):
    """People and enrolment codes."""

    def put_person(self, tenant: str, person: Person, actor: str | None = None) -> None:
        """Add somebody, or change name, roles and teams; the act is audited, with who did it.

        Args:
            tenant: where.
            person: as they are to be.
            actor: an administrator; None for whoever has the server's shell, who may be the first one.

        Raises:
            Refused: `malformed`, or `not_permitted`, `not_found` for the actor.
        """
        check_name("person", person.id)
        if person.id == SERVICE_PERSON or Role.SERVICE in person.roles:
            raise Refused(Code.MALFORMED, f"{SERVICE_PERSON} and the role {Role.SERVICE} are the server's own")
        for team in person.teams or ():
            check_name("team", team)

        def work(tx: Tx, batch: Batch) -> None:
            if actor is not None:
                permit(tx, tenant, actor, Role.ADMIN)
            before = tx.person(tenant, person.id)
            if before == person:
                return
            tx.put_person(tenant, person)
            teams = None if person.teams is None else sorted(person.teams)
            batch.note(act="person", person=person.id, roles=sorted(person.roles), teams=teams, actor=actor)
            if before and before.teams != person.teams:
                for device in tx.devices(tenant):
                    if device.actor == person.id:
                        batch.rescope(device.id)

        self._unit(tenant, work)

    def people(self, tenant: str) -> list[Person]:
        """Everybody, by id."""
        with self.service.store.transaction() as tx:
            return tx.people(tenant)

    def enrol_code(self, tenant: str, person: str, actor: str | None = None, *, waits: bool = False) -> str:
        """A fresh one-time code for a person's new device, as they will type it: ``XXXX-XXXX-XXXX``.

        Args:
            tenant: where.
            person: whose device it is to be.
            actor: an administrator; None for whoever has the server's shell.
            waits: the device does nothing before an administrator has compared its code and approved it.

        Raises:
            Refused: `not_found`, `not_permitted`.
        """
        ports = self.service.ports
        letters = "".join(_CODE_ALPHABET[byte % len(_CODE_ALPHABET)] for byte in ports.randomness.draw(12))
        code = "-".join(letters[at : at + 4] for at in (0, 4, 8))
        with self.service.store.transaction() as tx:
            if actor is not None:
                permit(tx, tenant, actor, Role.ADMIN)
            if person == SERVICE_PERSON or tx.person(tenant, person) is None:
                raise Refused(Code.NOT_FOUND, f"there is no person {person}; run: tailboard-server person add")
            ends = ports.clock.now() + CODE_LIFETIME
            tx.add_code(EnrolCode(code_hash(code), tenant, person, ends, None, waits))
        return code
