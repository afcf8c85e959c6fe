from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.decide import Doubt, Facts, Lacks, Past, Ruling, Wait, decide, draft_of
from reconciliation.expiry import DATABLE_FROM, DATABLE_UNTIL
from reconciliation.preview import preview
from reconciliation.rebase import View
from reconciliation.ruling import rejected
from shared import commands
from shared.commands.base import Role
from shared.outcomes import FieldName, Outcome, Reason
from tests.builders import JOB, NOW, OTHER_JOB, PUMP, RESOLVER, SEAL, Person, World, new_id, office, record

DAY = timedelta(days=1)
EDITABLE = {
    "priority": ["low", "high", "urgent"],
    "access": ["front", "back"],
    "due_on": ["2026-12-01", "2026-12-02"],
}


def world() -> World:
    return World.of(record(JOB), record(OTHER_JOB), record(PUMP), record(SEAL, on_hand=5))


def fields(w: World, ref: str = JOB) -> dict[str, Any]:
    return dict(w.records[ref].fields)


def set_field(person: Person, name: str, value: str, ref: str = JOB) -> Any:
    return person.say("field.updated", ref, field=name, value=value)


# -- one author


def test_a_command_on_an_unchanged_record_is_applied() -> None:
    w = world()
    ruling = w.settle(set_field(Person.at(w), "priority", "high"))
    assert ruling.outcome is Outcome.APPLIED
    assert fields(w)["priority"] == "high"
    assert w.records[JOB].version == 2
    assert ruling.applied == (FieldName(record=JOB, field="priority"),)
    assert w.records[JOB].stamp("priority").actor == "a.okafor"
    assert w.records[JOB].stamp("title").version == 1


def test_two_offline_edits_of_one_field_on_one_device_never_conflict() -> None:
    w = world()
    me = Person.at(w)
    first, second = set_field(me, "priority", "high"), set_field(me, "priority", "urgent")
    assert second.bases[0].command == first.id
    assert [w.settle(first).outcome, w.settle(second).outcome] == [Outcome.APPLIED, Outcome.APPLIED]
    assert fields(w)["priority"] == "urgent"


# -- two authors


def test_disjoint_fields_merge() -> None:
    w = world()
    mine = set_field(Person.at(w), "access", "back")
    w.settle(set_field(office(w), "priority", "high"), RESOLVER)
    assert w.settle(mine).outcome is Outcome.MERGED
    assert (fields(w)["access"], fields(w)["priority"]) == ("back", "high")


def test_a_stale_base_becomes_a_conflict_that_keeps_base_mine_and_theirs() -> None:
    w = world()
    mine = set_field(Person.at(w), "priority", "urgent")
    w.settle(set_field(office(w), "priority", "low"), RESOLVER)
    ruling = w.settle(mine)
    assert ruling.outcome is Outcome.CONFLICT
    assert fields(w)["priority"] == "low"
    assert ruling.conflict == f"conflict/{mine.id}"
    conflict = fields(w, ruling.conflict)
    (clash,) = conflict["clashes"]
    assert (clash["base"], clash["mine"]["value"], clash["theirs"]["value"]) == ("normal", "urgent", "low")
    assert (clash["mine"]["actor"], clash["theirs"]["actor"]) == ("a.okafor", "m.reyes")
    assert (clash["mine"]["device"], clash["theirs"]["device"]) == ("TB-01", "office")


def test_two_people_wanting_the_same_value_do_not_clash() -> None:
    w = world()
    mine = set_field(Person.at(w), "priority", "high")
    w.settle(set_field(office(w), "priority", "high"), RESOLVER)
    assert w.settle(mine).outcome is Outcome.MERGED


def test_notes_of_two_people_are_both_kept() -> None:
    w = world()
    mine = Person.at(w).say("note.added", text="mine")
    w.settle(office(w).say("note.added", text="theirs"), RESOLVER)
    assert w.settle(mine).outcome is Outcome.MERGED
    assert [note["text"] for note in fields(w)["notes"]] == ["theirs", "mine"]


