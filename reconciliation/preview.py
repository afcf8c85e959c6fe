"""What a command would change, shown before anybody confirms it: record, field, old → new."""

from pydantic import JsonValue

from reconciliation.draft import Draft, draft_of
from reconciliation.merge import Impossible, combine
from reconciliation.rebase import View
from shared.commands.base import Command, Creation, Effect
from shared.values import value

MISSING = "There is no {record} on this device."


@value(frozen=True, slots=True)
class Change:
    """One field before and after; `old` is None for a record that the command creates."""

    record: str
    field: str
    old: JsonValue
    new: JsonValue


@value(frozen=True, slots=True)
class Preview:
    """The changes of a command, or the obstacle that its author can see already."""

    changes: tuple[Change, ...]
    obstacle: str | None = None

    @property
    def values(self) -> dict[tuple[str, str], JsonValue]:
        """What each field will hold; empty if the command changes one twice, as then it is more than one change."""
        values = {(change.record, change.field): change.new for change in self.changes}
        return values if len(values) == len(self.changes) else {}


def preview(command: Command | Draft, view: View) -> Preview:
    """What `command` would do to `view`.

    Raises:
        UnknownKind, ValueError: as `draft_of`.
    """
    draft = draft_of(command)
    if misplaced := draft.payload.misplaced(draft.command.record):
        return Preview((), misplaced)
    created = {effect.record for effect in draft.effects if isinstance(effect, Creation)}
    if missing := [ref for ref in draft.refs if ref not in view.records and ref not in created]:
        return Preview((), MISSING.format(record=min(missing)))
    if objection := draft.payload.objection(draft.command, view.records):
        return Preview((), objection)
    changes: list[Change] = []
    for effect in draft.effects:
        result = _changes(effect, view)
        if isinstance(result, Impossible):
            return Preview((), result.detail)
        changes += result
    return Preview(tuple(changes))


def _changes(effect: Effect, view: View) -> list[Change] | Impossible:
    if isinstance(effect, Creation):
        return [Change(effect.record, name, None, value) for name, value in effect.fields.items()]
    old = view.records[effect.record].value(effect.field)
    result = combine(old, effect)
    if isinstance(result, Impossible):
        return result
    return [Change(effect.record, effect.field, old, result.value)]
