from hypothesis import given
from hypothesis import strategies as st

from reconciliation.preview import Change, Preview, preview
from reconciliation.rebase import View
from reconciliation.rebase import rebase as rebase_held
from shared.commands.base import Command
from shared.outcomes import EFFECTIVE
from shared.records import Record, Stamp
from tests.builders import JOB, PUMP, RESOLVER, SEAL, Person, World, new_id, office, record


def rebase(replica: dict[str, Record], pending: list[Command]) -> View:
    return rebase_held(replica, [(command, frozenset()) for command in pending])


def world() -> World:
    return World.of(record(JOB), record(PUMP), record(SEAL, on_hand=100))


def acts(person: Person, picks: list[int]) -> list:  # type: ignore[type-arg]
    said = {
        0: lambda: person.say("note.added", text="x"),
        1: lambda: person.say("field.updated", field="priority", value="high"),
        2: lambda: person.say("field.updated", field="priority", value="low"),
        3: lambda: person.say("part.consumed", stock_item=SEAL, quantity=1),
        4: lambda: person.say("status.changed", to="in_progress"),
        5: lambda: person.say("reading.recorded", asset=PUMP, quantity="flow", value=3, unit="m3/h"),
    }
    return [said[pick]() for pick in picks]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_what_the_technician_sees_is_what_the_server_will_hold_if_nobody_else_acts(picks: list[int]) -> None:
    w = world()
    commands = acts(Person.at(w), picks)
    view = rebase(dict(w.records), commands)
    for command in commands:
        assert w.settle(command).outcome in EFFECTIVE
    seen = {ref: dict(each.fields) for ref, each in view.records.items()}
    assert {ref: {**each.fields, "taken_at": None} for ref, each in w.records.items()} == {
        ref: {**each, "taken_at": None} for ref, each in seen.items()
    }
    assert not view.blocked


@given(st.lists(st.integers(0, 5), max_size=12))
def test_what_a_preview_foresees_is_what_the_replay_gives(picks: list[int]) -> None:
    w = world()
    plain, foreseen = View(dict(w.records)), View(dict(w.records))
    for command in acts(Person.at(w), picks):
        foreseen.add(command, foreseen=preview(command, foreseen).values)
        plain.add(command)
        assert foreseen == plain


def test_a_view_lies_on_top_of_the_replica_and_a_scratch_on_top_of_the_view() -> None:
    w = world()
    (high, low) = acts(Person.at(w), [1, 2])
    before = dict(w.records)
    view = rebase(before, [high])
    scratch = view.scratch()
    scratch.add(low)
    assert [each.records[JOB].value("priority") for each in (view, scratch)] == ["high", "low"]
    assert (before, set(view.records)) == (dict(w.records), set(before))
    assert view.pending[JOB, "priority"] == high.id != scratch.pending[JOB, "priority"]


def test_what_was_foreseen_is_not_worked_out_again() -> None:
    w = world()
    (command,) = acts(Person.at(w), [1])
    view = View(dict(w.records))
    view.add(command, foreseen={(JOB, "priority"): "foreseen"})
    assert view.records[JOB].fields["priority"] == "foreseen"


def test_nothing_is_foreseen_of_a_field_that_changes_twice() -> None:
    once, again = Change(JOB, "priority", "low", "high"), Change(JOB, "priority", "low", "normal")
    assert Preview((once,)).values == {(JOB, "priority"): "high"}
    assert Preview((once, again)).values == {}


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 12))
def test_settling_a_prefix_does_not_change_what_is_seen(picks: list[int], settled: int) -> None:
    w = world()
    commands = acts(Person.at(w), picks)
    before = rebase(dict(w.records), commands)
    for command in commands[:settled]:
        w.settle(command)
    after = rebase(dict(w.records), commands[settled:])
    assert {ref: each.fields for ref, each in after.records.items()} == {
        ref: each.fields for ref, each in before.records.items()
    }


def test_a_replayed_record_keeps_the_version_that_its_author_saw() -> None:
    w = world()
    view = rebase(dict(w.records), acts(Person.at(w), [0, 1, 1]))
    assert view.records[JOB].version == 1


def test_a_command_that_no_longer_fits_is_named_and_changes_nothing() -> None:
    w = world()
    (command,) = acts(Person.at(w), [4])
    w.settle(office(w).say("status.changed", to="cancelled"), RESOLVER)
    view = rebase(dict(w.records), [command])
    assert command.id in view.blocked
    assert view.records[JOB].fields["status"] == "cancelled"


def test_a_record_that_left_blocks_only_what_needs_it() -> None:
    w = world()
    note, part = acts(Person.at(w), [0, 3])
    replica = dict(w.records)
    del replica[SEAL]
    view = rebase(replica, [note, part])
    assert list(view.blocked) == [part.id]
    assert view.records[JOB].fields["notes"]


def test_the_replica_itself_is_never_edited() -> None:
    w = world()
    replica = dict(w.records)
    rebase(replica, acts(Person.at(w), [0, 1, 3, 5]))
    assert replica == w.records


def test_a_record_born_on_the_device_is_its_commands_until_the_server_has_it() -> None:
    w = world()
    (command,) = acts(Person.at(w), [5])
    ref = f"reading/{command.id}"
    view = rebase(dict(w.records), [command])
    stamp = Stamp(0, command.id, command.device, command.actor, command.issued_at)
    born = view.records[ref]
    assert (born.ref, born.version, born.born) == (ref, 0, stamp)
    assert view.born_by == {ref: command.id}


def test_a_record_that_is_held_has_the_effect_already() -> None:
    w = world()
    (command,) = acts(Person.at(w), [3])
    view = rebase_held(dict(w.records), [(command, frozenset({SEAL}))])
    assert view.records[SEAL].fields["on_hand"] == 100
    assert view.records[JOB].fields["parts_used"]


def test_why_a_command_cannot_be_shown_is_told() -> None:
    w = world()
    note, part, step, reading = acts(Person.at(w), [0, 3, 4, 5])
    unreadable = note.model_copy(update={"id": new_id(), "kind": "mood.recorded"})
    misfit = reading.model_copy(update={"actor": "", "id": new_id()})
    replica = dict(w.records)
    del replica[SEAL]
    replica[JOB] = record(JOB, status="cancelled")
    view = rebase(replica, [part, step, reading, reading, unreadable, misfit])
    assert view.blocked == {
        part.id: f"{SEAL} is not on this device",
        step.id: f"status cannot go from cancelled to in_progress ({JOB})",
        reading.id: f"reading/{reading.id} exists already",
        unreadable.id: "no command kind 'mood.recorded' in this version",
        misfit.id: f"reading/{misfit.id} does not fit",
    }