def test_two_devices_taking_parts_add_up() -> None:
    w = world()
    one = Person.at(w, "TB-01").say("part.consumed", stock_item=SEAL, quantity=2)
    two = Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=3)
    w.settle(one)
    assert w.settle(two).outcome is Outcome.MERGED
    assert fields(w, SEAL)["on_hand"] == 0
    assert len(fields(w)["parts_used"]) == 2


def test_stock_never_falls_below_zero_and_the_job_does_not_get_the_part_alone() -> None:
    w = world()
    one = Person.at(w, "TB-01").say("part.consumed", stock_item=SEAL, quantity=4)
    two = Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=4)
    w.settle(one)
    ruling = w.settle(two)
    assert ruling.outcome is Outcome.CONFLICT
    assert fields(w, SEAL)["on_hand"] == 1
    assert len(fields(w)["parts_used"]) == 1
    assert {name.field for name in ruling.conflicting} == {"on_hand", "parts_used"}


def test_taking_more_than_one_saw_on_the_shelf_is_refused() -> None:
    w = world()
    ruling = w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=6))
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.BELOW_FLOOR)
    assert ruling.writes == ()


def test_a_step_that_is_still_allowed_is_taken_over_somebody_elses() -> None:
    w = world()
    mine = Person.at(w).say("status.changed", to="done")
    w.settle(office(w).say("status.changed", to="in_progress"), RESOLVER)
    assert w.settle(mine).outcome is Outcome.MERGED
    assert fields(w)["status"] == "done"


def test_a_step_that_somebody_else_made_impossible_is_a_conflict() -> None:
    w = world()
    mine = Person.at(w).say("status.changed", to="done")
    w.settle(office(w).say("status.changed", to="cancelled"), RESOLVER)
    assert w.settle(mine).outcome is Outcome.CONFLICT
    assert fields(w)["status"] == "cancelled"


# -- resolution


def conflict_of(w: World, mine: str = "urgent", theirs: str = "low") -> tuple[str, Person]:
    me = Person.at(w)
    command = set_field(me, "priority", mine)
    w.settle(set_field(office(w), "priority", theirs), RESOLVER)
    ruling = w.settle(command)
    assert ruling.conflict
    return ruling.conflict, me


def settle(w: World, conflict: str, choice: str, value: str) -> Any:
    settlement = {"record": JOB, "field": "priority", "choice": choice, "value": value}
    return office(w).say("conflict.resolved", conflict, settlements=[settlement], reason="seen")


@pytest.mark.parametrize(
    ("choice", "value", "stands"),
    [("keep_mine", "urgent", "urgent"), ("take_theirs", "low", "low"), ("edit", "high", "high")],
)
def test_a_resolution_makes_the_chosen_value_stand(choice: str, value: str, stands: str) -> None:
    w = world()
    conflict, _ = conflict_of(w)
    assert w.settle(settle(w, conflict, choice, value), RESOLVER).outcome is Outcome.APPLIED
    assert fields(w)["priority"] == stands
    assert fields(w, conflict)["status"] == "resolved"


def test_a_resolution_is_stale_if_the_field_changed_since_the_resolver_looked() -> None:
    w = world()
    conflict, _ = conflict_of(w)
    decision = settle(w, conflict, "keep_mine", "urgent")
    w.settle(set_field(office(w, "b.boss"), "priority", "high"), RESOLVER)
    ruling = w.settle(decision, RESOLVER)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.STALE)
    assert fields(w)["priority"] == "high"
    assert fields(w, conflict)["status"] == "open"


def test_a_conflict_is_resolved_once() -> None:
    w = world()
    conflict, _ = conflict_of(w)
    first, second = settle(w, conflict, "keep_mine", "urgent"), settle(w, conflict, "take_theirs", "low")
    w.settle(first, RESOLVER)
    assert w.settle(second, RESOLVER).outcome is Outcome.REJECTED
    assert fields(w)["priority"] == "urgent"


