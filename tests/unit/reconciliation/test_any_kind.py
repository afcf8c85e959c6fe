"""What the rules owe to a kind that the catalogue does not have yet: any edits, any births, any authority."""

from typing import Any

import pytest
from pydantic import Field, JsonValue

import shared.commands
from reconciliation.decide import Defer, Ruling, refs_of
from shared.commands import CATALOGUE
from shared.commands.base import FIELD_AND_STAFF, Authority, Command, Creation, Edit, Effect, Kind, Payload, Records
from shared.ids import record_ref
from shared.outcomes import FieldName, Outcome, Reason
from tests.builders import JOB, OTHER_JOB, RESOLVER, SEAL, Person, World, office, record

FRESH = "work_order/WO-9"


class VisitMade(Payload):
    """Edits as (record, field, value, decided), records as they are born; shelf and job together."""

    kind = Kind(
        "visit.made",
        1,
        "work_order",
        "Visit",
        FIELD_AND_STAFF,
        atomic=(frozenset({"work_order.parts_used", "stock_item.on_hand"}),),
    )

    edits: tuple[tuple[str, str, JsonValue, bool], ...] = ()
    births: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    central: bool = False

    def effects(self, command: Command) -> tuple[Effect, ...]:
        born = (Creation(ref, fields) for ref, fields in self.births.items())
        return (*born, *(Edit(*each) for each in self.edits))

    def reads(self, command: Command) -> frozenset[str]:
        return frozenset({record_ref("asset", command.actor)})

    def authority(self, command: Command, records: Records) -> Authority:
        return Authority.CENTRAL if self.central else Authority.LOCAL_SAFE

    def summary(self, label: str) -> str:
        return label


@pytest.fixture(autouse=True)
def _visit_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, "visit.made": VisitMade})


def world() -> World:
    return World.of(record(JOB), record(OTHER_JOB), record(SEAL, on_hand=5))


def visit(w: World, *edits: tuple[str, str, Any], ref: str = JOB, **more: Any) -> Command:
    return Person.at(w).say("visit.made", ref, edits=[(*each, False) for each in edits], **more)


def office_sets(w: World, name: str, value: str) -> None:
    w.settle(office(w).say("field.updated", field=name, value=value), RESOLVER)


# -- one field, more than once


def test_two_amounts_of_one_command_both_count() -> None:
    w = world()
    assert w.settle(visit(w, (SEAL, "on_hand", -2), (SEAL, "on_hand", -2))).outcome is Outcome.APPLIED
    assert (w.records[SEAL].fields["on_hand"], w.records[SEAL].version) == (1, 2)
    assert w.settle(visit(w, (SEAL, "on_hand", -1), (SEAL, "on_hand", -1))).reason is Reason.BELOW_FLOOR


def test_two_wishes_for_one_field_that_clash_are_both_kept() -> None:
    w = world()
    mine = visit(w, (JOB, "priority", "urgent"), (JOB, "priority", "high"))
    office_sets(w, "priority", "low")
    clashes: Any = w.records[str(w.settle(mine).conflict)].fields["clashes"]
    assert [clash["mine"]["value"] for clash in clashes] == ["urgent", "high"]


# -- what belongs together


def test_a_clash_draws_in_what_belongs_to_it_and_leaves_alone_what_does_not() -> None:
    w = world()
    mine = visit(w, (JOB, "priority", "urgent"), (SEAL, "on_hand", -1))
    office_sets(w, "priority", "low")
    ruling = w.settle(mine)
    assert ruling.outcome is Outcome.CONFLICT
    assert ruling.applied == (FieldName(record=SEAL, field="on_hand"),)
    assert ruling.conflicting == (FieldName(record=JOB, field="priority"),)
    assert w.records[SEAL].fields["on_hand"] == 4


