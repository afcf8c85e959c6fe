"""The judge must be able to find what it looks for: each test plants one wrong in a server's file."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.demo.verdict import Confirmed, Verdict, judge

JOB, SEAL = "work_order/WO-1", "stock_item/SEAL-1"
NOTE = Confirmed("n1", "note.added", JOB, {"text": "hello"})
PART = Confirmed("p1", "part.consumed", JOB, {"stock_item": SEAL, "quantity": 2})
READING = Confirmed("r1", "reading.recorded", JOB, {"value": 4.2, "unit": "bar"})
CLASH = Confirmed("c1", "field.updated", JOB, {"field": "priority", "value": "low"})
ALL = [NOTE, PART, READING, CLASH]


def body(ref: str, **fields: Any) -> dict[str, Any]:
    return {"ref": ref, "version": 1, "fields": fields}


def honest() -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    records = [
        body(JOB, notes=[{"id": "n1", "text": "hello"}], parts_used=[{"id": "p1"}]),
        body(SEAL, on_hand=3),
        body("reading/r1", value=4.2, unit="bar"),
        body("conflict/c1", clashes=[{"field": "priority"}]),
    ]
    ledger = [("n1", "applied"), ("p1", "merged"), ("r1", "applied"), ("c1", "conflict")]
    return {record["ref"]: record for record in records}, ledger


def verdict(tmp_path: Path, records: dict[str, Any], ledger: list[tuple[str, str]]) -> Verdict:
    file = tmp_path / "server.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE ledger (id, device, outcome)")
    connection.execute("CREATE TABLE record (body)")
    connection.executemany("INSERT INTO ledger VALUES (?, 'TB-01', ?)", ledger)
    connection.executemany("INSERT INTO record VALUES (?)", [(json.dumps(each),) for each in records.values()])
    connection.commit()
    connection.close()
    return judge(file, ALL, {SEAL: 5})


def test_an_honest_server_is_found_honest(tmp_path: Path) -> None:
    found = verdict(tmp_path, *honest())
    assert (found.lost, found.duplicated) == ((), ())
    assert found.outcomes == {"applied": 2, "merged": 1, "conflict": 1}


Plant = Callable[[dict[str, Any], list[tuple[str, str]]], object]
LOSSES: dict[str, tuple[str, Plant]] = {
    "not in the ledger": ("n1", lambda _, ledger: ledger.remove(("n1", "applied"))),
    "the note is gone": ("n1", lambda records, _: records[JOB]["fields"]["notes"].clear()),
    "other words": ("n1", lambda records, _: records[JOB]["fields"]["notes"][0].update(text="hullo")),
    "the reading is gone": ("r1", lambda records, _: records.pop("reading/r1")),
    "another value": ("r1", lambda records, _: records["reading/r1"]["fields"].update(value=42)),
    "no conflict kept": ("c1", lambda records, _: records.pop("conflict/c1")),
    "an empty conflict": ("c1", lambda records, _: records["conflict/c1"]["fields"]["clashes"].clear()),
}
DOUBLES: dict[str, tuple[str, Plant]] = {
    "a note twice": ("n1", lambda records, _: records[JOB]["fields"]["notes"].append({"id": "n1", "text": "hello"})),
    "a ledger row twice": ("n1", lambda _, ledger: ledger.append(("n1", "applied"))),
    "a part twice": (SEAL, lambda records, _: records[SEAL]["fields"].update(on_hand=1)),
    "nobody confirmed it": ("x1", lambda _, ledger: ledger.append(("x1", "applied"))),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_kind_of_loss_is_found(tmp_path: Path, name: str) -> None:
    lost, plant = LOSSES[name]
    world = honest()
    plant(*world)
    assert lost in verdict(tmp_path, *world).lost


@pytest.mark.parametrize("name", DOUBLES)
def test_every_kind_of_doubling_is_found(tmp_path: Path, name: str) -> None:
    twice, plant = DOUBLES[name]
    world = honest()
    plant(*world)
    assert twice in verdict(tmp_path, *world).duplicated
