"""State machines as data.

Rules
1. A field with the merge rule `TRANSITION` has a table here: state → states that may follow.
2. A step to the state that already stands is no step; it is always allowed and changes nothing.
3. A step that the table does not list is refused, whoever asks; only a person settling a conflict chooses freely.
"""

from collections.abc import Mapping

WORK_ORDER_STATUS: Mapping[str, frozenset[str]] = {
    "open": frozenset({"in_progress", "on_hold", "done", "cancelled"}),
    "in_progress": frozenset({"on_hold", "done", "cancelled"}),
    "on_hold": frozenset({"in_progress", "done", "cancelled"}),
    "done": frozenset({"in_progress", "closed"}),
    "closed": frozenset(),
    "cancelled": frozenset(),
}

CONFLICT_STATUS: Mapping[str, frozenset[str]] = {
    "open": frozenset({"resolved"}),
    "resolved": frozenset({"open"}),
}

APPROVAL_STATUS: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"approved", "refused", "expired"}),
    "approved": frozenset({"pending"}),  # what was approved is no longer what would happen: it is asked again
    "refused": frozenset(),
    "expired": frozenset(),
}

EXTERNAL_WRITE_STATUS: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"sending", "done", "refused", "parked"}),
    "sending": frozenset({"done", "refused", "parked"}),
    "done": frozenset(),
    "refused": frozenset({"queued", "done"}),
    "parked": frozenset({"queued", "done", "refused"}),
}

ASSIST_TASK_STATUS: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"running", "failed", "expired", "refused", "cancelled"}),
    "running": frozenset({"queued", "done", "failed", "expired", "refused", "cancelled"}),
    "done": frozenset(),
    "failed": frozenset(),
    "expired": frozenset(),
    "refused": frozenset(),
    "cancelled": frozenset(),
}

DOCUMENT_STATUS: Mapping[str, frozenset[str]] = {
    "in_force": frozenset({"withdrawn"}),
    "withdrawn": frozenset({"in_force"}),  # it is added again
}

TABLES: Mapping[tuple[str, str], Mapping[str, frozenset[str]]] = {
    ("work_order", "status"): WORK_ORDER_STATUS,
    ("conflict", "status"): CONFLICT_STATUS,
    ("approval", "status"): APPROVAL_STATUS,
    ("external_write", "status"): EXTERNAL_WRITE_STATUS,
    ("assist_task", "status"): ASSIST_TASK_STATUS,
    ("document", "status"): DOCUMENT_STATUS,
}


def may_step(kind: str, field: str, now: str, to: str) -> bool:
    """Whether `field` of a `kind` may go from `now` to `to`. Raises `KeyError` if the field has no table."""
    return to == now or to in TABLES[kind, field].get(now, frozenset())


def steps(kind: str, field: str, now: str) -> tuple[str, ...]:
    """The states that may follow `now`, in the table's order of states."""
    table = TABLES[kind, field]
    return tuple(state for state in table if state in table.get(now, frozenset()))
