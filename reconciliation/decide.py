"""One command against the records: the ruling.

Order of the questions, first answer wins
1. Has its author taken it back? That needs no reading.
2. Can it be read, and can its kind be about that record?
3. Is its lifetime one that a command may have, and has it not passed when it was received?
4. May this person give this kind of command, and still see the records that it is about?
5. Have the commands that it rests on taken effect? Not settled yet → it waits. Failed → it fails with them.
6. Does it make sense: records, the kind's own objection?
7. Edit by edit: clean, clashing or refused (`conflict`). One refused edit refuses the command. Fields that the kind
   declares atomic clash together. A decision over a conflict never clashes anew: it stands whole or is refused.
8. Are the bytes here that it names? If not, it waits for them as long as its lifetime lasts.
9. Is it timely? Then its time must not be over now. Does it need central authority, by its kind or by policy? Then
   its time must not be over either, its device's clock must be beyond doubt, and somebody else must have approved
   exactly what would happen (`approval`).
10. The clean edits are applied, the clashes become one `conflict` record, and nothing is lost.

Whatever a person has to do (send bytes, look at a clock, approve) is asked only of a command that can still take
effect. The ruling is a value. Whoever called persists all of it in one transaction, or none.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from pydantic import JsonValue

from reconciliation.approval import closed, unapproved
from reconciliation.conflict import Clashing, Clean, Refused, clash_of, foreign_since, judge
from reconciliation.draft import Draft, draft_of, refs_of
from reconciliation.expiry import datable, expired, too_long
from reconciliation.merge import Impossible, combine
from reconciliation.ruling import (
    Defer,
    Doubt,
    Facts,
    Lacks,
    Past,
    Pending,
    Ruling,
    Wait,
    rejected,
)
from reconciliation.scope import team_of
from shared.commands.base import OFFICE, Authority, Base, Command, Creation, Edit, Effect, Kind
from shared.ids import kind_of, record_ref
from shared.outcomes import EFFECTIVE, FieldName, Outcome, Reason
from shared.records import REPLACES, Conflict, Merge, Record, check_fields, rule_of

__all__ = [
    "Defer",
    "Doubt",
    "Draft",
    "Facts",
    "Lacks",
    "Past",
    "Pending",
    "Ruling",
    "Wait",
    "decide",
    "draft_of",
    "refs_of",
]

_Groups = tuple[frozenset[str], ...]


def decide(facts: Facts) -> Ruling | Pending:
    """The ruling on `facts.command`, or what it takes to come to one.

    Raises:
        UnknownKind: a kind or schema version that this program does not know; the caller holds it unreadable.
    """
    answer = _answer(facts)
    return closed(facts, answer) if isinstance(answer, Ruling) else answer


def _answer(facts: Facts) -> Ruling | Pending:
    if facts.withdrawn:
        return rejected(Reason.WITHDRAWN, "its author took it back")
    try:
        draft = facts.draft or draft_of(facts.command)
    except ValueError as error:
        return rejected(
            Reason.PAYLOAD_INVALID, f"the payload does not fit {facts.command.kind}: {_first_line(error)}"
        )
    if misplaced := draft.payload.misplaced(facts.command.record):
        return rejected(Reason.OBJECTION, misplaced)
    return (
        _out_of_time(facts)
        or _not_permitted(facts, draft.payload.kind)
        or _needs(facts)
        or _senseless(facts, draft)
        or _on_merits(facts, draft)
    )


def _out_of_time(facts: Facts) -> Ruling | None:
    if too_long(facts.command):
        return rejected(Reason.LIFETIME_TOO_LONG, "it asks for a lifetime that no command may have")
    if undated := undatable(facts.command):
        return undated
    return _too_late(facts) if expired(facts.command, facts.received_at, facts.offset) else None


def undatable(command: Command) -> Ruling | None:
    """The refusal of a command whose times no clock can have shown; None for any other."""
    if datable(command.issued_at) and datable(command.expires_at):
        return None
    return rejected(
        Reason.PAYLOAD_INVALID,
        f"no clock shows the time at which it says that it was confirmed ({command.issued_at.isoformat()}): "
        "set the clock and give it again",
    )


def _too_late(facts: Facts) -> Ruling:
    return Ruling(Outcome.EXPIRED, detail=f"it was good until {facts.command.expires_at:%Y-%m-%d %H:%M} UTC")


def _not_permitted(facts: Facts, kind: Kind) -> Ruling | None:
    if not facts.roles & kind.roles:
        return rejected(Reason.NOT_PERMITTED, f"{kind.name} needs one of: {', '.join(sorted(kind.roles))}")
    if not facts.in_scope:
        return rejected(Reason.OUT_OF_SCOPE, f"{facts.command.record} is no longer among its author's records")
    return None


def _needs(facts: Facts) -> Ruling | Wait | None:
    needs = sorted(facts.command.needs)
    if not needs:
        return None
    past = {need: facts.past.get(need, Past()) for need in needs}
    if unknown := [n for n in needs if not past[n].known or n == facts.command.id]:
        return rejected(Reason.DEPENDENCY_FAILED, f"it rests on {unknown[0]}, which does not come before it")
    failed = [n for n in needs if past[n].outcome in {Outcome.REJECTED, Outcome.EXPIRED}]
    if failed:
        return rejected(Reason.DEPENDENCY_FAILED, f"it rests on {failed[0]}, which did not take effect")
    waiting = tuple(n for n in needs if past[n].outcome not in EFFECTIVE and not past[n].resolved)
    return Wait(waiting) if waiting else None


def _senseless(facts: Facts, draft: Draft) -> Ruling | None:
    records, created = facts.records, [effect.record for effect in draft.effects if isinstance(effect, Creation)]
    if there := [ref for ref in created if ref in records]:
        return rejected(Reason.RECORD_EXISTS, f"{min(there)} exists already")
    if missing := [ref for ref in draft.refs if ref not in records and ref not in created]:
        return rejected(Reason.RECORD_MISSING, f"there is no {min(missing)}")
    if objection := draft.payload.objection(facts.command, facts.records):
        return rejected(Reason.OBJECTION, objection)
    if facts.full and (full := [e.record for e in draft.effects if e.record in facts.full and _grows(e)]):
        return rejected(Reason.RECORD_FULL, f"{min(full)} holds as much as one record can")
    return None


def _grows(effect: Effect) -> bool:
    """Whether a record keeps what was there and becomes longer by it."""
    if not isinstance(effect, Edit):
        return False
    return rule_of(kind_of(effect.record), effect.field).merge not in REPLACES | {Merge.ADD}


def _on_merits(facts: Facts, draft: Draft) -> Ruling | Pending:
    try:
        born = [_born(effect, facts) for effect in draft.effects if isinstance(effect, Creation)]
    except _Misfit as misfit:
        return rejected(Reason.PAYLOAD_INVALID, str(misfit))
    judged = _judged(facts, draft)
    if isinstance(judged, Ruling):
        return judged
    if facts.lacks:
        return _too_late(facts) if expired(facts.command, facts.effect_at, facts.offset) else Lacks(facts.lacks)
    return _uncertain(facts, draft, judged) or _ruling(facts, born, judged, draft.payload.kind.atomic)


def _judged(facts: Facts, draft: Draft) -> list[Clean | Clashing] | Ruling:
    """Every edit with its verdict, atomic groups together, or the refusal that one of them is."""
    edits = [effect for effect in draft.effects if isinstance(effect, Edit)]
    produced = {need: _produced(need, facts) for need in facts.past}
    standing = dict(facts.records)
    verdicts: list[Clean | Clashing] = []
    for edit in edits:
        verdict = judge(edit, standing[edit.record], facts.command, produced, facts.newest)
        if isinstance(verdict, Refused):
            return rejected(verdict.reason, verdict.detail)
        verdicts.append(verdict)
        if isinstance(verdict, Clean) and _again(edit, edits):
            # A second edit of the field meets what this one makes of it.
            record = standing[edit.record]
            standing[edit.record] = replace(record, fields={**record.fields, edit.field: verdict.value})
    clash = next((v for v in verdicts if isinstance(v, Clashing)), None)
    if clash is None:
        return verdicts
    if kind_of(facts.command.record) == "conflict" or any(edit.decided for edit in edits):
        return _undecidable(clash.edit, standing[clash.edit.record])
    return _clash_together(verdicts, draft.payload.kind.atomic, facts)


def _undecidable(edit: Edit, record: Record) -> Ruling:
    """A decision takes effect whole, or its author looks again: it opens no conflict of its own."""
    result = combine(record.value(edit.field), edit)
    if isinstance(result, Impossible):
        return rejected(result.reason, result.detail)
    return rejected(Reason.STALE, "what it decides changed since its author looked")


def _again(edit: Edit, edits: list[Edit]) -> bool:
    """Whether the field is edited more than once."""
    return len(edits) > 1 and sum(each.record == edit.record and each.field == edit.field for each in edits) > 1


def _produced(need: str, facts: Facts) -> Mapping[str, int]:
    """The versions at which the author's view of `need` came true; none where a person settled otherwise.

    Somebody set a field to "a" and then, resting on that, to "b". The first became a conflict. If the office kept
    "a", that is what the second's author saw: its edit goes on from the version that the settlement made. If the
    office chose "x", the author never saw that: the second meets it as anybody else's edit.
    """
    past = facts.past[need]
    if past.outcome in EFFECTIVE:
        return past.versions
    as_seen = {
        base.record
        for base in facts.command.bases
        if base.command == need and _stands(facts.records.get(base.record), base)
    }
    return {ref: version for ref, version in past.versions.items() if ref in as_seen}


def _stands(record: Record | None, base: Base) -> bool:
    """Whether what the author saw is what stands now."""
    return record is not None and record.value(base.field) == base.value


def _clash_together(verdicts: list[Clean | Clashing], groups: _Groups, facts: Facts) -> list[Clean | Clashing]:
    clashing = {v.edit.place for v in verdicts if isinstance(v, Clashing)}
    drawn_in = {place for group in groups if group & clashing for place in group}
    return [_drawn_in(v, facts) if isinstance(v, Clean) and v.edit.place in drawn_in else v for v in verdicts]


def _drawn_in(clean: Clean, facts: Facts) -> Clashing:
    """A clean edit whose atomic partner clashes: it waits in the same conflict, with nothing against it."""
    return Clashing(clean.edit, clash_of(clean.edit, facts.records[clean.edit.record], facts.command))


def _uncertain(facts: Facts, draft: Draft, verdicts: list[Clean | Clashing]) -> Ruling | Doubt | Defer | None:
    """What a command that only the office can settle, or that is timely, still lacks; None for any other."""
    central = facts.guarded or draft.payload.authority(facts.command, facts.records) is Authority.CENTRAL
    if not (central or draft.payload.kind.timely):
        return None
    if expired(facts.command, facts.effect_at, facts.offset):
        return _too_late(facts)
    if not central:
        return None
    if facts.doubtful:
        return Doubt("the device's clock stepped, or the device restarted, since this was confirmed")
    return unapproved(facts, draft, verdicts)


def _ruling(facts: Facts, born: list[Record], verdicts: list[Clean | Clashing], atomic: _Groups) -> Ruling:
    clean = [v for v in verdicts if isinstance(v, Clean)]
    clashes = [v for v in verdicts if isinstance(v, Clashing)]
    writes = [*born, *_changed(clean, facts)]
    conflict = _conflict_record(clashes, facts, atomic) if clashes else None
    if conflict:
        writes.append(conflict)
    merged = any([v.met for v in clean]) or _others_moved_on(facts)  # noqa: C419 - one or two, and quicker
    return Ruling(
        outcome=Outcome.CONFLICT if clashes else Outcome.MERGED if merged else Outcome.APPLIED,
        writes=tuple(writes),
        applied=tuple([_name(v.edit.record, v.edit.field) for v in clean]),
        conflicting=tuple([_name(v.edit.record, v.edit.field) for v in clashes]),
        conflict=conflict.ref if conflict else None,
    )


@lru_cache(maxsize=4096)
def _name(record: str, field: str) -> FieldName:
    return FieldName(record=record, field=field)


def _others_moved_on(facts: Facts) -> bool:
    command, record = facts.command, facts.records.get(facts.command.record)
    if record is None or command.device == OFFICE or record.version <= command.base_version:
        return False
    stamps = [record.born, *record.stamps.values()]
    return any([foreign_since(stamp, command.base_version, command) for stamp in stamps])  # noqa: C419 - quicker


class _Misfit(Exception):
    """A record that cannot be created as the command says."""


def _born(creation: Creation, facts: Facts) -> Record:
    try:
        fields = check_fields(kind_of(creation.record), creation.fields)
    except ValueError as error:
        raise _Misfit(f"{creation.record} does not fit: {_first_line(error)}") from error
    if creation.under is not None:
        fields["team"] = team_of(facts.records[creation.under])
    return Record(creation.record, 1, fields, facts.stamp(1))


def _changed(clean: list[Clean], facts: Facts) -> list[Record]:
    values: dict[str, dict[str, JsonValue]] = {}
    for verdict in clean:
        values.setdefault(verdict.edit.record, {})[verdict.edit.field] = verdict.value
    before = facts.records
    return [before[ref].changed(fields, facts.stamp(before[ref].version + 1)) for ref, fields in values.items()]


def _conflict_record(clashes: list[Clashing], facts: Facts, atomic: _Groups) -> Record:
    command = facts.command
    grouped = tuple(each.clash.model_copy(update={"group": _group(each.edit, atomic)}) for each in clashes)
    body = Conflict(
        record=command.record,
        command=command.id,
        clashes=grouped,
        team=team_of(facts.records[command.record]),
    )
    fields: dict[str, JsonValue] = body.model_dump(mode="json")
    return Record(record_ref("conflict", command.id), 1, fields, facts.stamp(1))


def _group(edit: Edit, atomic: _Groups) -> str:
    return next((" ".join(sorted(group)) for group in atomic if edit.place in group), "")


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split("\n")[:3])[:300]
