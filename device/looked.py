"""How a job looked when its author's page was last open, so that what others changed since can be said.

It is a note of this laptop for itself: kept in its database, never sent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from device.store import DeviceStore
from reconciliation.preview import Change
from shared.contract import to_instant
from shared.records import Merge, Record, rule_of

_KEY = "looked:"


@dataclass(frozen=True, slots=True)
class Look:
    """When somebody looked, and what the fields held."""

    at: datetime
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class News:
    """One thing that somebody else changed, and when."""

    change: Change
    who: str
    at: datetime


def last_look(store: DeviceStore, job: str) -> Look | None:
    """The last look at `job`; None if there was none. Raises `StoreError`."""
    stored = store.meta(f"{_KEY}{job}")
    if stored is None:
        return None
    told = json.loads(stored)
    return Look(to_instant(told["at"]), told["fields"])


def keep_look(store: DeviceStore, job: Record, at: datetime) -> None:
    """Somebody looks at `job` now. Raises `StoreError`."""
    store.set_meta(f"{_KEY}{job.ref}", json.dumps({"at": at.isoformat(), "fields": dict(job.fields)}))


def news(before: Mapping[str, JsonValue], job: Record, me: str) -> list[News]:
    """What others than `me` changed on `job` since its fields held `before`; newest first."""
    found: list[News] = []
    for name in job.fields:
        if name in before and before[name] != job.fields[name]:
            found += _in_field(name, before[name], job, me)
    return sorted(found, key=lambda each: each.at, reverse=True)


def _in_field(name: str, old: JsonValue, job: Record, me: str) -> list[News]:
    if rule_of(job.kind, name).merge is Merge.APPEND:
        return [
            News(Change(job.ref, name, None, [dict(entry)]), str(entry["author"]), to_instant(str(entry["at"])))
            for entry in _new_entries(old, job.fields[name])
            if entry["author"] != me
        ]
    stamp = job.stamp(name)
    return [News(Change(job.ref, name, old, job.fields[name]), stamp.actor, stamp.at)] if stamp.actor != me else []


def _new_entries(old: JsonValue, now: JsonValue) -> Sequence[Mapping[str, JsonValue]]:
    before = {each["id"] for each in old if isinstance(each, Mapping)} if isinstance(old, list) else set()
    listed = now if isinstance(now, list) else []
    return [each for each in listed if isinstance(each, Mapping) and each.get("id") not in before]
