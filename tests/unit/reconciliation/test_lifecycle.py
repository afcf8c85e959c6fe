import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.lifecycle import TABLES, may_step, steps
from shared.records import KINDS, Merge, rule_of

TABLE_KEYS = sorted(TABLES)


def test_every_transition_field_has_a_table_and_every_table_a_field() -> None:
    fields = {
        (kind, name)
        for kind, body in KINDS.items()
        for name in body.model_fields
        if rule_of(kind, name).merge is Merge.TRANSITION
    }
    assert fields == set(TABLES)


@pytest.mark.parametrize(("kind", "name"), TABLE_KEYS)
def test_a_table_covers_exactly_the_states_of_its_field(kind: str, name: str) -> None:
    table = TABLES[kind, name]
    annotation = KINDS[kind].model_fields[name].annotation
    assert annotation is not None
    states = {str(state) for state in annotation}
    assert set(table) == states
    assert set().union(*table.values()) <= states


@pytest.mark.parametrize(("kind", "name"), TABLE_KEYS)
@given(data=st.data())
def test_steps_are_exactly_the_allowed_changes(kind: str, name: str, data: st.DataObject) -> None:
    states = sorted(TABLES[kind, name])
    now, to = data.draw(st.sampled_from(states)), data.draw(st.sampled_from(states))
    assert may_step(kind, name, now, to) == (to == now or to in steps(kind, name, now))


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (
            "work_order",
            {
                "open": "in_progress on_hold done cancelled",
                "in_progress": "on_hold done cancelled",
                "on_hold": "in_progress done cancelled",
                "done": "in_progress closed",
                "closed": "",
                "cancelled": "",
            },
        ),
        ("conflict", {"open": "resolved", "resolved": "open"}),
        ("approval", {"pending": "approved refused expired", "approved": "pending", "refused": "", "expired": ""}),
        (
            "external_write",
            {
                "queued": "sending done refused parked",
                "sending": "done refused parked",
                "done": "",
                "refused": "queued done",
                "parked": "queued done refused",
            },
        ),
    ],
)
def test_a_step_is_added_or_taken_away_on_purpose(kind: str, table: dict[str, str]) -> None:
    """By double entry: nobody notices one word too many in a table by what people do."""
    assert TABLES[kind, "status"] == {state: frozenset(steps.split()) for state, steps in table.items()}


def test_closed_work_stays_closed() -> None:
    assert steps("work_order", "status", "closed") == ()
    assert not may_step("work_order", "status", "closed", "in_progress")


def test_unknown_states_lead_nowhere() -> None:
    assert not may_step("work_order", "status", "imagined", "done")
    assert steps("work_order", "status", "imagined") == ()
