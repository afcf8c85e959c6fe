"""Bugs of the road to the cluster. The names that they spoil are given as text: nothing here is meant to fit."""

from typing import Any

from sqlalchemy import update

from shared.routing import Decision, Obstacle, Route
from simulators.mutants.base import put
from sync_server.cluster.queue import desk, facts, steps, worker
from sync_server.cluster.queue.facts import Policy
from sync_server.store import tasks as rows
from sync_server.store.tasks import TASK, Tasks


def not_decided_again() -> None:
    """What its author's laptop decided is good enough: what was queued runs."""
    decide = Policy.decide

    def as_it_came(self: Policy, *arguments: Any) -> Decision:
        told = decide(self, *arguments)
        if any(each.obstacle is Obstacle.NEEDS_APPROVAL for each in told.why_not):
            return told
        return told.model_copy(update={"route": Route.PRIVATE_CLUSTER})

    put(Policy, "decide", as_it_came)


def expiry_ignored() -> None:
    """A question is a question, however old."""
    for module in (desk, steps, worker):
        put(module, "expired", lambda *_: None)


def fence_ignored() -> None:
    """Whoever had a task once may write what became of it."""

    def change(self: Tasks, entry: Any, _fence: int) -> bool:
        this = (TASK.c.tenant == entry.tenant) & (TASK.c.command == entry.command)
        changed = update(TASK).where(this).values(fence=entry.fence, **rows._values(entry))  # noqa: SLF001
        return bool(self._do(changed).rowcount == 1)

    put(Tasks, "_change_task", change)


def lease_ignored() -> None:
    """The next task is whichever is not done, whoever has it."""
    lease = Tasks.lease_task

    def anybody(self: Tasks, *arguments: Any) -> Any:
        held = TASK.c.lease_until.is_not(None)
        self._do(update(TASK).where(held).values(lease_until=None))
        return lease(self, *arguments)

    put(Tasks, "lease_task", anybody)


def approval_not_asked() -> None:
    """Who asks for a lot gets a lot."""
    put(Policy, "asks", lambda *_: False)
    put(facts, "approves", lambda *_: True)