def test_a_resolution_may_not_put_words_in_somebodys_mouth() -> None:
    w = world()
    conflict, _ = conflict_of(w)
    ruling = w.settle(settle(w, conflict, "keep_mine", "low"), RESOLVER)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.OBJECTION)


def test_a_technician_may_not_resolve() -> None:
    w = world()
    conflict, _ = conflict_of(w)
    ruling = w.settle(settle(w, conflict, "keep_mine", "urgent"))
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.NOT_PERMITTED)


# -- dependencies


def test_what_builds_on_a_conflicting_value_waits_for_the_decision() -> None:
    w = world()
    conflict, me = conflict_of(w)
    later = set_field(me, "priority", "high")
    assert w.give(later) == Wait((conflict.partition("/")[2],))
    decision = settle(w, conflict, "keep_mine", "urgent")
    ruling = w.settle(decision, RESOLVER)
    versions = {each.ref: each.version for each in ruling.writes}
    w.past[conflict.partition("/")[2]] = Past(Outcome.CONFLICT, resolved=True, versions=versions)
    assert w.settle(later).outcome in {Outcome.APPLIED, Outcome.MERGED}
    assert fields(w)["priority"] == "high"


def test_what_builds_on_a_value_that_a_person_decided_against_does_not_slip_in() -> None:
    w = world()
    conflict, me = conflict_of(w)
    later = set_field(me, "priority", "high")
    ruling = w.settle(settle(w, conflict, "take_theirs", "low"), RESOLVER)
    versions = {each.ref: each.version for each in ruling.writes}
    w.past[conflict.partition("/")[2]] = Past(Outcome.CONFLICT, resolved=True, versions=versions)
    assert w.settle(later).outcome is Outcome.CONFLICT
    assert fields(w)["priority"] == "low"


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.EXPIRED])
def test_what_rests_on_a_failed_command_fails_with_it(outcome: Outcome) -> None:
    w = world()
    me = Person.at(w)
    first, second = set_field(me, "priority", "high"), set_field(me, "priority", "urgent")
    w.past[first.id] = Past(outcome)
    ruling = w.settle(second)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.DEPENDENCY_FAILED)
    assert fields(w)["priority"] == "normal"


def test_what_rests_on_what_can_never_come_before_it_is_refused() -> None:
    w = world()
    me = Person.at(w)
    note = me.say("note.added", text="x")
    lost, itself = new_id(), note.id
    w.past[lost] = Past(known=False)
    for needed in (lost, itself):
        ruling = w.settle(note.model_copy(update={"depends_on": (needed,)}))
        assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.DEPENDENCY_FAILED)
        assert ruling.detail == f"it rests on {needed}, which does not come before it"


def test_a_note_does_not_wait_for_an_edit_of_another_field() -> None:
    w = world()
    me = Person.at(w)
    set_field(me, "priority", "high")
    assert w.settle(me.say("note.added", text="x")).outcome is Outcome.APPLIED


# -- refusals


def test_an_expired_command_changes_nothing_and_says_until_when_it_was_good() -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high")
    assert World(dict(w.records)).settle(command, at=command.expires_at).outcome is Outcome.APPLIED
    ruling = w.settle(command, at=command.expires_at + timedelta(seconds=1))
    assert ruling.outcome is Outcome.EXPIRED
    assert str(command.expires_at.date()) in ruling.detail
    assert fields(w)["priority"] == "normal"


@pytest.mark.parametrize("lifetime", [timedelta(days=121), timedelta(0), timedelta(days=-1)])
def test_a_lifetime_that_no_command_may_have_is_refused(lifetime: timedelta) -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high").model_copy(update={"expires_at": NOW + lifetime})
    ruling = w.settle(command)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.LIFETIME_TOO_LONG)
    assert ruling.detail == "it asks for a lifetime that no command may have"


