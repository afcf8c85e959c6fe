"""``attachment.added``: a photo or a file with readings on a job. Its bytes travel apart."""

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from shared.attachments import ATTACHMENT_BYTES_MAX, Attachment, MediaType
from shared.commands.base import FIELD_AND_STAFF, Command, Edit, Effect, Kind, Payload, Urgency
from shared.contract import Hash
from shared.records import FileName


def _small_enough(size: int) -> int:
    if size > ATTACHMENT_BYTES_MAX:
        raise ValueError(f"a file may have {ATTACHMENT_BYTES_MAX >> 20} MiB; this one has {size / (1 << 20):.1f}")
    return size


class AttachmentAdded(Payload):
    """The file with the hash `sha256`, `size` bytes long, called `name`."""

    kind = Kind("attachment.added", 1, "work_order", "Attach file", FIELD_AND_STAFF, priority=Urgency.LOW)

    sha256: Hash
    size: Annotated[int, Field(ge=1), AfterValidator(_small_enough)]
    media_type: MediaType
    name: FileName

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """One entry more on the work order, named after the command."""
        entry: dict[str, JsonValue] = {
            "id": command.id,
            **self.to_json(),
            "author": command.actor,
            "at": command.issued_at.isoformat(),
        }
        return (Edit(command.record, "attachments", entry),)

    def attachments(self) -> tuple[Attachment, ...]:
        """The one file."""
        return (Attachment(sha256=self.sha256, size=self.size, media_type=self.media_type),)

    def summary(self, label: str) -> str:
        """Name and size."""
        return f"{label}: file {self.name} ({max(self.size / (1 << 20), 0.1):.1f} MiB)"
