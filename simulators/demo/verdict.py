"""Was anything lost or done twice? Judged from what was confirmed and from the server's files alone.

This module reads the server's SQLite file with the standard library and shares no code with what it judges: no store,
no reconciliation, no receipts. What was confirmed is the list that the demo kept for itself.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a person confirmed: the id that the device gave it, and the exact act."""

    id: str
    kind: str
    record: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What the server's files say: outcomes by name, ids that are missing, ids that took effect more than once."""

    outcomes: Counter[str]
    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    records: Mapping[str, tuple[int, Mapping[str, Any]]]


def judge(database: Path, confirmed: Sequence[Confirmed], stock_before: Mapping[str, int]) -> Verdict:
    """Compare `confirmed` with what the server's file holds; `stock_before` is the shelf before the first of them."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        ledger = connection.execute("SELECT id, outcome FROM ledger WHERE device <> 'office'").fetchall()
        bodies = connection.execute("SELECT body FROM record").fetchall()
    records = {body["ref"]: body for (text,) in bodies for body in [json.loads(text)]}
    rows = Counter(command for command, _ in ledger)
    outcome = dict(ledger)
    effects = Counter(_effects(records))
    lost = [each.id for each in confirmed if _is_lost(each, outcome, effects, records)]
    twice = [each.id for each in confirmed if rows[each.id] > 1 or effects[each.id] > 1]
    twice += _shelf_errors(confirmed, outcome, records, stock_before)
    strangers = sorted(set(outcome) - {each.id for each in confirmed})
    return Verdict(
        Counter(str(outcome.get(each.id)) for each in confirmed),
        tuple(lost),
        tuple(twice + strangers),
        {ref: (body["version"], body["fields"]) for ref, body in records.items()},
    )


def _effects(records: Mapping[str, Any]) -> list[str]:
    """The command behind each entry and each reading, once for every time that it stands there."""
    ids = [ref.partition("/")[2] for ref in records if ref.startswith("reading/")]
    for ref, body in records.items():
        if ref.startswith("work_order/"):
            ids += [entry["id"] for name in ("notes", "parts_used") for entry in body["fields"][name]]
    return ids


def _is_lost(
    act: Confirmed, outcome: Mapping[str, str | None], effects: Counter[str], records: Mapping[str, Any]
) -> bool:
    settled = outcome.get(act.id)
    if settled is None:
        return True
    if settled == "conflict":
        conflict = records.get(f"conflict/{act.id}")
        return conflict is None or not conflict["fields"]["clashes"]
    if settled not in {"applied", "merged"}:
        return False
    if act.kind in {"note.added", "reading.recorded", "part.consumed"}:
        return effects[act.id] == 0 or not _says(act, records)
    return False


def _says(act: Confirmed, records: Mapping[str, Any]) -> bool:
    """Whether the words or the value really stand there, not only the id."""
    if act.kind == "note.added":
        entries = records[act.record]["fields"]["notes"]
        return any(entry["id"] == act.id and entry["text"] == act.payload["text"] for entry in entries)
    if act.kind == "reading.recorded":
        fields = records[f"reading/{act.id}"]["fields"]
        return bool(fields["value"] == act.payload["value"] and fields["unit"] == act.payload["unit"])
    return True


def _shelf_errors(
    confirmed: Sequence[Confirmed],
    outcome: Mapping[str, str | None],
    records: Mapping[str, Any],
    before: Mapping[str, int],
) -> list[str]:
    used: Counter[str] = Counter()
    for act in confirmed:
        if act.kind == "part.consumed" and outcome.get(act.id) in {"applied", "merged"}:
            used[str(act.payload["stock_item"])] += int(act.payload["quantity"])
    return [ref for ref, count in before.items() if records[ref]["fields"]["on_hand"] != count - used[ref]]
