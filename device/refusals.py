"""A command that was refused, for its author: which rule, who decided, and what comes next. Facts only."""

from collections.abc import Sequence
from datetime import datetime

from device.store import Item, State
from device.words import moment, named
from reconciliation.explain import NEXT_STEP
from shared.ids import id_of
from shared.outcomes import Outcome, Reason
from shared.records import Record

_BY_PERSON = frozenset({Reason.NOT_APPROVED, Reason.DISMISSED})
_LATE = "Enter it again if it still holds: g gives it again as it is, e with a change."


def refusal_words(item: Item, approvals: Sequence[Record], now: datetime) -> list[str]:
    """Rule, who decided, next step, one line each; nothing for what was not refused or was dealt with."""
    if item.dealt is not None:
        return []
    if item.state is State.TURNED and item.problem is not None:
        return [
            f"Rule: {item.problem.title}: {item.problem.detail}.",
            "Decided by: the server, before it looked at what it says. It is kept here and tried again.",
            f"Next: {item.problem.remedy}",
        ]
    receipt = item.receipt
    if receipt is None or receipt.outcome not in {Outcome.REJECTED, Outcome.EXPIRED}:
        return []
    at = moment(receipt.settled_at, now)
    rule = "too late" if receipt.outcome is Outcome.EXPIRED or not receipt.reason else named(receipt.reason)
    step = NEXT_STEP[receipt.reason] if receipt.reason else _LATE
    return [
        f"Rule: {rule}: {receipt.detail}.",
        f"Decided by: {_who(item, approvals)}, {at}. Your work is kept here.",
        f"Next: {step}",
    ]


def _who(item: Item, approvals: Sequence[Record]) -> str:
    assert item.receipt is not None, "it was refused by a receipt"
    if item.receipt.reason not in _BY_PERSON:
        return "the server's rules; ask the office if that is wrong"
    mine = next((each for each in approvals if id_of(each.ref) == item.command.id), None)
    person = mine.fields["decided_by"] if mine else None
    return f"{person}, at the office" if person else "a person at the office"