@pytest.mark.parametrize(
    ("issued_at", "lifetime"),
    [(DATABLE_FROM - DAY, 90 * DAY), (DATABLE_FROM - DAY, DAY / 2), (DATABLE_UNTIL - DAY, 90 * DAY)],
)
def test_a_command_from_a_time_that_no_clock_shows_is_refused(issued_at: datetime, lifetime: timedelta) -> None:
    w = world()
    times = {"issued_at": issued_at, "expires_at": issued_at + lifetime}
    ruling = w.settle(set_field(Person.at(w), "priority", "high").model_copy(update=times))
    assert ruling.reason is Reason.PAYLOAD_INVALID
    assert ruling.detail == (
        f"no clock shows the time at which it says that it was confirmed ({issued_at.isoformat()}): "
        "set the clock and give it again"
    )


def test_what_its_author_took_back_is_told_so() -> None:
    w = world()
    ruling = w.settle(set_field(Person.at(w), "priority", "high"), withdrawn=True)
    assert (ruling.reason, ruling.detail) == (Reason.WITHDRAWN, "its author took it back")


def test_a_refusal_is_of_bounded_length() -> None:
    assert rejected(Reason.OBJECTION, "x" * 501).detail == "x" * 500


@pytest.mark.parametrize(
    ("kind", "ref", "payload", "reason"),
    [
        ("note.added", "work_order/WO-9", {"text": "x"}, Reason.RECORD_MISSING),
        ("field.updated", JOB, {"field": "status", "value": "done"}, Reason.OBJECTION),
        ("field.updated", JOB, {"field": "notes", "value": "x"}, Reason.OBJECTION),
        ("field.updated", JOB, {"field": "priority", "value": "shouting"}, Reason.OBJECTION),
        (
            "reading.recorded",
            JOB,
            {"asset": "asset/OTHER", "quantity": "pressure", "value": 1, "unit": "bar"},
            Reason.OBJECTION,
        ),
        ("record.imported", JOB, {"fields": {"title": "mine now"}}, Reason.NOT_PERMITTED),
    ],
)
def test_senseless_commands_are_refused_by_name_and_change_nothing(
    kind: str, ref: str, payload: dict[str, Any], reason: Reason
) -> None:
    w = world()
    before = dict(w.records)
    me = Person.at(w)
    me.view.records.pop("work_order/WO-9", None)
    ruling = w.settle(me.say(kind, ref, **payload))
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, reason)
    assert w.records == before


def test_a_field_that_does_not_exist_is_refused_on_both_sides() -> None:
    w = world()
    with pytest.raises(ValueError, match="no field no_such"):
        set_field(Person.at(w), "no_such", "x")
    forged = set_field(Person.at(w), "priority", "high").model_copy(
        update={"payload": {"field": "no_such", "value": "x"}}
    )
    assert w.settle(forged).reason is Reason.OBJECTION


def test_a_payload_that_does_not_fit_its_kind_is_refused() -> None:
    w = world()
    command = Person.at(w).say("note.added", text="x").model_copy(update={"payload": {"text": "x", "extra": 1}})
    ruling = w.settle(command)
    assert ruling.reason is Reason.PAYLOAD_INVALID
    assert ruling.detail == (
        "the payload does not fit note.added: 1 validation error for NoteAdded extra   Extra inputs are not "
        "permitted [type=extra_forbidden, input_value=1, input_type=int]"
    )


def test_what_is_told_of_a_payload_that_does_not_fit_is_of_bounded_length() -> None:
    w = world()
    command = Person.at(w).say("note.added", text="x").model_copy(update={"payload": {"text": "x", "e" * 400: 1}})
    said = w.settle(command).detail
    assert len(said.removeprefix("the payload does not fit note.added: ")) == 300


def test_a_person_without_a_role_may_do_nothing() -> None:
    w = world()
    ruling = w.settle(Person.at(w).say("note.added", text="x"), frozenset())
    assert ruling.reason is Reason.NOT_PERMITTED
    assert ruling.detail == "note.added needs one of: admin, dispatcher, resolver, technician"
    assert (
        w.settle(Person.at(w).say("note.added", text="x"), frozenset({Role.AUDITOR})).reason is Reason.NOT_PERMITTED
    )


