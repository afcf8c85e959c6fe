"""A job with everything on its page: a checklist, readings of years, a manual, a question of the office."""

from datetime import timedelta
from typing import Any

from shared.records import Record
from tests.tui.world import NOW, record, sample

JOB = "work_order/WO-1042"
PRESSURES = (3.1, 3.1, 3.2, 3.1, 3.3, 3.2, 3.1)
ITEMS = ("Lock-out applied", "Guard removed", "Oil level between marks", "Seal leak looked for")


def _id(number: int) -> str:
    return f"0193a000-0000-7000-8000-{number:012x}"


def tick(number: int) -> dict[str, Any]:
    """Somebody else's tick."""
    return {"id": _id(number), "author": "b.lind", "at": (NOW - timedelta(hours=1)).isoformat()}


def readings() -> list[Record]:
    """Seven pressures, a month apart, of the first pump."""
    return [
        record(
            f"reading/{_id(700 + index)}",
            asset="asset/P-7",
            quantity="pressure",
            value=value,
            unit="bar",
            author="b.lind",
            taken_at=(NOW - timedelta(days=30 * (len(PRESSURES) - index))).isoformat(),
        )
        for index, value in enumerate(PRESSURES)
    ]


def document() -> Record:
    """A manual that is in force; its bytes are elsewhere."""
    return record(
        "document/nx-pumps",
        title="NX pumps, service manual",
        revision="C",
        file="nx-pumps.md",
        sha256="ab" * 32,
        size=1000,
        media_type="text/markdown",
    )


def routine(*, done: int = 2, asked: bool = False, **fields: Any) -> list[Record]:
    """The sample with a checklist on the first job, `done` of its items ticked by somebody else."""
    items = [
        {"id": str(number), "text": text, "ticks": [tick(number)] if number <= done else []}
        for number, text in enumerate(ITEMS, start=1)
    ]
    question = {"id": _id(900), "text": "Is the guard back on?", "author": "m.reyes", "at": NOW.isoformat()}
    records = {each.ref: each for each in [*sample(), *readings(), document()]}
    job = records[JOB]
    more = {"checklist": items, "questions": [question] if asked else [], **fields}
    asset = records["asset/P-7"]
    records[JOB] = record(JOB, **{**job.fields, **more})
    records[asset.ref] = record(asset.ref, **{**asset.fields, "manual": "nx-pumps"})
    return list(records.values())
