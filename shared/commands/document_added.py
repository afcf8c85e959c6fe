"""``document.added``: the office gives laptops a document to answer from, or a newer revision of one."""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue

from shared.attachments import Attachment, MediaType
from shared.commands.base import Command, Creation, Edit, Effect, Kind, Payload, Records, Role
from shared.contract import Hash, Name
from shared.documents import DOCUMENT_BYTES_MAX, TYPES
from shared.records import DocumentStatus, FileName
from shared.routing import DataClass

LIBRARIANS = frozenset({Role.ADMIN, Role.DISPATCHER})
#: What a revision is: taken as a whole, or not at all.
_REVISION = frozenset(
    f"document.{name}"
    for name in ("title", "file", "media_type", "sha256", "size", "revision", "data_class", "valid_until", "team")
)


def _small_enough(size: int) -> int:
    if size > DOCUMENT_BYTES_MAX:
        raise ValueError(f"a document may have {DOCUMENT_BYTES_MAX >> 20} MiB; this one has {size / (1 << 20):.1f}")
    return size


class DocumentAdded(Payload):
    """The document as a whole. A base version of 0 makes it; any other gives what is there this revision.

    Two people who give two revisions at once have a conflict, which names all of both.
    """

    kind = Kind("document.added", 1, "document", "Add document", LIBRARIANS, atomic=(_REVISION,))

    title: Annotated[str, Field(min_length=1, max_length=120)]
    file: FileName
    media_type: MediaType
    sha256: Hash
    size: Annotated[int, Field(ge=1), AfterValidator(_small_enough)]
    revision: Annotated[str, Field(min_length=1, max_length=40)]
    data_class: DataClass = DataClass.INTERNAL
    valid_until: date | None = None
    team: Name | None = None

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The whole record, or one edit for each field; what was withdrawn is in force again."""
        fields: dict[str, Any] = self.to_json()
        if command.base_version == 0:
            return (Creation(command.record, fields),)
        changed: dict[str, JsonValue] = {**fields, "status": DocumentStatus.IN_FORCE, "reason": ""}
        return tuple(Edit(command.record, name, value) for name, value in changed.items())

    def objection(self, command: Command, records: Records) -> str | None:
        """A laptop must be able to read it."""
        if self.media_type not in TYPES.values():
            return f"{self.file} is {self.media_type}; a document is Markdown, plain text or PDF"
        return None

    def attachments(self) -> tuple[Attachment, ...]:
        """The bytes of this revision."""
        return (Attachment(sha256=self.sha256, size=self.size, media_type=self.media_type),)

    def summary(self, label: str) -> str:
        """Title and revision."""
        return f"{self.title}, revision {self.revision}"
