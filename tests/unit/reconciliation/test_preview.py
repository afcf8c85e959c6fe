"""What the technician is shown before confirming: every change, or the obstacle in words."""

from typing import Any

import pytest

from reconciliation.preview import Change, Preview, preview
from reconciliation.rebase import View
from shared.commands.base import Command
from tests.builders import JOB, PUMP, SEAL, Person, World, record


def world() -> World:
    return World.of(record(JOB, status="closed"), record(PUMP), record(SEAL, on_hand=5))


def said(kind: str, ref: str = JOB, **payload: Any) -> Command:
    return Person.at(world()).say(kind, ref, **payload)


def shown(command: Command, *missing: str) -> Preview:
    view = View({ref: each for ref, each in world().records.items() if ref not in missing})
    return preview(command, view)


def test_every_field_is_shown_as_it_is_and_as_it_will_be() -> None:
    command = said("part.consumed", stock_item=SEAL, quantity=2)
    shelf, job = shown(command).changes
    assert shelf == Change(SEAL, "on_hand", 5, 3)
    assert (job.record, job.field, job.old) == (JOB, "parts_used", [])
    assert [each["id"] for each in job.new] == [command.id]  # type: ignore[union-attr, index, call-overload]
    assert shown(command).obstacle is None


def test_a_new_record_is_shown_field_by_field_over_nothing() -> None:
    command = said("reading.recorded", asset=PUMP, quantity="flow", value=3, unit="m3/h")
    changes = shown(command).changes
    assert {(each.record, each.old) for each in changes} == {(f"reading/{command.id}", None)}
    assert {each.field: each.new for each in changes} == {
        "asset": PUMP,
        "work_order": JOB,
        "quantity": "flow",
        "value": 3.0,
        "unit": "m3/h",
        "author": command.actor,
        "taken_at": command.issued_at.isoformat(),
    }


@pytest.mark.parametrize(
    ("command", "missing", "obstacle"),
    [
        (
            said("note.added", text="x").model_copy(update={"record": PUMP}),
            (),
            f"note.added is about a work_order, not {PUMP}",
        ),
        (said("note.added", text="x"), (JOB,), f"There is no {JOB} on this device."),
        (
            said("part.consumed", stock_item=SEAL, quantity=1),
            (JOB, SEAL),
            f"There is no {SEAL} on this device.",  # the first by name
        ),
        (said("field.updated", field="priority", value="low").model_copy(
            update={"payload": {"field": "priority", "value": "x"}}
        ), (), "priority cannot hold 'x'"),
        (said("status.changed", to="open"), (), f"status cannot go from closed to open ({JOB})"),
    ],
)  # fmt: skip
def test_an_obstacle_is_told_and_nothing_else_is_shown(
    command: Command, missing: tuple[str, ...], obstacle: str
) -> None:
    assert shown(command, *missing) == Preview((), obstacle)
