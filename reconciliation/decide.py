"""One command against the records: the ruling.

Order of the questions, first answer wins
1. Is its lifetime one that a command may have, and has it not passed?
2. May this person give this kind of command?
3. Have the commands that it rests on taken effect? Not settled yet → it waits. Failed → it fails with them.
4. Does it make sense: payload, records, the kind's own objection?
5. Edit by edit: clean, clashing or refused (`conflict`). One refused edit refuses the command.
6. Fields that the kind declares atomic clash together.
7. The clean edits are applied, the clashes become one `conflict` record, and nothing is lost.

The ruling is a value. Whoever called persists all of it in one transaction, or none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue

from reconciliation.conflict import Clashing, Clean, Refused, Verdict, clash_of, foreign_since, judge
from reconciliation.expiry import expired, too_long
from shared.commands import read_payload
from shared.commands.base import OFFICE, Base, Command, Creation, Edit, Effect, Kind, Payload, Records, Role
from shared.ids import kind_of, record_ref
from shared.outcomes import EFFECTIVE, FieldName, Outcome, Reason
from shared.records import Conflict, Record, Stamp, check_fields

#: Words of a refusal beyond this are cut: a receipt is not the place for somebody's megabyte.
DETAIL_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a command that this one rests on.

    `known` is False if it was never received; what it needs comes before a command in its chain, so it never will be.
    `outcome` is None while it is not settled. `resolved` says of a conflict that a person has settled it; `versions`
    are then those that the settlement produced.
    """

    outcome: Outcome | None = None
    resolved: bool = False
    known: bool = True
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a ruling depends on."""

    command: Command
    roles: frozenset[Role]
    records: Records
    past: Mapping[str, Past]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a command; `writes` are the new states of every record it changes."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    writes: tuple[Record, ...] = ()
    applied: tuple[FieldName, ...] = ()
    conflicting: tuple[FieldName, ...] = ()
    conflict: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not to be settled yet: the commands that it waits for."""

    needs: tuple[str, ...]


def refs_of(command: Command) -> frozenset[str]:
    """Every record that deciding `command` needs. Raises as `read_payload` does."""
    effects = read_payload(command).effects(command)
    return frozenset({command.record}) | {effect.record for effect in effects}


def decide(facts: Facts) -> Ruling | Wait:
    """The ruling on `facts.command`.

    Raises:
        UnknownKind: a kind or schema version that this program does not know; the caller holds it unreadable.
    """
    command = facts.command
    try:
        payload = read_payload(command)
    except ValueError as error:
        return _rejected(Reason.PAYLOAD_INVALID, f"the payload does not fit {command.kind}: {_first_line(error)}")
    if misplaced := payload.misplaced(command.record):
        return _rejected(Reason.OBJECTION, misplaced)
    return _out_of_time(facts) or _not_permitted(facts, payload.kind) or _needs(facts) or _on_merits(facts, payload)


def _rejected(reason: Reason, detail: str) -> Ruling:
    return Ruling(Outcome.REJECTED, reason, detail[:DETAIL_CHARS_MAX])


def _out_of_time(facts: Facts) -> Ruling | None:
    if too_long(facts.command):
        return _rejected(Reason.LIFETIME_TOO_LONG, "it asks for a lifetime that no command may have")
    if expired(facts.command, facts.received_at):
        return Ruling(Outcome.EXPIRED, detail=f"it was good until {facts.command.expires_at:%Y-%m-%d %H:%M} UTC")
    return None


def _not_permitted(facts: Facts, kind: Kind) -> Ruling | None:
    if facts.roles & kind.roles:
        return None
    return _rejected(Reason.NOT_PERMITTED, f"{kind.name} needs one of: {', '.join(sorted(kind.roles))}")


def _needs(facts: Facts) -> Ruling | Wait | None:
    needs = sorted(facts.command.needs)
    past = {need: facts.past.get(need, Past()) for need in needs}
    if unknown := [n for n in needs if not past[n].known or n == facts.command.id]:
        return _rejected(Reason.DEPENDENCY_FAILED, f"it rests on {unknown[0]}, which does not come before it")
    failed = [n for n in needs if past[n].outcome in {Outcome.REJECTED, Outcome.EXPIRED}]
    if failed:
        return _rejected(Reason.DEPENDENCY_FAILED, f"it rests on {failed[0]}, which did not take effect")
    waiting = tuple(n for n in needs if past[n].outcome not in EFFECTIVE and not past[n].resolved)
    return Wait(waiting) if waiting else None


def _on_merits(facts: Facts, payload: Payload) -> Ruling:
    command = facts.command
    try:
        effects = payload.effects(command)
    except ValueError as error:
        return _rejected(Reason.PAYLOAD_INVALID, _first_line(error))
    if senseless := _senseless(facts, payload, effects):
        return senseless
    produced = {need: _produced(need, facts) for need in command.needs}
    edits = [effect for effect in effects if isinstance(effect, Edit)]
    verdicts = [judge(edit, facts.records[edit.record], command, produced) for edit in edits]
    if refused := next((v for v in verdicts if isinstance(v, Refused)), None):
        return _rejected(refused.reason, refused.detail)
    spread = _clash_together(verdicts, payload.kind.atomic, facts)
    if any(isinstance(v, Clashing) for v in spread) and any(edit.decided for edit in edits):
        return _rejected(Reason.STALE, "what it decides changed since its author looked")
    return _ruling(facts, [e for e in effects if isinstance(e, Creation)], spread)