def test_a_conflict_is_a_first_version_and_names_the_group_of_each_clash() -> None:
    w = world()
    mine = Person.at(w).say("part.consumed", stock_item=SEAL, quantity=4)
    w.settle(Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=4))
    conflict = w.records[str(w.settle(mine).conflict)]
    clashes: Any = conflict.fields["clashes"]
    assert (conflict.version, conflict.born.version) == (1, 1)
    assert [clash["group"] for clash in clashes] == ["stock_item.on_hand work_order.parts_used"] * 2


def test_who_decides_something_clashes_over_nothing_else() -> None:
    w = world()
    edits = [(JOB, "access", "back", True), (JOB, "priority", "urgent", False)]
    mine = Person.at(w).say("visit.made", edits=edits)
    office_sets(w, "priority", "low")
    ruling = w.settle(mine)
    assert (ruling.reason, ruling.detail) == (Reason.STALE, "what it decides changed since its author looked")
    assert (ruling.writes, w.records[JOB].fields["access"]) == ((), "")


# -- births


def test_a_record_that_cannot_be_born_as_the_command_says_refuses_all_of_it() -> None:
    w = world()
    ruling = w.settle(visit(w, (JOB, "priority", "high"), births={FRESH: {"asset": "asset/PUMP-1"}}))
    assert ruling.reason is Reason.PAYLOAD_INVALID
    assert ruling.detail.startswith(
        f"{FRESH} does not fit: 1 validation error for WorkOrder title   Field required [type=missing"
    )
    assert (ruling.writes, w.records[JOB].fields["priority"]) == ((), "normal")


def test_what_is_born_is_a_first_version() -> None:
    w = world()
    w.settle(visit(w, births={FRESH: {"title": "Check", "asset": "asset/PUMP-1"}}))
    assert (w.records[FRESH].version, w.records[FRESH].born.version) == (1, 1)


# -- approval


def test_an_approver_sees_every_field_of_what_would_be_born() -> None:
    w = world()
    births = {FRESH: {"title": "Check", "asset": "asset/PUMP-1"}}
    held = w.give(visit(w, births=births, central=True, ref=FRESH))
    assert isinstance(held, Defer)
    assert held.approval.fields["effect"] == [
        {"record": FRESH, "field": "title", "old": None, "new": "Check"},
        {"record": FRESH, "field": "asset", "old": None, "new": "asset/PUMP-1"},
    ]
    assert held.approval.fields["team"] is None


def test_an_approver_sees_what_an_amount_comes_to() -> None:
    w = world()
    held = w.give(visit(w, (SEAL, "on_hand", -2), central=True))
    assert isinstance(held, Defer)
    assert held.approval.fields["effect"] == [{"record": SEAL, "field": "on_hand", "old": 5, "new": 3}]


# -- what it takes


def test_a_kind_says_from_the_whole_command_what_else_it_reads() -> None:
    assert refs_of(visit(world())) == {JOB, "asset/a.okafor"}


def test_what_reads_a_record_that_is_not_born_yet_waits_for_its_birth() -> None:
    w = world()
    me = Person.at(w)
    birth = me.say("visit.made", births={"asset/a.okafor": {"name": "Pump", "type": "pump"}})
    assert me.say("visit.made").depends_on == (birth.id,)


def test_a_full_record_takes_what_makes_it_no_longer() -> None:
    w = world()
    full = frozenset({JOB, SEAL})
    note = Person.at(w).say("note.added", text="x")
    ruling = w.settle(note, full=full)
    assert (ruling.reason, ruling.detail) == (Reason.RECORD_FULL, f"{JOB} holds as much as one record can")
    tags = Person.at(w).say("tags.changed", add=["leak"])
    assert w.settle(tags, full=full).reason is Reason.RECORD_FULL
    assert w.settle(visit(w, (JOB, "priority", "high"), (SEAL, "on_hand", -1)), full=full).outcome is Outcome.APPLIED
    assert isinstance(w.give(Person.at(w).say("note.added", OTHER_JOB, text="x"), full=full), Ruling)
