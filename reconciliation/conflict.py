"""What a clash is.

Rules
1. A field changed *since its base* if somebody else changed it after the version that the author saw. A device's own
   earlier commands are no surprise to their author.
2. Where the merge rule gives a value that respects both edits, there is no clash: entries are both kept, amounts add
   up, a step that is still allowed is taken, the newest stands where the organisation says so.
3. Two people wanting the same value do not clash.
4. What is left is a clash if the field changed since its base, and a plain refusal if it did not: then the author
   could have known.
5. A value that a person decided over an open conflict never clashes anew; if the field changed since that person
   looked, the decision is stale.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from pydantic import JsonValue

from reconciliation.merge import Combined, Impossible, combine
from shared.commands.base import OFFICE, Base, Command, Edit
from shared.ids import kind_of
from shared.outcomes import Reason
from shared.records import Clash, Merge, Record, Side, Stamp, check_value, rule_of
from shared.values import value


@value(frozen=True, slots=True)
class Clean:
    """The edit takes effect with this value. `met` says that it met somebody else's change on the way."""

    edit: Edit
    value: JsonValue
    met: bool


@dataclass(frozen=True, slots=True)
class Clashing:
    """The edit cannot take effect; a person must choose."""

    edit: Edit
    clash: Clash


@dataclass(frozen=True, slots=True)
class Refused:
    """The edit makes no sense, and its author could have known."""

    reason: Reason
    detail: str


Verdict = Clean | Clashing | Refused


def foreign_since(stamp: Stamp, version: int, command: Command) -> bool:
    """Whether `stamp` is somebody else's change made after `version`."""
    return stamp.version > version and (stamp.device != command.device or command.device == OFFICE)


def judge(
    edit: Edit,
    record: Record,
    command: Command,
    produced: Mapping[str, Mapping[str, int]],
    newest: Set[str] = frozenset(),
) -> Verdict:
    """What becomes of one edit.

    Args:
        edit: the touched field.
        record: what stands now.
        command: the command around the edit; its bases say what the author saw.
        produced: command id → record → version that the command produced, for every command that a base names.
        newest: ``record_kind.field`` of the registers in which the later edit stands, by the server's order.
    """
    base = _base_of(edit, command)
    seen = _seen_version(edit.record, base, command, produced)
    if seen > record.version:
        seen = 0  # nobody can have seen a version that does not exist; a restored server is asked by people who did
    changed = foreign_since(record.stamp(edit.field), seen, command)
    current = record.value(edit.field)
    if edit.decided and changed:
        return Refused(Reason.STALE, f"{edit.field} of {edit.record} changed since you looked")
    result = combine(current, edit)
    if isinstance(result, Combined) and (not changed or result.value == current or _merges(edit, newest)):
        return Clean(edit, result.value, changed)
    if changed and not (isinstance(result, Impossible) and result.reason is Reason.PAYLOAD_INVALID):
        return Clashing(edit, clash_of(edit, record, command))
    assert isinstance(result, Impossible), "an edit of an unchanged field either combines or is impossible"
    return Refused(result.reason, result.detail)


def clash_of(edit: Edit, record: Record, command: Command) -> Clash:
    """Both sides of a field that could not take both; `mine.value` is what the command asks, as the kind gives it."""
    base = _base_of(edit, command)
    theirs = record.stamp(edit.field)
    return Clash(
        record=edit.record,
        field=edit.field,
        base=_fitting(base),
        mine=Side(value=edit.value, actor=command.actor, device=command.device, at=command.issued_at),
        theirs=Side(value=record.value(edit.field), actor=theirs.actor, device=theirs.device, at=theirs.at),
        version=record.version,
    )


def _fitting(base: Base | None) -> JsonValue:
    """What the author says to have seen, if the field could ever have held it: it goes into everybody's replica."""
    if base is None:
        return None
    try:
        return check_value(kind_of(base.record), base.field, base.value)
    except ValueError:
        return None


def _merges(edit: Edit, newest: Set[str]) -> bool:
    return rule_of(kind_of(edit.record), edit.field).merge is not Merge.REGISTER or edit.place in newest


def _base_of(edit: Edit, command: Command) -> Base | None:
    for base in command.bases:
        if base.record == edit.record and base.field == edit.field:
            return base
    return None


def _seen_version(ref: str, base: Base | None, command: Command, produced: Mapping[str, Mapping[str, int]]) -> int:
    if base is None:
        return command.base_version if ref == command.record else 0
    if base.command is None:
        return base.version
    return max(base.version, produced[base.command].get(ref, 0))
