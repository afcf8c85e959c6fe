"""What the server itself knows of a task, and the decision that follows.

Rules
1. Nothing is taken from the author's laptop but what the author signed: the question, what it is for, a class that
   can only be raised, and consents that are checked anew.
2. Approved means: somebody else approved the command whose envelope has this hash, and that is on record.
3. An approval is asked for where that, and only that, stands between a question and the cluster.
4. A laptop that is revoked or forked by now is not an approved one, whatever it was when it asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciliation.draft import Draft
from shared.commands import read_payload
from shared.commands.assist_request import TaskRequested
from shared.commands.base import OFFICE, Command
from shared.records import ApprovalStatus, Record
from shared.routing import (
    Boundary,
    Capability,
    Consented,
    DataClass,
    Decision,
    Link,
    Obstacle,
    Route,
    RouteRequest,
)
from sync_server.store import DeviceState, Entry, Tx

#: Where this server can have something run.
SERVED: tuple[Boundary, ...] = (Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD)

#: The route for a request, by the bundle in force for its tenant.
Choose = Callable[[Tx, RouteRequest, datetime], Decision]
#: The class that the server finds a question to be in, at least the one that was declared; None if it cannot tell.
Classify = Callable[[Tx, Command, TaskRequested], DataClass | None]
#: Those of a command's consents that are signed by their person and stand.
Consents = Callable[[Tx, Command, TaskRequested, datetime], tuple[Consented, ...]]


def as_declared(_tx: Tx, _command: Command, asked: TaskRequested) -> DataClass | None:
    """Nothing is looked for; the class is the one that its author's laptop found."""
    return asked.data_class


def none_count(_tx: Tx, _command: Command, _asked: TaskRequested, _now: datetime) -> tuple[Consented, ...]:
    """No consent counts: nothing is widened by what nobody here can check."""
    return ()


@dataclass(frozen=True, slots=True)
class Policy:
    """How questions are judged here."""

    choose: Choose
    classify: Classify = as_declared
    consents: Consents = none_count

    def decide(
        self, tx: Tx, entry: Entry, approval: Record | None, known: Mapping[Boundary, Capability], now: datetime
    ) -> Decision:
        """The decision about a settled `entry`, as things are `now`."""
        asked = asked_in(entry.command)
        consents = self.consents(tx, entry.command, asked, now)
        found = self.classify(tx, entry.command, asked)
        request = _request(
            entry.command,
            asked,
            found,
            known,
            consents,
            laptop_approved=_laptop_approved(tx, entry.command),
            approved=approves(approval, entry),
        )
        return self.choose(tx, request, now)

    def asks(self, tx: Tx, draft: Draft, now: datetime) -> bool:
        """Whether somebody else has to approve the question before it may run."""
        if not isinstance(draft.payload, TaskRequested):
            return False
        command, asked = draft.command, draft.payload
        consents = self.consents(tx, command, asked, now)
        found, laptop_approved = self.classify(tx, command, asked), _laptop_approved(tx, command)
        request = _request(command, asked, found, {}, consents, laptop_approved=laptop_approved, approved=False)
        decision = self.choose(tx, request, now)
        return any(each.obstacle is Obstacle.NEEDS_APPROVAL for each in decision.why_not if each.route in SERVED)


def _request(
    command: Command,
    asked: TaskRequested,
    found: DataClass | None,
    known: Mapping[Boundary, Capability],
    consents: tuple[Consented, ...],
    *,
    laptop_approved: bool,
    approved: bool,
) -> RouteRequest:
    return RouteRequest(
        tenant=command.tenant,
        device=command.device,
        actor=command.actor,
        purpose=asked.purpose,
        conversation=asked.conversation or command.id,
        data_class=found,
        input_chars=len(asked.question),
        output_tokens=asked.output_tokens,
        tier=asked.tier,
        device_approved=laptop_approved,
        link=Link.UP,
        known={place: each for place, each in known.items() if place in SERVED},
        consents=consents,
        approved=approved,
    )


def _laptop_approved(tx: Tx, command: Command) -> bool:
    """Whether the question comes from a laptop that may do its organisation's work now, or from the office."""
    if command.device == OFFICE:
        return True
    device = tx.device(command.tenant, command.device)
    return device is not None and device.state is DeviceState.ACTIVE


def asked_in(command: Command) -> TaskRequested:
    """The question in a command that is one, whatever the schema version in which it was asked."""
    payload = read_payload(command)
    assert isinstance(payload, TaskRequested), f"{command.kind} asks nothing"
    return payload


def approves(approval: Record | None, entry: Entry) -> bool:
    """Whether `approval` is somebody else's yes to exactly the bytes of `entry`."""
    if approval is None or approval.fields["status"] != ApprovalStatus.APPROVED:
        return False
    other = approval.fields["decided_by"] not in (None, entry.command.actor)
    return other and approval.fields["command_hash"] == entry.envelope.hash
