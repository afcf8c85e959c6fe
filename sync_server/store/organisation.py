"""The server's named values, organisations with the ends of their sequences, and the people in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Column, Text, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field

from shared.commands.base import Role
from shared.problems import Code, Refused
from sync_server.store.base import Fixed, Part, Table, table_of


class ServerRow(Table, table=True):
    """Named single values of this server."""

    __tablename__ = "server"
    key: str = Field(primary_key=True)
    value: str = Field(sa_column=Column(Text, nullable=False))


class TenantRow(Table, table=True):
    """An organisation, with the head of its changes feed and of its audit chain.

    `removals_from` is the place in the feed from which removals are kept; `settings` is a JSON object.
    """

    __tablename__ = "tenant"
    id: str = Field(primary_key=True)
    name: str
    change_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    audit_position: int = Field(sa_column=Column(BigInteger, nullable=False))
    audit_hash: str
    removals_from: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    settings: str = Field(sa_column=Column(Text, nullable=False, server_default="{}"))


class PersonRow(Table, table=True):
    """Somebody who works there; `roles` and `teams` are JSON lists, `teams` null for everything."""

    __tablename__ = "person"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    roles: str
    teams: str | None = None


SERVER, TENANT, PERSON = table_of(ServerRow), table_of(TenantRow), table_of(PersonRow)
_VALUE = Fixed(select(SERVER.c.value).where(SERVER.c.key == bindparam("named")))
_VALUES = Fixed(select(SERVER.c.key, SERVER.c.value))
_THIS_TENANT = select(TENANT).where(TENANT.c.id == bindparam("named"))
_TENANT, _TENANT_LOCKED = Fixed(_THIS_TENANT), Fixed(_THIS_TENANT.with_for_update())
_TENANTS = Fixed(select(TENANT.c.id, TENANT.c.name).order_by(TENANT.c.id))
_MOVE_ON = Fixed(
    update(TENANT)
    .where(TENANT.c.id == bindparam("named"))
    .values({name: bindparam(name) for name in ("change_seq", "audit_position", "audit_hash")})
)
_PERSON = Fixed(select(PERSON).where(PERSON.c.tenant == bindparam("of"), PERSON.c.id == bindparam("named")))
_PEOPLE = Fixed(select(PERSON).where(PERSON.c.tenant == bindparam("of")).order_by(PERSON.c.id))


@dataclass(frozen=True, slots=True)
class TenantHead:
    """The ends of a tenant's two sequences."""

    change_seq: int
    audit_position: int
    audit_hash: str


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """What an organisation decides for itself. `newest` names fields (``kind.field``) that server order settles."""

    newest: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works there. `teams` are those whose records they see; None for all records."""

    id: str
    name: str
    roles: frozenset[Role]
    teams: frozenset[str] | None = field(default=None)


class Organisation(Part):
    """Server values, tenants, people."""

    def server_value(self, key: str) -> str | None:
        """A named value of this server."""
        row = self._one(_VALUE, named=key)
        return row.value if row else None

    def server_values(self) -> dict[str, str]:
        """Every named value of this server."""
        return {row.key: row.value for row in self._all(_VALUES)}

    def set_server_value(self, key: str, value: str) -> None:
        """Set a named value of this server."""
        statement = self._insert(SERVER).values(key=key, value=value)
        self._do(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    def drop_server_value(self, key: str) -> None:
        """Forget a named value of this server."""
        self._do(SERVER.delete().where(SERVER.c.key == key))

    def add_tenant(self, tenant: str, name: str, audit_hash: str) -> None:
        """A new organisation with empty sequences. Raises `Refused` if there is one of that name."""
        values = {"id": tenant, "name": name, "change_seq": 0, "audit_position": 0, "audit_hash": audit_hash}
        try:
            self._do(insert(TENANT).values({**values, "removals_from": 0, "settings": "{}"}))
        except IntegrityError as error:
            raise Refused(Code.STALE, f"there is a tenant {tenant} already") from error

    def tenants(self) -> dict[str, str]:
        """Tenant id → name."""
        return {row.id: row.name for row in self._all(_TENANTS)}

    def lock_head(self, tenant: str) -> TenantHead:
        """The ends of the tenant's sequences, held until the transaction ends. Take it last."""
        row = self._one(_TENANT_LOCKED, named=tenant)
        return TenantHead(row.change_seq, row.audit_position, row.audit_hash)

    def head(self, tenant: str) -> TenantHead:
        """The ends of the tenant's sequences, as they stand now."""
        row = self._one(_TENANT, named=tenant)
        return TenantHead(row.change_seq, row.audit_position, row.audit_hash)

    def set_head(self, tenant: str, head: TenantHead) -> None:
        """Move the ends on."""
        values = {
            "change_seq": head.change_seq,
            "audit_position": head.audit_position,
            "audit_hash": head.audit_hash,
        }
        self._do(_MOVE_ON, {"named": tenant, **values})

    def removals_from(self, tenant: str) -> int:
        """The place in the feed from which removals are kept."""
        return int(self._one(_TENANT, named=tenant).removals_from)

    def keep_removals_from(self, tenant: str, place: int) -> None:
        """Removals are kept from `place` on; it never goes back."""
        later = and_(TENANT.c.id == tenant, TENANT.c.removals_from < place)
        self._do(update(TENANT).where(later).values(removals_from=place))

    def settings(self, tenant: str) -> TenantSettings:
        """What the organisation decided for itself."""
        row = self._one(_TENANT, named=tenant)
        told: Mapping[str, Any] = json.loads(row.settings)
        return TenantSettings(frozenset(told.get("newest", ())))

    def put_settings(self, tenant: str, settings: TenantSettings) -> None:
        """Keep what the organisation decided for itself."""
        told = json.dumps({"newest": sorted(settings.newest)})
        self._do(update(TENANT).where(TENANT.c.id == tenant).values(settings=told))

    def put_person(self, tenant: str, person: Person) -> None:
        """Add somebody, or change name, roles and teams."""
        teams = None if person.teams is None else json.dumps(sorted(person.teams))
        values = {"name": person.name, "roles": json.dumps(sorted(person.roles)), "teams": teams}
        statement = self._insert(PERSON).values(tenant=tenant, id=person.id, **values)
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "id"], set_=values))

    def person(self, tenant: str, person: str) -> Person | None:
        """Somebody by id."""
        row = self._one(_PERSON, of=tenant, named=person)
        return _person(row) if row else None

    def people(self, tenant: str) -> list[Person]:
        """Everybody, by id."""
        return [_person(row) for row in self._all(_PEOPLE, of=tenant)]


def _person(row: Any) -> Person:
    teams = None if row.teams is None else frozenset(json.loads(row.teams))
    return Person(row.id, row.name, frozenset(Role(role) for role in json.loads(row.roles)), teams)
