"""The rows of tasks, as a unit of work leaves them: added and cancelled in the transaction that settles commands."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from reconciliation.decide import Ruling
from shared.commands.assist_cancelled import TaskCancelled
from shared.commands.assist_request import TaskRequested, task_ref
from shared.ids import id_of
from shared.records import TaskStatus
from sync_server.cluster.queue.facts import asked_in
from sync_server.store import Entry, TaskEntry, Tx


def add_tasks(tx: Tx, tenant: str, settled: Iterable[tuple[Entry, Ruling]], now: datetime) -> None:
    """Add a row for each of `settled` whose ruling created a task."""
    for entry, ruling in settled:
        ref = task_ref(entry.command.id)
        if entry.command.kind == TaskRequested.kind.name and any(each.ref == ref for each in ruling.writes):
            tx.add_task(TaskEntry(tenant, entry.command.id, TaskStatus.QUEUED, now, expiry_of(entry)))


def cancel_tasks(tx: Tx, tenant: str, settled: Iterable[tuple[Entry, Ruling]]) -> None:
    """End the rows of the tasks that `settled` cancelled: whoever works on one has no lease any more."""
    for entry, ruling in settled:
        subject = entry.command.record
        if entry.command.kind == TaskCancelled.kind.name and any(each.ref == subject for each in ruling.writes):
            tx.cancel_task(tenant, id_of(subject))


def expiry_of(entry: Entry) -> datetime:
    """From when on a task must not go anywhere, by the server's clock: the earlier of its author's two instants."""
    told = [at for at in (entry.command.expires_at, asked_in(entry.command).needed_by) if at is not None]
    return min(told) - timedelta(seconds=entry.offset_s)
