"""Questions that were left for the cluster: what waits, what became of them."""

from dataclasses import dataclass

from shared.commands.assist_request import task_ref
from shared.ids import id_of
from shared.problems import Code, Refused
from shared.records import TASK_ENDS, AssistTask, Record, TaskStatus
from sync_server.office.base import OfficePart, ref_of
from sync_server.store import TaskEntry

#: A task in one of these has not come to its end.
UNFINISHED = tuple(status for status in TaskStatus if status not in TASK_ENDS)


@dataclass(frozen=True, slots=True)
class TaskShown:
    """A task as its record says it, and how far the server is with it."""

    record: Record
    task: AssistTask
    row: TaskEntry


class AssistTasks(OfficePart):
    """Questions that were left for the cluster."""

    def tasks(self, tenant: str, *, everything: bool = False) -> list[TaskShown]:
        """Those that wait or run, or all of them, oldest first."""
        states = tuple(TaskStatus) if everything else UNFINISHED
        with self.service.store.transaction() as tx:
            rows = tx.tasks_in(tenant, states)
            records = tx.records(tenant, [task_ref(row.command) for row in rows])
        return [_shown(records[task_ref(row.command)], row) for row in rows]

    def task(self, tenant: str, named: str) -> TaskShown:
        """One task by its record or its command. Raises `Refused` if there is none."""
        ref = ref_of("assist_task", named, "task list")
        record = self.record(tenant, ref)
        with self.service.store.transaction() as tx:
            row = tx.task(tenant, id_of(ref))
        if row is None:
            raise Refused(Code.NOT_FOUND, f"nothing is known of {ref} any more but its record")
        return _shown(record, row)


def _shown(record: Record, row: TaskEntry) -> TaskShown:
    return TaskShown(record, AssistTask.model_validate(record.fields), row)
