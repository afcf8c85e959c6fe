import pytest

from reconciliation.scope import team_of, visible
from shared.commands.base import Role
from tests.builders import JOB, PUMP, RESOLVER, Person, World, office, record

NORTH, SOUTH = frozenset({"north"}), frozenset({"south"})


@pytest.mark.parametrize(
    ("team", "teams", "seen"),
    [
        ("north", NORTH, True),
        ("north", SOUTH, False),
        ("north", NORTH | SOUTH, True),
        ("north", frozenset(), False),
        ("north", None, True),
        (None, NORTH, True),
        (None, frozenset(), True),
        (None, None, True),
    ],
)
def test_a_label_is_seen_by_its_team_and_no_label_by_everybody(
    team: str | None, teams: frozenset[str] | None, seen: bool
) -> None:
    assert visible(record(JOB, team=team), teams) is seen


def test_a_record_of_a_kind_without_labels_is_for_everybody() -> None:
    assert team_of(record(PUMP)) is None
    assert visible(record(PUMP), frozenset())


def test_a_conflict_is_seen_by_the_team_of_its_subject_alone() -> None:
    w = World.of(record(JOB, team="north"))
    mine = Person.at(w).say("field.updated", field="priority", value="high")
    w.settle(office(w).say("field.updated", field="priority", value="low"), RESOLVER)
    ruling = w.settle(mine, frozenset({Role.TECHNICIAN}))
    conflict = w.records[str(ruling.conflict)]
    assert (visible(conflict, NORTH), visible(conflict, SOUTH)) == (True, False)
