"""Bugs of the rules that laptop and server share."""

from typing import Any

from reconciliation import conflict, merge
from simulators.mutants.base import put


def stock_floor_ignored() -> None:
    """A shelf gives away what it does not have."""
    obstacle, check = merge._obstacle, vars(merge)["check_value"]  # noqa: SLF001

    def but_floors(kind: str, rule: Any, current: Any, edit: Any) -> Any:
        return None if edit.field == "on_hand" else obstacle(kind, rule, current, edit)

    put(merge, "_obstacle", but_floors)
    put(merge, "check_value", lambda kind, name, value: value if name == "on_hand" else check(kind, name, value))


def base_ignored() -> None:
    """Nobody's change is ever news to anybody."""
    put(conflict, "foreign_since", lambda *_: False)