def test_a_reading_becomes_a_record_of_its_own() -> None:
    w = world()
    command = Person.at(w).say("reading.recorded", asset=PUMP, quantity="pressure", value=4.2, unit="bar")
    w.settle(command)
    reading = fields(w, f"reading/{command.id}")
    assert (reading["value"], reading["unit"], reading["work_order"]) == (4.2, "bar", JOB)


# -- properties


edits = st.lists(
    st.tuples(st.sampled_from(sorted(EDITABLE)), st.integers(0, 2)).map(
        lambda pick: (pick[0], EDITABLE[pick[0]][pick[1] % len(EDITABLE[pick[0]])])
    ),
    max_size=5,
)


@given(mine=edits, theirs=edits)
def test_nothing_is_silently_overwritten_whoever_edits_what(
    mine: list[tuple[str, str]], theirs: list[tuple[str, str]]
) -> None:
    """The office's value of a field that it touched stands, or the device's wish is kept in a conflict beside it."""
    w = world()
    me, them = Person.at(w), office(w)
    commands = [set_field(me, name, value) for name, value in mine]
    for name, value in theirs:
        w.settle(set_field(them, name, value), RESOLVER)
    office_values = dict(theirs)
    outcomes = {command.id: w.give(command) for command in commands}
    for command in commands:
        name, wanted = command.payload["field"], command.payload["value"]
        ruling = outcomes[command.id]
        if isinstance(ruling, Wait):
            continue  # it builds on a conflict, which holds the earlier wish
        assert isinstance(ruling, Ruling)
        if ruling.outcome is Outcome.CONFLICT:
            (clash,) = fields(w, str(ruling.conflict))["clashes"]
            assert clash["mine"]["value"] == wanted
            assert clash["theirs"]["value"] == office_values[str(name)]
        else:
            assert ruling.outcome in {Outcome.APPLIED, Outcome.MERGED}
    for name, value in office_values.items():
        wishes = [command.payload["value"] for command in commands if command.payload["field"] == name]
        if not wishes or wishes[0] != value:
            assert fields(w)[name] == value


@given(mine=edits, theirs=st.lists(st.tuples(st.integers(0, 5), edits), max_size=2))
def test_what_one_device_does_offline_never_clashes_with_itself(
    mine: list[tuple[str, str]], theirs: list[tuple[int, list[tuple[str, str]]]]
) -> None:
    """Whatever the office does in between: the other side of a clash is never the same device."""
    w = world()
    me = Person.at(w)
    commands = [set_field(me, name, value) for name, value in mine]
    for at, command in enumerate(commands):
        for _, many in (each for each in theirs if each[0] == at):
            for name, value in many:
                w.settle(set_field(office(w), name, value), RESOLVER)
        ruling = w.give(command)
        if isinstance(ruling, Ruling) and ruling.conflict:
            assert [clash["theirs"]["device"] for clash in fields(w, ruling.conflict)["clashes"]] == ["office"]


@given(mine=edits)
def test_a_version_counts_exactly_the_changes(mine: list[tuple[str, str]]) -> None:
    w = world()
    me = Person.at(w)
    for name, value in mine:
        w.settle(set_field(me, name, value))
    assert w.records[JOB].version == 1 + len(mine)


# -- taken back, out of sight, still on the way


def test_a_withdrawn_command_changes_nothing_even_if_nobody_here_can_read_it() -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high")
    unreadable = command.model_copy(update={"kind": "pump.exploded"})
    for each in (command, unreadable):
        ruling = w.settle(each, withdrawn=True)
        assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.WITHDRAWN)
    assert fields(w)["priority"] == "normal"


def test_what_left_its_authors_scope_is_refused_by_name() -> None:
    w = world()
    ruling = w.settle(set_field(Person.at(w), "priority", "high"), in_scope=False)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.OUT_OF_SCOPE)
    assert fields(w)["priority"] == "normal"


