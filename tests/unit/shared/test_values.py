"""Values that are made by the thousand: equal and hashed by what they hold, and assigned to by nobody."""

from datetime import UTC, datetime

import pytest

from shared.records import Stamp
from shared.values import value

AT = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(command: str = "a") -> Stamp:
    return Stamp(1, command, "d", "u", AT)


def test_values_are_what_they_hold() -> None:
    assert stamp() == stamp()
    assert stamp() != stamp("b")
    assert len({stamp(), stamp(), stamp("b")}) == 2


def test_assignment_is_for_the_type_checker_to_refuse() -> None:
    changed = stamp()
    changed.command = "b"  # type: ignore[misc]  # an ignore that is not needed any more is an error: mypy refuses this
    assert changed == stamp("b")


def test_what_may_be_assigned_to_is_no_value() -> None:
    with pytest.raises(AssertionError, match="dataclass"):
        value(frozen=False)
