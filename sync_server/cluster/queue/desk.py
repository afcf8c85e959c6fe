"""The worker's side of the database: taking a task, deciding it again, writing down what became of it.

Rules
1. Each act is one transaction, and holds only under the fence of the lease that it was done under.
2. A task is decided again and marked as running in one transaction, durable before its first byte leaves.
3. The row and its ``assist_task`` record change together; the record only through a command of the service person.
4. Where an operator must look first (`sync_server.standing`), nothing is taken and nothing leaves.
5. What cannot be decided does not run. It is looked at again until its time is over.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from reconciliation.compose import Author
from shared.commands.assist_recorded import TaskRecorded
from shared.commands.assist_request import task_ref
from shared.commands.base import OFFICE, SERVICE_PERSON, Role
from shared.ids import record_ref
from shared.outcomes import EFFECTIVE
from shared.records import TaskStatus
from shared.routing import Boundary, Capability, Decision
from sync_server.cluster.consents import spend
from sync_server.cluster.queue.facts import Policy, asked_in
from sync_server.cluster.queue.port import QueuedTask
from sync_server.cluster.queue.steps import Done, Later, Limits, Over, Resting, Run, expired, first, waits
from sync_server.logs import where
from sync_server.service import Service, give
from sync_server.standing import refuse_if_stopped, stopped
from sync_server.store import TROUBLE, Entry, Person, TaskEntry, Tx

log = logging.getLogger("tailboard.server")
_SERVICE = Person(SERVICE_PERSON, "Tailboard", frozenset({Role.SERVICE}))


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A task that is marked as running: its row as it is then, the step, and what goes to the engine."""

    row: TaskEntry
    run: Run
    task: QueuedTask


