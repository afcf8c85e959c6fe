from dataclasses import replace
from typing import Any

import pytest

import shared.commands
from reconciliation.decide import Facts, Ruling, Wait, decide, draft_of
from reconciliation.external import outgoing_of, with_external
from shared.commands import CATALOGUE
from shared.commands.base import Outgoing
from shared.commands.note_added import NoteAdded
from shared.commands.part_ordered import PartOrdered
from shared.outcomes import EFFECTIVE, Outcome
from tests.builders import JOB, NOW, SEAL, TECHNICIAN, Person, World, record
from tests.contract.systems.acceptance.world import SpareWanted


@pytest.fixture(autouse=True)
def _spare_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, SpareWanted.kind.name: SpareWanted})


def facts_of(world: World, command: Any) -> Facts:
    return Facts(command, TECHNICIAN, world.records, world.past, NOW)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_an_effective_command_writes_to_a_system(outcome: Outcome) -> None:
    command = Person.at(World.of(record(JOB))).say("spare.wanted", part_no="S-1")
    written = outgoing_of(command, SpareWanted(part_no="S-1"), outcome)
    assert (written is not None) == (outcome in EFFECTIVE)
    if written:
        assert (written.command, written.system, dict(written.body)) == (
            command.id, "parts", {"part": "S-1", "quantity": 1},
        )  # fmt: skip


def test_a_kind_without_a_system_and_a_payload_without_a_body_write_nothing() -> None:
    command = Person.at(World.of(record(JOB))).say("note.added", text="x")
    assert outgoing_of(command, NoteAdded(text="x"), Outcome.APPLIED) is None
    assert outgoing_of(command, SpareWanted(part_no="NONE"), Outcome.APPLIED) is None


def test_what_becomes_of_it_is_a_record_that_is_born_queued_under_the_subjects_label() -> None:
    world = World.of(record(JOB, team="north"))
    facts = facts_of(world, Person.at(world).say("spare.wanted", part_no="S-1"))
    ruling = with_external(decide(facts), facts)
    assert isinstance(ruling, Ruling)
    born = ruling.writes[-1]
    assert ruling.external == Outgoing(facts.command.id, "parts", {"part": "S-1", "quantity": 1})
    assert born.ref == f"external_write/{facts.command.id}"
    assert (born.version, born.born) == (1, facts.stamp(1))
    assert {type(value) for value in born.fields.values()} <= {str, int, type(None)}, "as JSON has it"
    assert (born.fields["status"], born.fields["record"], born.fields["team"]) == ("queued", JOB, "north")


def test_a_kind_says_from_the_whole_command_what_it_writes() -> None:
    world = World.of(record(JOB), record(SEAL))
    command = Person.at(world).say("part.ordered", stock_item=SEAL, quantity=2)
    written = outgoing_of(command, PartOrdered(stock_item=SEAL, quantity=2), Outcome.MERGED)
    assert written is not None
    assert (written.body["order"], written.body["ordered_by"]) == (command.id, "a.okafor")


def test_a_command_that_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.of(record(JOB))
    facts = facts_of(world, Person.at(world).say("spare.wanted", part_no="S-1"))
    read = replace(facts, draft=draft_of(facts.command))
    monkeypatch.setattr(shared.commands, "CATALOGUE", {})
    ruling = with_external(decide(read), read)
    assert isinstance(ruling, Ruling)
    assert ruling.external is not None


def test_what_becomes_of_a_write_about_a_record_that_is_born_with_it_is_for_everybody() -> None:
    world = World.of(record(JOB, team="north"))
    facts = replace(facts_of(world, Person.at(world).say("spare.wanted", part_no="S-1")), records={})
    ruling = with_external(Ruling(Outcome.APPLIED), facts)
    assert ruling.writes[0].fields["team"] is None


def test_a_conflict_writes_nothing_to_the_system() -> None:
    world = World.of(record(JOB))
    first, second = Person.at(world), Person.at(world, "TB-02", "b.lind")
    one, two = first.say("spare.wanted", part_no="S-1"), second.say("spare.wanted", part_no="S-2")
    world.settle(one)
    facts = facts_of(world, two)
    ruling = with_external(decide(facts), facts)
    assert isinstance(ruling, Ruling)
    assert (ruling.outcome, ruling.external) == (Outcome.CONFLICT, None)
    assert not any(each.kind == "external_write" for each in ruling.writes)


def test_what_is_not_settled_is_left_as_it_is() -> None:
    world = World.of(record(JOB))
    facts = facts_of(world, Person.at(world).say("spare.wanted", part_no="S-1"))
    waiting = Wait(("x",))
    assert with_external(waiting, facts) is waiting
    refused = decide(replace(facts, roles=frozenset()))
    assert with_external(refused, facts) is refused
