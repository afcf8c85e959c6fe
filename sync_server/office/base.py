"""What every part of the office's work stands on: one unit of work, and who may do it."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import TypeAdapter

from shared.commands.base import Payload, Role
from shared.contract import Name
from shared.ids import kind_of, record_ref
from shared.outcomes import Hold, Receipt
from shared.problems import Code, Refused
from shared.records import Record
from sync_server.batch import Batch
from sync_server.service import Service
from sync_server.standing import refuse_if_stopped
from sync_server.store import Entry, Person, Tx

T = TypeVar("T")
REASON_CHARS_MAX = 400
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class OfficePart:
    """One concern of the office; `sync_server.office.Office` puts them together."""

    def __init__(self, service: Service) -> None:
        self.service = service

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

    def entry(self, tenant: str, command: str) -> Entry | None:
        """A command as the ledger has it; None if it is not there, or no longer."""
        with self.service.store.transaction() as tx:
            return tx.entries(tenant, [command]).get(command)

    def _unit(self, tenant: str, work: Callable[[Tx, Batch], T]) -> T:
        """`work` in one unit, again as a whole where it had to give way. Raises `Refused`."""

        def unit(tx: Tx) -> T:
            refuse_if_stopped(tx, tenant)
            batch = self.service.batch(tx, tenant)
            done = work(tx, batch)
            batch.flush()
            return done

        return self.service.store.attempt(unit)

    def _give(
        self,
        tenant: str,
        actor: str,
        work: list[tuple[str, Payload]],
        seen: Mapping[str, int] | None = None,
        before: Callable[[Tx, Batch], None] | None = None,
    ) -> list[Receipt]:
        """Commands of `actor` (`Service.confirm`). Raises `Refused` (`approval_needed`) if one is kept for that."""
        entries = self.service.confirm(tenant, actor, work, seen, before)
        for entry in entries:
            _say_if_held(entry)
        return [entry.receipt for entry in entries if entry.receipt]


def permit(tx: Tx, tenant: str, actor: str, *roles: Role) -> Person:
    """The person, who has one of `roles`. Raises `Refused`: `not_found`, `not_permitted`."""
    person = tx.person(tenant, actor)
    if person is None:
        raise Refused(Code.NOT_FOUND, f"there is no person {actor} in {tenant}; see: tailboard-server person list")
    if not person.roles & set(roles):
        has = ", ".join(sorted(person.roles)) or "nothing"
        raise Refused(Code.NOT_PERMITTED, f"this takes {' or '.join(sorted(roles))}, and {actor} is {has}")
    return person


def reason_of(text: str) -> str:
    """A reason as it is kept. Raises `Refused` if there is none, or far too much."""
    reason = text.strip()
    if not reason or len(reason) > REASON_CHARS_MAX:
        raise Refused(Code.MALFORMED, f"give a reason of 1 to {REASON_CHARS_MAX} characters; it stays in the audit")
    return reason


def check_name(what: str, name: str) -> None:
    """Raises `Refused` if `name` cannot be one."""
    try:
        _NAME.validate_python(name)
    except ValueError:
        words = f"{name[:80]!r} cannot be the short name of a {what}: letters, digits, . _ - and at most 64 of them"
        raise Refused(Code.MALFORMED, words) from None


def ref_of(kind: str, named: str, listed_by: str | None = None) -> str:
    """A record of `kind` by its reference or its bare id.

    Raises:
        Refused: it is of another kind; the words name the verb that lists the right ones.
    """
    ref = named if "/" in named else record_ref(kind, named)
    if kind_of(ref) != kind:
        article = "an" if kind[0] in "aeiou" else "a"
        raise Refused(
            Code.NOT_FOUND, f"{ref} is not {article} {kind}; see: tailboard-server {listed_by or kind + ' list'}"
        )
    return ref


def _say_if_held(entry: Entry) -> None:
    if entry.hold is Hold.DEFERRED and entry.problem:
        words = f"{entry.command.record}: it takes effect when somebody else approves it, {entry.problem.detail}"
        raise Refused(Code.APPROVAL_NEEDED, words)
    if entry.hold is not None:
        code, why = (entry.problem.code, entry.problem.detail) if entry.problem else (Code.STALE, "it waits")
        raise Refused(code, f"{entry.command.record}: kept as {entry.command.id} and {entry.hold}: {why}")
