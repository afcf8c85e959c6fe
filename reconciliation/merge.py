"""How one edit meets one value: the merge rules themselves.

`combine` gives the value that results, or says why there is none. It knows nothing of versions or people: whether the
result may stand is `conflict`'s question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import assert_never

from pydantic import JsonValue

from reconciliation.lifecycle import may_step
from shared.commands.base import Edit
from shared.ids import kind_of
from shared.outcomes import Reason
from shared.records import Merge, Rule, check_entry, check_value, rule_of
from shared.values import value

_ID = itemgetter("id")


@value(frozen=True, slots=True)
class Combined:
    """The value that results from an edit."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class Impossible:
    """The rule gives no value: the step does not exist, the counter would fall below its floor, the type is wrong."""

    reason: Reason
    detail: str


def combine(current: JsonValue, edit: Edit) -> Combined | Impossible:
    """`edit` applied to `current` by the rule beside the field."""
    kind = kind_of(edit.record)
    try:
        rule = rule_of(kind, edit.field)
        if not edit.decided and (obstacle := _obstacle(kind, rule, current, edit)):
            return obstacle
        if rule.merge is Merge.APPEND and not edit.decided:
            return Combined(_append(current, check_entry(kind, edit.field, edit.value)))
        return Combined(check_value(kind, edit.field, _raw(rule, current, edit)))
    except (TypeError, ValueError):  # of what shape a value is not, its author cannot put right
        return Impossible(Reason.PAYLOAD_INVALID, f"{edit.field} of {edit.record} cannot hold that value")


def _obstacle(kind: str, rule: Rule, current: JsonValue, edit: Edit) -> Impossible | None:
    if rule.merge is Merge.TRANSITION and not may_step(kind, edit.field, str(current), str(edit.value)):
        return Impossible(
            Reason.STEP_NOT_ALLOWED, f"{edit.field} cannot go from {current} to {edit.value} ({edit.record})"
        )
    if rule.floor is not None:
        left = _amount(current) + _amount(edit.value)
        if left < rule.floor:
            return Impossible(
                Reason.BELOW_FLOOR,
                f"{edit.field} of {edit.record} would fall to {left:g}; {current} there, {edit.value} asked",
            )
    return None


def _raw(rule: Rule, current: JsonValue, edit: Edit) -> JsonValue:
    if edit.decided:
        return edit.value
    match rule.merge:
        case Merge.REGISTER | Merge.NEWEST | Merge.TRANSITION | Merge.APPEND:
            return edit.value
        case Merge.ADD:
            return _amount(current) + _amount(edit.value)
        case Merge.MEMBERS:
            return _members(current, edit.value)
        case Merge.TICKS:
            return _ticks(current, edit.value)
        case _:
            assert_never(rule.merge)


def _amount(value: JsonValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def _append(current: JsonValue, entry: JsonValue) -> JsonValue:
    entries = _list(current)
    if not isinstance(entry, dict):
        raise TypeError
    return entries if _is_among(entries, entry.get("id")) else [*entries, entry]


def _is_among(entries: list[JsonValue], name: JsonValue) -> bool:
    """Whether an entry is called `name`. A list may be long: its entries are asked without a look at their type."""
    try:
        return name in map(_ID, entries)  # type: ignore[arg-type]  # what it is not, it says by raising
    except (KeyError, TypeError):
        return any(isinstance(each, dict) and each.get("id") == name for each in entries)


def _members(current: JsonValue, change: JsonValue) -> JsonValue:
    if not isinstance(change, Mapping):
        raise TypeError
    removed = _list(change.get("remove", []))
    kept = [each for each in _list(current) if each not in removed]
    return [*sorted({*map(str, kept), *map(str, _list(change.get("add", [])))})]


def _ticks(current: JsonValue, change: JsonValue) -> JsonValue:
    """The list with one item ticked (`tick`: the tick's entry) or freed of the ticks that `untick` names by id."""
    if not isinstance(change, Mapping):
        raise TypeError
    items = _list(current)
    if change.get("item") not in map(_id_of, items):
        raise ValueError
    return [_ticked(item, change) if isinstance(item, Mapping) else item for item in items]


def _ticked(item: Mapping[str, JsonValue], change: Mapping[str, JsonValue]) -> JsonValue:
    if item.get("id") != change.get("item"):
        return dict(item)
    taken_back = _list(change.get("untick", []))
    ticks: JsonValue = [tick for tick in _list(item.get("ticks", [])) if _id_of(tick) not in taken_back]
    return {**item, "ticks": _append(ticks, change["tick"]) if "tick" in change else ticks}


def _id_of(entry: JsonValue) -> JsonValue:
    return entry.get("id") if isinstance(entry, Mapping) else None


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError
    return value