def _produced(need: str, facts: Facts) -> Mapping[str, int]:
    """The versions at which the author's view of `need` came true; none where a person settled otherwise."""
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
    return record is not None and record.fields.get(base.field) == base.value


def _senseless(facts: Facts, payload: Payload, effects: Iterable[Effect]) -> Ruling | None:
    created = {effect.record for effect in effects if isinstance(effect, Creation)}
    if there := sorted(created & facts.records.keys()):
        return _rejected(Reason.RECORD_EXISTS, f"{there[0]} exists already")
    touched = {facts.command.record, *(effect.record for effect in effects)} - created
    if missing := sorted(touched - facts.records.keys()):
        return _rejected(Reason.RECORD_MISSING, f"there is no {missing[0]}")
    if objection := payload.objection(facts.command, facts.records):
        return _rejected(Reason.OBJECTION, objection)
    for effect in effects:
        if isinstance(effect, Creation) and (misfit := _misfit(effect)):
            return _rejected(Reason.PAYLOAD_INVALID, misfit)
    return None


def _misfit(creation: Creation) -> str | None:
    try:
        check_fields(kind_of(creation.record), creation.fields)
    except ValueError as error:
        return f"{creation.record} does not fit: {_first_line(error)}"
    return None


def _clash_together(verdicts: list[Verdict], groups: tuple[frozenset[str], ...], facts: Facts) -> list[Verdict]:
    clashing = {_place(v.edit) for v in verdicts if isinstance(v, Clashing)}
    drawn_in = {place for group in groups if group & clashing for place in group}
    return [_drawn_in(v, facts) if isinstance(v, Clean) and _place(v.edit) in drawn_in else v for v in verdicts]


def _drawn_in(clean: Clean, facts: Facts) -> Clashing:
    """A clean edit whose atomic partner clashes: it waits in the same conflict, with nothing against it."""
    return Clashing(clean.edit, clash_of(clean.edit, facts.records[clean.edit.record], facts.command))


def _place(edit: Edit) -> str:
    return f"{kind_of(edit.record)}.{edit.field}"


def _ruling(facts: Facts, creations: list[Creation], verdicts: list[Verdict]) -> Ruling:
    clean = [v for v in verdicts if isinstance(v, Clean)]
    clashes = [v for v in verdicts if isinstance(v, Clashing)]
    writes = [_born(creation, facts) for creation in creations]
    writes += _changed(clean, facts)
    conflict = _conflict_record(clashes, facts) if clashes else None
    if conflict:
        writes.append(conflict)
    merged = any(v.met for v in clean) or _others_moved_on(facts)
    return Ruling(
        outcome=Outcome.CONFLICT if clashes else Outcome.MERGED if merged else Outcome.APPLIED,
        writes=tuple(writes),
        applied=tuple(_name(v.edit) for v in clean),
        conflicting=tuple(_name(v.edit) for v in clashes),
        conflict=conflict.ref if conflict else None,
    )


def _name(edit: Edit) -> FieldName:
    return FieldName(record=edit.record, field=edit.field)


def _others_moved_on(facts: Facts) -> bool:
    record = facts.records.get(facts.command.record)
    if record is None or facts.command.device == OFFICE:
        return False
    stamps = (record.born, *record.stamps.values())
    return any(foreign_since(stamp, facts.command.base_version, facts.command) for stamp in stamps)


def _stamp(facts: Facts, version: int) -> Stamp:
    command = facts.command
    return Stamp(version, command.id, command.device, command.actor, facts.received_at)


def _born(creation: Creation, facts: Facts) -> Record:
    fields = check_fields(kind_of(creation.record), creation.fields)
    return Record(creation.record, 1, fields, _stamp(facts, 1))


def _changed(clean: list[Clean], facts: Facts) -> list[Record]:
    changed: dict[str, Record] = {}
    for verdict in clean:
        ref, name = verdict.edit.record, verdict.edit.field
        before = facts.records[ref]
        now = changed.get(ref) or replace(before, version=before.version + 1)
        stamps = {**now.stamps, name: _stamp(facts, now.version)}
        changed[ref] = replace(now, fields={**now.fields, name: verdict.value}, stamps=stamps)
    return list(changed.values())


def _conflict_record(clashes: list[Clashing], facts: Facts) -> Record:
    command = facts.command
    body = Conflict(record=command.record, command=command.id, clashes=tuple(each.clash for each in clashes))
    fields: dict[str, JsonValue] = body.model_dump(mode="json")
    return Record(record_ref("conflict", command.id), 1, fields, _stamp(facts, 1))


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split("\n")[:3])[:300]
