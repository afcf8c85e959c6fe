"""Which documents are meant for this laptop, and which of their bytes are here.

Rules
1. A document counts while its record is in the replica and in force: what left the scope, or was withdrawn, is
   forgotten, words and bytes.
2. Past its last valid day a document is still answered from, and said to be out of date.
3. Bytes are kept as those of attachments are (`device.attachments`): in pieces, verified before they are used.
"""

import json
from dataclasses import dataclass
from datetime import date

from device.attachments import Attachments
from device.store import DeviceStore
from shared.attachments import Attachment
from shared.documents import DOCUMENT_BYTES_MAX
from shared.ids import id_of
from shared.records import DocumentStatus
from shared.routing import DataClass

_RECORDS = "SELECT body FROM replica WHERE ref >= 'document/' AND ref < 'document0' ORDER BY ref"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is meant for this laptop. `id` is its short name."""

    id: str
    title: str
    revision: str
    file: Attachment
    data_class: DataClass
    valid_until: date | None
    team: str | None

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return self.file.sha256

    def out_of_date(self, today: date) -> bool:
        """Whether its last valid day is over."""
        return self.valid_until is not None and self.valid_until < today


class Shelf:
    """The documents of one laptop."""

    def __init__(self, store: DeviceStore, attachments: Attachments) -> None:
        self._store, self.attachments = store, attachments

    def documents(self) -> list[Document]:
        """Those in force, by their short names."""
        bodies = (json.loads(row[0]) for row in self._store.read(_RECORDS))
        return [
            _document(id_of(body["ref"]), body["fields"])
            for body in bodies
            if body["fields"]["status"] == DocumentStatus.IN_FORCE
        ]

    def lacking(self, documents: list[Document]) -> list[Document]:
        """Those of `documents` whose bytes are not here, the smallest first; none that is too large for a laptop."""
        here = self.attachments.whole([each.sha256 for each in documents])
        lacking = [each for each in documents if each.sha256 not in here and each.file.size <= DOCUMENT_BYTES_MAX]
        return sorted(lacking, key=lambda each: (each.file.size, each.sha256))


def _document(name: str, fields: dict[str, object]) -> Document:
    valid_until = fields.get("valid_until")
    return Document(
        name,
        str(fields["title"]),
        str(fields["revision"]),
        Attachment(sha256=str(fields["sha256"]), size=int(str(fields["size"])), media_type=str(fields["media_type"])),
        DataClass(str(fields["data_class"])),
        date.fromisoformat(str(valid_until)) if valid_until else None,
        str(fields["team"]) if fields.get("team") else None,
    )
