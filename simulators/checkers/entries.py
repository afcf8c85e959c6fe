"""Entries on records (notes, findings, parts, readings): what stands there and what should, comparable."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulators.evidence import Said

#: What it is, the command behind it, and what it says.
Entry = tuple[str, str, str]


def entries_of(records: Mapping[str, Mapping[str, Any]]) -> Iterator[Entry]:
    """Every entry on `records` (bodies by reference)."""
    for ref, body in records.items():
        fields = body["fields"]
        if ref.startswith("reading/"):
            yield "reading", ref.partition("/")[2], f"{fields['work_order']} {fields['value']:g} {fields['unit']}"
        for note in fields.get("notes", ()):
            yield "note", note["id"], f"{ref} {note['text']}"
        for finding in fields.get("findings", ()):
            yield "finding", finding["id"], f"{ref} {finding['text']}"
        for part in fields.get("parts_used", ()):
            yield "part", part["id"], f"{ref} {part['stock_item']} {part['quantity']}"


def entry_wanted(command: str, each: Said) -> Entry | None:
    """The entry that a command makes as its author said it; None if it makes none."""
    payload = each.payload
    match each.kind:
        case "note.added":
            return "note", command, f"{each.record} {payload['text']}"
        case "finding.added":
            return "finding", command, f"{each.record} {payload['text']}"
        case "reading.recorded":
            return "reading", command, f"{each.record} {payload['value']:g} {payload['unit']}"
        case "part.consumed":
            return "part", command, f"{each.record} {payload['stock_item']} {payload['quantity']}"
        case _:
            return None
