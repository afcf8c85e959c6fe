"""Questions that wait for the cluster: one row per task, as long as a worker has something to do with it.

Rules
1. A row is written in the transaction that settles its command; what it asks stays in the command and in its record.
2. Who works on a row holds a lease with a fence. Every lease has a higher fence than the one before, and a change
   under an old fence changes nothing: a worker that was away too long cannot write over the one that took over.
3. A row that came to its end is never leased again. It goes when its task's time has been over for long.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Index, Text, bindparam, delete, insert, or_, select, update
from sqlmodel import Field

from shared.contract import to_instant
from shared.records import TaskStatus
from sync_server.store.base import Fixed, Part, Table, one_of, table_of


class TaskRow(Table, table=True):
    """A question that waits for the cluster; instants are ISO 8601 in UTC with microseconds."""

    __tablename__ = "task"
    __table_args__ = (Index("task_due", "state", "not_before"),)
    tenant: str = Field(primary_key=True)
    command: str = Field(primary_key=True)
    state: str
    fence: int = 0
    attempts: int = 0
    tries: int = 0
    queued_at: str
    expires_at: str
    not_before: str | None = None
    lease_owner: str | None = None
    lease_until: str | None = None
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))


TASK = table_of(TaskRow)
_UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_PLAIN = ("state", "attempts", "tries", "lease_owner", "detail")
_INSTANTS = ("queued_at", "expires_at", "not_before", "lease_until")
_DUE = select(TASK).where(
    one_of(TASK.c.state, _UNFINISHED),
    or_(TASK.c.not_before.is_(None), TASK.c.not_before <= bindparam("now")),
    or_(TASK.c.lease_until.is_(None), TASK.c.lease_until <= bindparam("now")),
)
_ADD = Fixed(
    insert(TASK).values({name: bindparam(name) for name in ("tenant", "command", "fence", *_PLAIN, *_INSTANTS)})
)
_MOVE = Fixed(
    update(TASK)
    .where(TASK.c.tenant == bindparam("of"), TASK.c.command == bindparam("named"))
    .where(TASK.c.fence == bindparam("under"))
    .values({name: bindparam(name) for name in ("fence", *_PLAIN, *_INSTANTS)})
)


def _first_due(tenants: Any = None) -> Any:
    """The task that waits longest; only of `tenants`, a condition."""
    query = _DUE if tenants is None else _DUE.where(tenants)
    return query.order_by(TASK.c.queued_at, TASK.c.command).limit(1).with_for_update(skip_locked=True)


#: Every idle worker asks for it every few seconds.
_FIRST_DUE = Fixed(_first_due())


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A task and how far it is.

    Args:
        tenant: whose command it is.
        command: that asked it.
        state: as the ``assist_task`` record says it.
        queued_at: when its command took effect.
        expires_at: from when on it must not go anywhere, by the server's clock.
        fence: of the lease that last held it.
        attempts: how often it went to the cluster.
        tries: fruitless tries in a row.
        not_before: when a worker may take it again.
        lease_owner: the worker that has it, until `lease_until`.
        lease_until: when another worker may take it over.
        detail: why it is not done.
    """

    tenant: str
    command: str
    state: TaskStatus
    queued_at: datetime
    expires_at: datetime
    fence: int = 0
    attempts: int = 0
    tries: int = 0
    not_before: datetime | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None
    detail: str = ""


class Tasks(Part):
    """The rows of tasks."""

    def add_task(self, entry: TaskEntry) -> None:
        """A new task."""
        key = {"tenant": entry.tenant, "command": entry.command, "fence": entry.fence}
        self._do(_ADD, {**key, **_values(entry)})

    def task(self, tenant: str, command: str) -> TaskEntry | None:
        """A task by its command, held until the transaction ends."""
        this = (TASK.c.tenant == tenant) & (TASK.c.command == command)
        row = self._one(select(TASK).where(this).with_for_update())
        return _entry(row) if row else None

    def tasks_in(self, tenant: str, states: Collection[TaskStatus]) -> list[TaskEntry]:
        """The tenant's tasks in one of `states`, oldest first."""
        query = select(TASK).where(TASK.c.tenant == tenant, TASK.c.state.in_(sorted(states)))
        return [_entry(row) for row in self._all(query.order_by(TASK.c.queued_at, TASK.c.command))]

    def lease_task(
        self, owner: str, now: datetime, until: datetime, without: Collection[str] = ()
    ) -> TaskEntry | None:
        """The task that waits longest, leased to `owner`; None if nothing is due or free.

        Tenants in `without` are passed over.
        """
        first = _first_due(TASK.c.tenant.not_in(sorted(without))) if without else _FIRST_DUE
        row = self._one(first, now=_text(now))
        if row is None:
            return None
        leased = replace(_entry(row), fence=row.fence + 1, lease_owner=owner, lease_until=until)
        self._change_task(leased, row.fence)
        return leased

    def move_task(self, entry: TaskEntry) -> bool:
        """Write `entry` if its fence is still the row's. False, and nothing changed, if somebody took over."""
        return self._change_task(entry, entry.fence)

    def cancel_task(self, tenant: str, command: str) -> None:
        """A task that has not come to its end is cancelled; whoever has a lease of it loses it."""
        c = TASK.c
        this = (c.tenant == tenant) & (c.command == command) & c.state.in_(_UNFINISHED)
        free = {"lease_owner": None, "lease_until": None, "not_before": None, "detail": ""}
        self._do(update(TASK).where(this).values(state=TaskStatus.CANCELLED, fence=c.fence + 1, **free))

    def holds_task(self, entry: TaskEntry) -> bool:
        """Whether the lease under which `entry` was marked still holds."""
        this = (TASK.c.tenant == entry.tenant) & (TASK.c.command == entry.command)
        row = self._one(select(TASK.c.fence).where(this))
        return row is not None and row.fence == entry.fence

    def forget_ended_tasks(self, tenant: str, before: datetime) -> int:
        """Drop the tasks that came to their end and whose time was over before an instant; how many."""
        ended = (TASK.c.tenant == tenant) & TASK.c.state.not_in(_UNFINISHED) & (TASK.c.expires_at < _text(before))
        return int(self._do(delete(TASK).where(ended)).rowcount)

    def fence_tasks(self) -> None:
        """After a restore: whoever worked on a task in the server's life before has no lease in this one."""
        free = {"lease_owner": None, "lease_until": None, "fence": TASK.c.fence + 1}
        self._do(update(TASK).where(TASK.c.state.in_(_UNFINISHED)).values(free))

    def _change_task(self, entry: TaskEntry, fence: int) -> bool:
        this = {"of": entry.tenant, "named": entry.command, "under": fence}
        return bool(self._do(_MOVE, {**this, "fence": entry.fence, **_values(entry)}).rowcount == 1)


def _values(entry: TaskEntry) -> dict[str, Any]:
    at = {name: getattr(entry, name) for name in _INSTANTS}
    return {name: getattr(entry, name) for name in _PLAIN} | {name: each and _text(each) for name, each in at.items()}


def _text(at: datetime) -> str:
    """Instants of one length, so that their texts sort as they do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _entry(row: Any) -> TaskEntry:
    return TaskEntry(
        tenant=row.tenant,
        command=row.command,
        state=TaskStatus(row.state),
        queued_at=to_instant(row.queued_at),
        expires_at=to_instant(row.expires_at),
        fence=row.fence,
        attempts=row.attempts,
        tries=row.tries,
        not_before=row.not_before and to_instant(row.not_before),
        lease_owner=row.lease_owner,
        lease_until=row.lease_until and to_instant(row.lease_until),
        detail=row.detail,
    )
