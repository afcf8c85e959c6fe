"""``approval.decided``: somebody else than its author says yes or no to a command that needs it."""

from typing import Annotated

from pydantic import Field

from shared.commands.base import Command, Edit, Effect, Kind, Payload, Records, Role
from shared.records import ApprovalChoice, ApprovalStatus

_STATUS = {ApprovalChoice.APPROVE: ApprovalStatus.APPROVED, ApprovalChoice.REFUSE: ApprovalStatus.REFUSED}


class ApprovalDecided(Payload):
    """The `choice`, for exactly the round of the approval that the approver was shown, and a reason."""

    kind = Kind("approval.decided", 1, "approval", "Decide approval", frozenset({Role.APPROVER}))

    choice: ApprovalChoice
    reason: Annotated[str, Field(max_length=400)] = ""

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The answer and who gave it; stale if the question was asked anew, because that sets every field."""
        return (
            Edit(command.record, "status", _STATUS[self.choice]),
            Edit(command.record, "decided_by", command.actor, decided=True),
            Edit(command.record, "reason", self.reason, decided=True),
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """Only an open question has an answer, and nobody answers their own."""
        approval = records[command.record].fields
        if approval["status"] != ApprovalStatus.PENDING:
            return f"{command.record} is already {approval['status']}"
        if approval["requested_by"] == command.actor:
            return "nobody approves their own command; somebody else must decide"
        return None

    def summary(self, label: str) -> str:
        """The answer."""
        return f"{label}: {_STATUS[self.choice]}"
