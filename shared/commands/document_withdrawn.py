"""``document.withdrawn``: from now on no laptop answers from a document."""

from typing import Annotated

from pydantic import Field

from shared.commands.base import Command, Edit, Effect, Kind, Payload
from shared.commands.document_added import LIBRARIANS
from shared.records import DocumentStatus


class DocumentWithdrawn(Payload):
    """Why nobody shall read it any more. Laptops forget its text; the record stays."""

    kind = Kind("document.withdrawn", 1, "document", "Withdraw document", LIBRARIANS)

    reason: Annotated[str, Field(min_length=1, max_length=400)]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The status, and why."""
        return (
            Edit(command.record, "status", DocumentStatus.WITHDRAWN),
            Edit(command.record, "reason", self.reason),
        )

    def summary(self, label: str) -> str:
        """The reason."""
        return f"{label}: withdrawn, {self.reason}"
