"""Who may sign in at the console, who is signed in, and who tried in vain.

Rules
1. Of a password only its hash is kept, of a session only the hash of its token.
2. A fruitless sign-in counts for the account and for the address it came from; keys of that table say which.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Field

from shared.contract import to_instant
from sync_server.store.base import Part, Table, sortable, table_of


class AccountRow(Table, table=True):
    """What a person signs in with."""

    __tablename__ = "account"
    tenant: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    password_hash: str
    set_at: str


class ConsoleSessionRow(Table, table=True):
    """A browser that is signed in; instants are ISO 8601 in UTC."""

    __tablename__ = "console_session"
    token_hash: str = Field(primary_key=True)
    tenant: str = Field(index=True)
    person: str
    begun_at: str
    seen_at: str = Field(index=True)


class FruitlessRow(Table, table=True):
    """Sign-ins in vain, one after the other; `key` is an account or an address."""

    __tablename__ = "sign_in_fruitless"
    key: str = Field(primary_key=True)
    times: int
    last_at: str = Field(index=True)


ACCOUNT, SESSION, FRUITLESS = table_of(AccountRow), table_of(ConsoleSessionRow), table_of(FruitlessRow)


@dataclass(frozen=True, slots=True)
class Account:
    """What a person signs in with."""

    person: str
    password_hash: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A browser that is signed in; `seen_at` is about when it last asked for something."""

    token_hash: str
    tenant: str
    person: str
    begun_at: datetime
    seen_at: datetime


class Accounts(Part):
    """Accounts, sessions, fruitless sign-ins."""

    def put_account(self, tenant: str, account: Account) -> None:
        """Keep an account, in the place of that person's earlier one."""
        values = {"password_hash": account.password_hash, "set_at": sortable(account.set_at)}
        statement = self._insert(ACCOUNT).values(tenant=tenant, person=account.person, **values)
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "person"], set_=values))

    def account(self, tenant: str, person: str) -> Account | None:
        """A person's account; None if they have none."""
        row = self._one(select(ACCOUNT).where(ACCOUNT.c.tenant == tenant, ACCOUNT.c.person == person))
        return None if row is None else Account(row.person, row.password_hash, to_instant(row.set_at))

    def accounts(self, tenant: str) -> list[Account]:
        """Every account, by person."""
        rows = self._all(select(ACCOUNT).where(ACCOUNT.c.tenant == tenant).order_by(ACCOUNT.c.person))
        return [Account(row.person, row.password_hash, to_instant(row.set_at)) for row in rows]

    def drop_account(self, tenant: str, person: str) -> bool:
        """Forget an account. False if there was none."""
        gone = self._do(delete(ACCOUNT).where(ACCOUNT.c.tenant == tenant, ACCOUNT.c.person == person))
        return bool(gone.rowcount)

    def add_session(self, session: ConsoleSession) -> None:
        """A browser signed in."""
        at = {"begun_at": sortable(session.begun_at), "seen_at": sortable(session.seen_at)}
        key = {"token_hash": session.token_hash, "tenant": session.tenant, "person": session.person}
        self._do(self._insert(SESSION).values(**key, **at))

    def session(self, token_hash: str) -> ConsoleSession | None:
        """A session by the hash of its token."""
        row = self._one(select(SESSION).where(SESSION.c.token_hash == token_hash))
        return None if row is None else _session(row)

    def see_session(self, token_hash: str, at: datetime) -> None:
        """It asked for something."""
        self._do(update(SESSION).where(SESSION.c.token_hash == token_hash).values(seen_at=sortable(at)))

    def end_session(self, token_hash: str) -> None:
        """Sign one browser out."""
        self._do(delete(SESSION).where(SESSION.c.token_hash == token_hash))

    def end_sessions(self, tenant: str, person: str) -> int:
        """Sign a person out everywhere; of how many browsers."""
        theirs = (SESSION.c.tenant == tenant) & (SESSION.c.person == person)
        return int(self._do(delete(SESSION).where(theirs)).rowcount)

    def drop_sessions(self, unseen_since: datetime) -> None:
        """Forget the sessions that asked for nothing since."""
        self._do(delete(SESSION).where(SESSION.c.seen_at < sortable(unseen_since)))

    def fruitless(self, key: str) -> tuple[int, datetime] | None:
        """How often in a row a sign-in was in vain, and when last; None for never."""
        row = self._one(select(FRUITLESS).where(FRUITLESS.c.key == key).with_for_update())
        return None if row is None else (row.times, to_instant(row.last_at))

    def note_fruitless(self, key: str, times: int, at: datetime) -> None:
        """Another one was in vain, which makes so many."""
        values = {"times": times, "last_at": sortable(at)}
        statement = self._insert(FRUITLESS).values(key=key, **values)
        self._do(statement.on_conflict_do_update(index_elements=["key"], set_=values))

    def forget_fruitless(self, key: str) -> None:
        """One was not in vain."""
        self._do(delete(FRUITLESS).where(FRUITLESS.c.key == key))

    def drop_fruitless(self, before: datetime) -> None:
        """Forget what is long ago."""
        self._do(delete(FRUITLESS).where(FRUITLESS.c.last_at < sortable(before)))


def _session(row: Any) -> ConsoleSession:
    return ConsoleSession(row.token_hash, row.tenant, row.person, to_instant(row.begun_at), to_instant(row.seen_at))