def test_what_names_bytes_that_are_not_here_waits_for_them() -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high")
    assert w.give(command, lacks=("ab" * 32,)) == Lacks(("ab" * 32,))
    assert fields(w)["priority"] == "normal"
    assert w.settle(command).outcome is Outcome.APPLIED


def test_nobody_sends_bytes_for_what_is_refused_anyway() -> None:
    w = world()
    command = Person.at(w).say("part.consumed", stock_item=SEAL, quantity=6)
    assert w.settle(command, lacks=("ab" * 32,)).reason is Reason.BELOW_FLOOR


def test_a_doubtful_clock_stops_no_command_that_may_be_confirmed_offline() -> None:
    w = world()
    assert w.settle(set_field(Person.at(w), "priority", "high"), doubtful=True).outcome is Outcome.APPLIED


def test_a_doubtful_clock_holds_what_only_the_office_can_settle() -> None:
    w = World.of(record(JOB, status="done", safety_critical=True))
    command = Person.at(w).say("status.changed", to="closed")
    assert isinstance(w.give(command, doubtful=True), Doubt)
    assert fields(w)["status"] == "done"


def test_the_measured_offset_decides_whether_a_slow_clock_made_it_late() -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high")
    late = command.expires_at + timedelta(hours=1)
    assert w.settle(command, at=late, offset=timedelta(minutes=-59)).outcome is Outcome.EXPIRED
    assert w.settle(command, at=late, offset=timedelta(hours=-1)).outcome is Outcome.APPLIED


# -- the organisation's order


def test_where_the_organisation_says_newest_the_later_value_stands_without_a_conflict() -> None:
    w = world()
    mine = set_field(Person.at(w), "priority", "urgent")
    other = set_field(Person.at(w), "access", "back")
    w.settle(set_field(office(w), "priority", "low"), RESOLVER)
    w.settle(set_field(office(w), "access", "front"), RESOLVER)
    newest = frozenset({"work_order.priority"})
    assert w.settle(mine, newest=newest).outcome is Outcome.MERGED
    assert fields(w)["priority"] == "urgent"
    assert w.settle(other, newest=newest).outcome is Outcome.CONFLICT


def test_newest_moves_no_step_that_does_not_exist() -> None:
    w = world()
    mine = Person.at(w).say("status.changed", to="done")
    w.settle(office(w).say("status.changed", to="cancelled"), RESOLVER)
    assert w.settle(mine, newest=frozenset({"work_order.status"})).outcome is Outcome.CONFLICT


# -- what must still come


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=1)])
def test_a_command_waits_for_the_bytes_that_it_names_as_long_as_its_lifetime_lasts(offset: timedelta) -> None:
    w = world()
    command = Person.at(w).say("note.added", text="x")
    last = command.expires_at - offset
    lacks = ("0" * 64,)
    assert w.give(command, lacks=lacks, offset=offset, now=last) == Lacks(lacks)
    ruling = w.settle(command, lacks=lacks, offset=offset, now=last + timedelta(microseconds=1))
    assert (ruling.outcome, ruling.detail) == (Outcome.EXPIRED, "it was good until 2027-02-19 08:00 UTC")


# -- read once


def test_a_command_that_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world()
    command = set_field(Person.at(w), "priority", "high")
    draft = draft_of(command)
    monkeypatch.setattr(commands, "CATALOGUE", {})
    assert draft_of(draft) is draft
    ruling = decide(Facts(command, RESOLVER, w.records, {}, NOW, draft=draft))
    assert isinstance(ruling, Ruling)
    assert ruling.writes[0].fields["priority"] == "high"
    view = View(dict(w.records))
    view.add(draft)
    assert view.records[JOB].fields["priority"] == "high"
    assert [change.new for change in preview(draft, View(dict(w.records))).changes] == ["high"]


def test_ids_of_the_same_instant_differ() -> None:
    assert new_id() != new_id()
