"""What a command remembers of what its author saw."""

from reconciliation.compose import Author, compose
from reconciliation.decide import Ruling
from reconciliation.rebase import View
from shared.commands.base import OFFICE
from shared.commands.note_added import NoteAdded
from shared.outcomes import Outcome, Reason
from tests.builders import JOB, NOW, SEAL, Person, World, new_id, record


def test_amounts_name_no_earlier_command_so_that_none_waits_for_another() -> None:
    me = Person.at(World.of(record(JOB), record(SEAL, 3, on_hand=5)))
    me.say("part.consumed", stock_item=SEAL, quantity=1)
    again = me.say("part.consumed", stock_item=SEAL, quantity=2)
    (base,) = again.bases
    assert (base.record, base.field, base.value, base.version, base.command) == (SEAL, "on_hand", 4, 3, None)
    assert again.needs == frozenset()


def test_of_a_record_that_is_not_there_nothing_was_seen() -> None:
    w = World.of(record(JOB))
    command = Person.at(w).say("part.consumed", stock_item=SEAL, quantity=1)
    (base,) = command.bases
    assert (base.value, base.version, base.command) == (None, 0, None)
    ruling = w.settle(command)
    assert isinstance(ruling, Ruling)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.RECORD_MISSING)


def test_a_command_has_its_place_in_its_devices_chain_and_the_version_that_was_seen() -> None:
    author = Author(new_id(), "t", "TB-01", "a.okafor", NOW, "p1", (2, 7, "0" * 64))
    command = compose(NoteAdded(text="x"), JOB, author, View({JOB: record(JOB, 3)}))
    assert (command.epoch, command.seq, command.prev, command.base_version) == (2, 7, "0" * 64, 3)
    at_the_office = Author(new_id(), "t", OFFICE, "m.reyes", NOW, "p1")
    unseen = compose(NoteAdded(text="x"), JOB, at_the_office, View({}))
    assert (unseen.epoch, unseen.seq, unseen.prev, unseen.base_version) == (None, None, None, 0)
