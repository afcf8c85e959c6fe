"""A record and its stamps, and both as JSON."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from shared.contract import Contract, Instant, RecordRef, instant_text, to_instant
from shared.ids import kind_of
from shared.records.fields import default_of
from shared.values import value


@value(frozen=True, slots=True)
class Stamp:
    """Which command gave a field its value, and who stood behind it. `version` is the record's, at that change."""

    version: int
    command: str
    device: str
    actor: str
    at: datetime


@value(frozen=True, slots=True)
class Record:
    """A versioned piece of state.

    `stamps` names only the fields that changed since the record was `born`; every other field has the birth stamp.
    """

    ref: str
    version: int
    fields: Mapping[str, JsonValue]
    born: Stamp
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The record's kind, a key of `KINDS`."""
        return kind_of(self.ref)

    def stamp(self, name: str) -> Stamp:
        """Who last changed the field `name`."""
        return self.stamps.get(name, self.born)

    def changed(self, fields: Mapping[str, JsonValue], stamp: Stamp) -> "Record":
        """The next version: `fields` set and stamped, even those that keep their value."""
        stamps = {**self.stamps, **dict.fromkeys(fields, stamp)}
        return Record(self.ref, stamp.version, {**self.fields, **fields}, self.born, stamps)

    def value(self, name: str) -> JsonValue:
        """What the field `name` holds: its default, if the record is older than the field; None for no field."""
        return self.fields[name] if name in self.fields else default_of(self.kind, name)


class WireStamp(Contract):
    """A `Stamp` as JSON."""

    version: int
    command: str
    device: str
    actor: str
    at: Instant


class WireRecord(Contract):
    """A `Record` as JSON."""

    ref: RecordRef
    version: int
    fields: dict[str, JsonValue]
    born: WireStamp
    stamps: dict[str, WireStamp]


def record_to_json(record: Record) -> dict[str, Any]:
    """The record as plain JSON values, in the shape of `WireRecord`."""
    return {
        "ref": record.ref,
        "version": record.version,
        "fields": dict(record.fields),
        "born": _stamp_to_json(record.born),
        "stamps": {name: _stamp_to_json(stamp) for name, stamp in record.stamps.items()},
    }


def record_from_json(value: Mapping[str, Any]) -> Record:
    """The record behind trusted JSON (a store's own row, or a message that a contract has validated)."""
    return Record(
        value["ref"],
        value["version"],
        value["fields"],
        _stamp_from_json(value["born"]),
        {name: _stamp_from_json(stamp) for name, stamp in value["stamps"].items()},
    )


def _stamp_to_json(stamp: Stamp) -> dict[str, Any]:
    return {
        "version": stamp.version,
        "command": stamp.command,
        "device": stamp.device,
        "actor": stamp.actor,
        "at": instant_text(stamp.at),
    }


def _stamp_from_json(value: Mapping[str, Any]) -> Stamp:
    at = to_instant(value["at"])
    return Stamp(value["version"], value["command"], value["device"], value["actor"], at)
