"""What `tailboard-server document` does: from parsed arguments to a `Report`.

A Markdown or text file may say its own id, title, revision and class (`shared.documents`); what is typed counts more.
"""

import argparse
import re
from datetime import date
from pathlib import Path
from typing import Any

from shared.blobs import in_mib
from shared.commandline import Report, UsageError
from shared.documents import DOCUMENT_BYTES_MAX, PDF, told, type_of
from shared.ids import id_of
from shared.outcomes import EFFECTIVE, Receipt
from shared.records import Record, record_to_json
from shared.routing import DataClass
from sync_server.asked_of import office_of
from sync_server.office.documents import DocumentDraft

#: Of a file that says nothing of itself.
FIRST_REVISION = "1"


def added(arguments: argparse.Namespace) -> Report:
    """Add a document, or a newer revision of one."""
    office, tenant = office_of(arguments)
    draft = drafted(Path(arguments.file), arguments)
    receipt = office.add_document(tenant, arguments.actor, draft)
    data = {"document": draft.id, "revision": draft.revision, "outcome": receipt.outcome, "detail": receipt.detail}
    return Report("tailboard.document.v1", data, [_said(receipt, draft)], ok=receipt.outcome in EFFECTIVE)


def _said(receipt: Receipt, draft: DocumentDraft) -> str:
    if receipt.outcome not in EFFECTIVE:
        return f"{draft.id}: {receipt.outcome}. {receipt.detail} See: tailboard-server document list"
    whose = f"team {draft.team}" if draft.team else "everybody"
    return f"{draft.id}: {draft.title}, revision {draft.revision}, {draft.data_class}, for {whose}"


def listed(arguments: argparse.Namespace) -> Report:
    """Every document."""
    office, tenant = office_of(arguments)
    today = office.service.ports.clock.now().date()
    documents = office.documents(tenant)
    lines = [_line(record, here, today) for record, here in documents]
    data = {"documents": [{**record_to_json(record), "bytes_here": here} for record, here in documents]}
    nobody = "No documents. Run: tailboard-server document add FILE --as PERSON"
    return Report("tailboard.documents.v1", data, lines or [nobody])


def _line(record: Record, here: bool, today: date) -> str:
    fields = record.fields
    words = [
        f"{id_of(record.ref):<20} {fields['title']}, revision {fields['revision']}",
        f"{fields['data_class']}",
        f"for team {fields['team']}" if fields["team"] else "for everybody",
        in_mib(int(str(fields["size"]))),
    ]
    if fields["status"] != "in_force":
        words.append(f"withdrawn: {fields['reason']}")
    elif fields["valid_until"] and date.fromisoformat(str(fields["valid_until"])) < today:
        words.append(f"out of date since {fields['valid_until']}")
    return "; ".join([*words, *([] if here else ["its bytes are not here: add the file again"])])


def withdrawn(arguments: argparse.Namespace) -> Report:
    """No laptop answers from it any more."""
    office, tenant = office_of(arguments)
    receipt = office.withdraw_document(tenant, arguments.actor, arguments.document, arguments.reason)
    ok = receipt.outcome in EFFECTIVE
    said = f"{arguments.document}: {'withdrawn' if ok else f'{receipt.outcome}. {receipt.detail}'}"
    data = {"document": arguments.document, "outcome": receipt.outcome}
    return Report("tailboard.document.v1", data, [said], ok=ok)


def drafted(path: Path, arguments: argparse.Namespace | None = None) -> DocumentDraft:
    """The file at `path` as a document, with what was typed about it. Raises `UsageError`."""
    content = _read(path)
    own = _told(path, content)
    typed: dict[str, Any] = {name: getattr(arguments, name, None) for name in _TYPED}
    say = {name: typed.get(name) or own.get(name) for name in _TYPED}
    return DocumentDraft(
        id=say["id"] or _id_from(path.stem),
        file=path.name,
        content=content,
        title=say["title"] or path.stem,
        revision=say["revision"] or FIRST_REVISION,
        data_class=_class(say["data_class"]),
        valid_until=_day(say["valid_until"]),
        team=typed["team"],
    )


_TYPED = ("id", "title", "revision", "data_class", "valid_until", "team")


def _told(path: Path, content: bytes) -> dict[str, str]:
    if type_of(path.name) in {None, PDF}:
        return {}
    return told(content[:20_000].decode("utf-8-sig", errors="replace"))[0]


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > DOCUMENT_BYTES_MAX:
            raise UsageError(
                f"{path} has {in_mib(size)}; a document has up to {in_mib(DOCUMENT_BYTES_MAX)}. Split it."
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error


def _id_from(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "document"


def _class(text: str | None) -> DataClass:
    try:
        return DataClass(text or DataClass.INTERNAL)
    except ValueError:
        raise UsageError(f"{text} is no data class; one of: {', '.join(DataClass)}.") from None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{text} is no day; write it as 2027-12-31.") from None
