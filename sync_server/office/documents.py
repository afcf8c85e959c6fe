"""Documents that laptops answer from: added, withdrawn, listed.

Rules
1. The bytes are on the disk under their sha256, verified, before the command that names them is decided; if anything
   breaks in between, adding the same file again finishes it.
2. A document that is here already gets another revision by the same command. If somebody else gave it one while this
   file was read, that is a conflict like any other.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

from shared.blobs import RANGE_BYTES_MAX, in_mib
from shared.commands.document_added import LIBRARIANS, DocumentAdded
from shared.commands.document_withdrawn import DocumentWithdrawn
from shared.documents import DOCUMENT_BYTES_MAX, type_of
from shared.ids import record_ref
from shared.outcomes import Receipt
from shared.problems import Code, Refused
from shared.records import Record
from shared.routing import DataClass
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, check_name, permit, reason_of, ref_of
from sync_server.store import Tx


@dataclass(frozen=True, slots=True, repr=False)
class DocumentDraft:
    """A document as somebody wants to add it. `id` is its short name, `file` the file's; `content` its bytes."""

    id: str
    file: str
    content: bytes
    title: str
    revision: str
    data_class: DataClass = DataClass.INTERNAL
    valid_until: date | None = None
    team: str | None = None


class Documents(OfficePart):
    """The library's shelf at the office."""

    def add_document(self, tenant: str, actor: str, draft: DocumentDraft) -> Receipt:
        """Add a document, or a newer revision of one. Raises `Refused`."""
        check_name("document", draft.id)
        payload, ref = _payload(draft), record_ref("document", draft.id)
        with self.service.store.transaction() as tx:
            permit(tx, tenant, actor, *LIBRARIANS)
            self._check_room(tx, tenant, payload)
            stands = tx.records(tenant, [ref])
        self._keep_bytes(tenant, payload.sha256, draft.content)

        def there(tx: Tx, batch: Batch) -> None:
            self._check_room(tx, tenant, payload)
            if tx.bring_blob(tenant, payload.sha256, payload.size):
                batch.bytes_arrived(payload.sha256)

        seen = {ref: stands[ref].version} if ref in stands else {}
        return self._give(tenant, actor, [(ref, payload)], seen, there)[0]

    def withdraw_document(self, tenant: str, actor: str, named: str, reason: str) -> Receipt:
        """From now on no laptop answers from it. Raises `Refused`."""
        record = self.record(tenant, ref_of("document", named))
        payload = DocumentWithdrawn(reason=reason_of(reason))
        return self._give(tenant, actor, [(record.ref, payload)], {record.ref: record.version})[0]

    def documents(self, tenant: str) -> list[tuple[Record, bool]]:
        """Every document, and whether its bytes are here."""
        files = self.service.attachments.files
        return [
            (each, files.whole(tenant, str(each.value("sha256"))) is not None)
            for each in self.records(tenant, "document")
        ]

    def _check_room(self, tx: Tx, tenant: str, payload: DocumentAdded) -> None:
        room = self.service.attachments.files.limits.tenant_bytes
        if tx.reserved_bytes(tenant, besides=payload.sha256) + payload.size > room:
            raise Refused(Code.ATTACHMENT_SPACE_FULL, f"files may take {in_mib(room)} in all")

    def _keep_bytes(self, tenant: str, sha256: str, content: bytes) -> None:
        files = self.service.attachments.files
        if files.whole(tenant, sha256) is not None:
            return
        for start in range(0, len(content), RANGE_BYTES_MAX):
            files.write(tenant, sha256, start, content[start : start + RANGE_BYTES_MAX])
        if not files.finish(tenant, sha256, len(content)):
            raise Refused(Code.BYTES_WRONG, "what was written is not what was read; check the disk and try again")


def _payload(draft: DocumentDraft) -> DocumentAdded:
    """What the command says. Raises `Refused` if the file cannot be a document, or something said of it cannot be."""
    media_type, size = type_of(draft.file), len(draft.content)
    if media_type is None:
        raise Refused(Code.MALFORMED, f"{draft.file} is no document; one is .md, .txt or .pdf")
    if not size:
        raise Refused(Code.MALFORMED, f"{draft.file} is empty")
    if size > DOCUMENT_BYTES_MAX:
        most = in_mib(DOCUMENT_BYTES_MAX)
        raise Refused(Code.ATTACHMENT_TOO_LARGE, f"{draft.file} has {in_mib(size)}; a document has up to {most}")
    try:
        return DocumentAdded(
            title=draft.title,
            file=draft.file,
            media_type=media_type,
            sha256=hashlib.sha256(draft.content).hexdigest(),
            size=size,
            revision=draft.revision,
            data_class=draft.data_class,
            valid_until=draft.valid_until,
            team=draft.team,
        )
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"{draft.file}: {' '.join(str(error).split())[:200]}") from error