class TaskDesk:
    """One worker's access to tasks. Every method blocks and raises as the store does."""

    def __init__(self, service: Service, policy: Policy, owner: str, limits: Limits) -> None:
        self._service, self._policy, self._owner, self._limits = service, policy, owner, limits

    def lease(self, now: datetime, until: datetime) -> TaskEntry | None:
        """The next task that is due, held until `until`; None if there is none."""

        def work(tx: Tx) -> TaskEntry | None:
            return tx.lease_task(self._owner, now, until, stopped(tx))

        return self._service.store.attempt(work)

    def dispatch(
        self, row: TaskEntry, known: Mapping[Boundary, Capability], now: datetime, until: datetime
    ) -> Dispatched | None:
        """Decide the task again, and mark it as running until `until` if it may run.

        None if it may not, which is written down then, or if somebody else took over.
        """
        command_id = self._service.ports.new_id()

        def work(tx: Tx) -> Dispatched | None:
            refuse_if_stopped(tx, row.tenant)
            step, decision, entry = self._judged(tx, row, known, now)
            if not isinstance(step, Run):
                self._move(tx, rest(row, step), step, decision, command_id)
                return None
            assert entry is not None, "only what was read can be decided"
            marked = replace(row, state=TaskStatus.RUNNING, attempts=row.attempts + 1, lease_until=until, detail="")
            moved = self._move(tx, marked, None, decision, command_id, leaving=entry)
            return Dispatched(marked, step, _task(marked, entry, step)) if moved else None

        return self._service.store.attempt(work)

    def settle(self, sent: Dispatched, result: Resting) -> bool:
        """Write down where the task rests now. False, and nothing is written, if somebody else took over."""
        command_id = self._service.ports.new_id()

        def work(tx: Tx) -> bool:
            refuse_if_stopped(tx, sent.row.tenant)
            return self._move(tx, rest(sent.row, result), result, sent.run.decision, command_id)

        return self._service.store.attempt(work)

    def holds(self, sent: Dispatched) -> bool:
        """Whether the task is still ours: nobody took over, and its author did not cancel it."""
        with self._service.store.transaction() as tx:
            return tx.holds_task(sent.row)

    # -- deciding again

    def _judged(
        self, tx: Tx, row: TaskEntry, known: Mapping[Boundary, Capability], now: datetime
    ) -> tuple[Run | Later | Over, Decision | None, Entry | None]:
        if over := expired(row, now):
            return over, None, None
        entry = tx.entries(row.tenant, [row.command]).get(row.command)
        if entry is None:
            return Over(TaskStatus.FAILED, "the server no longer has what was asked. Ask it again."), None, None
        ref = record_ref("approval", row.command)
        approval = tx.records(row.tenant, [ref]).get(ref)
        try:
            decision = self._policy.decide(tx, entry, approval, known, now)
        except TROUBLE:
            raise  # that is not the task's fault
        except Exception as error:  # noqa: BLE001  # what cannot be decided does not run, and stops no other
            log.error("a task could not be decided", extra={"command_id": row.command, **where(error)})
            return waits(row, now, self._limits, "the server could not decide where it may run"), None, entry
        return first(row, decision, now, self._limits), decision, entry

    # -- writing down

    def _move(
        self,
        tx: Tx,
        after: TaskEntry,
        result: Resting | None,
        decision: Decision | None,
        command_id: str,
        leaving: Entry | None = None,
    ) -> bool:
        """Row and record together, if the lease still holds; what is `leaving` spends its consents."""
        if not tx.move_task(after):
            return False
        told = TaskRecorded(
            status=after.state,
            attempts=after.attempts,
            decision=decision.hash if decision else None,
            bundle_version=decision.bundle_version if decision else "",
            route=decision.route if decision else None,
            detail=after.detail[:400],
            answer=result.answer if isinstance(result, Done) else None,
            truncated=isinstance(result, Done) and result.truncated,
        )
        spent: list[dict[str, str]] = []
        if leaving and decision:
            given = asked_in(leaving.command).consents
            spent = spend(tx, decision, after.command, given, self._service.ports.clock.now())
        self._record(tx, after, told, command_id, spent)
        return True

    def _record(
        self, tx: Tx, row: TaskEntry, told: TaskRecorded, command_id: str, notes: Sequence[Mapping[str, str]]
    ) -> None:
        """Bring the record of the task in line with its row; nothing, if it says the same already."""
        batch = self._service.batch(tx, row.tenant)
        ref = task_ref(row.command)
        record = batch.look(frozenset({ref})).get(ref)
        if record is None or (record.fields["status"], record.fields["detail"]) == (told.status, told.detail):
            return
        if tx.person(row.tenant, SERVICE_PERSON) != _SERVICE:
            tx.put_person(row.tenant, _SERVICE)
            batch.note(act="person", person=SERVICE_PERSON, roles=sorted(_SERVICE.roles))
        for note in notes:
            batch.note(**note)
        now = self._service.ports.clock.now()
        author = Author(command_id, row.tenant, OFFICE, SERVICE_PERSON, now, told.bundle_version[:40] or "service")
        give(self._service.pen(tx, row.tenant), batch, author, ref, told, {})
        batch.flush()
        entry = batch.entry(command_id)
        assert entry is not None, "it was given just now"
        assert entry.outcome in EFFECTIVE, f"the record of a task does not follow its row: {entry.outcome}"


def _task(row: TaskEntry, entry: Entry, run: Run) -> QueuedTask:
    asked = asked_in(entry.command)
    return QueuedTask(
        tenant=row.tenant,
        id=row.command,
        fence=row.fence,
        device=entry.command.device,
        actor=entry.command.actor,
        purpose=asked.purpose,
        prompt=asked.question,
        conversation=asked.conversation,
        data_class=run.decision.data_class,
        tier=asked.tier,
        output_tokens=asked.output_tokens,
        places=run.places,
        within_s=run.within_s,
        decision=run.decision.hash,
        bundle_version=run.decision.bundle_version,
        disclosure=run.decision.disclosure,
        consents=run.decision.request.consents,
        approved=run.decision.request.approved,
        laptop_approved=run.decision.request.device_approved,
    )


def rest(row: TaskEntry, result: Resting) -> TaskEntry:
    """The row with the lease given back and `result` in it."""
    free = replace(row, lease_owner=None, lease_until=None, not_before=None, detail="")
    match result:
        case Done():
            return replace(free, state=TaskStatus.DONE)
        case Over(status, detail):
            return replace(free, state=status, detail=detail)
        case Later(at, tries, detail, unsent):
            attempts = row.attempts - unsent
            return replace(
                free, state=TaskStatus.QUEUED, attempts=attempts, not_before=at, tries=tries, detail=detail
            )
        case _:
            assert_never(result)
