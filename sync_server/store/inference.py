"""What the gateway to the models remembers: tasks, classes of conversations, consents taken back, programs."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field

from shared.problems import Code, Refused
from shared.routing import DataClass, highest
from sync_server.store.base import Part, Table, table_of


class InferenceTaskRow(Table, table=True):
    """A task that came, and the hash of the bytes that it came in."""

    __tablename__ = "inference_task"
    tenant: str = Field(primary_key=True)
    task: str = Field(primary_key=True)
    hash: str
    came_at: str = Field(index=True)


class ConversationRow(Table, table=True):
    """The highest class that was ever in a conversation."""

    __tablename__ = "conversation"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    data_class: str
    last_at: str = Field(index=True)


class RevokedConsentRow(Table, table=True):
    """A consent that its giver took back."""

    __tablename__ = "consent_revoked"
    tenant: str = Field(primary_key=True)
    actor: str = Field(primary_key=True)
    consent: str = Field(primary_key=True)
    revoked_at: str


class SpentConsentRow(Table, table=True):
    """A consent that a task which was left in the queue has left under."""

    __tablename__ = "consent_spent"
    tenant: str = Field(primary_key=True)
    actor: str = Field(primary_key=True)
    consent: str = Field(primary_key=True)
    task: str
    spent_at: str


class ClientRow(Table, table=True):
    """A program that may ask; `key_hash` is all that is kept of its key."""

    __tablename__ = "client"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    key_hash: str = Field(unique=True, index=True)
    data_class: str
    added_at: str
    revoked_at: str | None = None


TASK, CONVERSATION = table_of(InferenceTaskRow), table_of(ConversationRow)
REVOKED, SPENT, CLIENT = table_of(RevokedConsentRow), table_of(SpentConsentRow), table_of(ClientRow)
_HASH = select(TASK.c.hash).where(TASK.c.tenant == bindparam("of"), TASK.c.task == bindparam("named"))
_CLASS = select(CONVERSATION.c.data_class).where(
    CONVERSATION.c.tenant == bindparam("of"), CONVERSATION.c.id == bindparam("named")
)
_IS_REVOKED = select(REVOKED.c.consent).where(
    REVOKED.c.tenant == bindparam("of"), REVOKED.c.actor == bindparam("by"), REVOKED.c.consent == bindparam("named")
)
_SPENT_BY = select(SPENT.c.task).where(
    SPENT.c.tenant == bindparam("of"), SPENT.c.actor == bindparam("by"), SPENT.c.consent == bindparam("named")
)
_BY_KEY = select(CLIENT).where(CLIENT.c.key_hash == bindparam("hashed"))


@cache
def _add(inserted: Any, row: type[Table], *key: str) -> Any:
    """An insert that does nothing where there is one; `inserted` is the dialect's own insert."""
    table = table_of(row)
    return inserted(table).on_conflict_do_nothing(index_elements=list(key)).returning(table.c[key[-1]])


@dataclass(frozen=True, slots=True)
class Client:
    """A program of a tenant. What it asks is at least of the class `data_class`."""

    tenant: str
    id: str
    data_class: DataClass
    added_at: str
    revoked_at: str | None = None


class Inference(Part):
    """The gateway's memory."""

    def claim_task(self, tenant: str, task: str, digest: str, at: datetime) -> bool:
        """Remember that `task` came in bytes of that hash. False if it came before in other bytes."""
        values = {"tenant": tenant, "task": task, "hash": digest, "came_at": at.isoformat()}
        if self._one(_add(self._insert, InferenceTaskRow, "tenant", "task"), **values) is not None:
            return True
        known = self._one(_HASH, of=tenant, named=task)
        return known is not None and known.hash == digest

    def forget_tasks(self, before: datetime) -> None:
        """Drop the tasks that are too old to come again."""
        self._do(delete(TASK).where(TASK.c.came_at < before.isoformat()))

    def conversation_class(self, tenant: str, conversation: str) -> DataClass:
        """The highest class that was in a conversation so far; of an unknown one, the lowest."""
        row = self._one(_CLASS, of=tenant, named=conversation)
        return DataClass(row.data_class) if row else DataClass.PUBLIC

    def raise_conversation(self, tenant: str, conversation: str, found: DataClass, at: datetime) -> DataClass:
        """Note that `found` came into a conversation; its class from now on, which never falls."""
        risen = highest(found, self.conversation_class(tenant, conversation))
        values = {"data_class": risen.value, "last_at": at.isoformat()}
        statement = self._insert(CONVERSATION).values(tenant=tenant, id=conversation, **values)
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "id"], set_=values))
        return risen

    def forget_conversations(self, before: datetime) -> None:
        """Drop the conversations in which nothing was said since `before`."""
        self._do(delete(CONVERSATION).where(CONVERSATION.c.last_at < before.isoformat()))

    def revoke_consent(self, tenant: str, actor: str, consent: str, at: datetime) -> bool:
        """Its giver took a consent back, for good. False if that was known."""
        values = {"tenant": tenant, "actor": actor, "consent": consent, "revoked_at": at.isoformat()}
        return self._one(_add(self._insert, RevokedConsentRow, "tenant", "actor", "consent"), **values) is not None

    def consent_revoked(self, tenant: str, actor: str, consent: str) -> bool:
        """Whether its giver took it back."""
        return self._one(_IS_REVOKED, of=tenant, by=actor, named=consent) is not None

    def spend_consent(self, tenant: str, actor: str, consent: str, task: str, at: datetime) -> bool:
        """`task` leaves under a consent. False if one did before."""
        values = {"tenant": tenant, "actor": actor, "consent": consent, "task": task, "spent_at": at.isoformat()}
        return self._one(_add(self._insert, SpentConsentRow, "tenant", "actor", "consent"), **values) is not None

    def consent_spent(self, tenant: str, actor: str, consent: str) -> str | None:
        """The task that left under a consent; None if none did."""
        row = self._one(_SPENT_BY, of=tenant, by=actor, named=consent)
        return row.task if row else None

    def add_client(self, client: Client, key_hash: str) -> None:
        """A new program. Raises `Refused` if there is one of that name."""
        values = {
            "tenant": client.tenant,
            "id": client.id,
            "key_hash": key_hash,
            "data_class": client.data_class.value,
            "added_at": client.added_at,
        }
        try:
            self._do(CLIENT.insert().values(values))
        except IntegrityError as error:
            raise Refused(
                Code.STALE, f"there is a client {client.id} already; revoke it, or take another name"
            ) from error

    def client_by_key(self, key_hash: str) -> Client | None:
        """The program whose key has that hash, revoked or not."""
        row = self._one(_BY_KEY, hashed=key_hash)
        return _client(row) if row else None

    def clients(self, tenant: str) -> list[Client]:
        """Every program of a tenant, by id."""
        return [
            _client(row) for row in self._all(select(CLIENT).where(CLIENT.c.tenant == tenant).order_by(CLIENT.c.id))
        ]

    def revoke_client(self, tenant: str, client: str, at: datetime) -> bool:
        """A program may ask no more. False if there is none that could."""
        active = (CLIENT.c.tenant == tenant) & (CLIENT.c.id == client) & CLIENT.c.revoked_at.is_(None)
        return (
            self._one(update(CLIENT).where(active).values(revoked_at=at.isoformat()).returning(CLIENT.c.id))
            is not None
        )


def _client(row: Any) -> Client:
    return Client(row.tenant, row.id, DataClass(row.data_class), row.added_at, row.revoked_at)
